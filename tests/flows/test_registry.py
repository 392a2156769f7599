"""Flows are found by folder."""

from tieline.flows.registry import all_flows
from tieline.ports.flows import Ref

from .world import World, client, contract


def test_a_flow_is_found_because_its_file_is_there() -> None:
    assert [flow.name for flow in all_flows()] == [
        "activate_contract",
        "limit_contract",
        "limit_purchase_order",
        "post_time",
        "propagate_amendment",
        "release_invoice",
        "report_retro",
    ]


def test_every_flow_of_a_contract_reads_its_client_from_another_lane() -> None:
    records = World().add(contract(), client()).snapshot().records
    for flow in all_flows():
        if flow.root != "contract":
            continue
        assert list(flow.context(records)) == [Ref(kind="client_record", id="cl_1")]
