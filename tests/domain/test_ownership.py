"""Contradictory ownership does not compile, and says in words what contradicts what."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.ownership import Declaration, Edge, Ownership, OwnershipError, Place, compile_ownership
from tieline.domain.ownership_defaults import DEFAULT_DECLARATIONS, DEFAULT_EDGES, REQUIRED_FIELDS

HUB = {"*": "hub"}


def owns(entity: str, field: str, role: str, legal_entity: str = "*", phase: str = "*") -> Declaration:
    return Declaration(entity=entity, field=field, role=role, legal_entity=legal_entity, phase=phase)


def edge(source: tuple[str, ...], target: tuple[str, ...], legal_entity: str = "*") -> Edge:
    return Edge(source=Place(*source), target=Place(*target), legal_entity=legal_entity)


def faults(*declarations: Declaration, edges: Any = (), biller: Any = HUB, rater: Any = HUB, **more: Any) -> list[str]:
    with pytest.raises(OwnershipError) as caught:
        compile_ownership(declarations, biller, rater, edges, **more)
    return [fault.message for fault in caught.value.faults]


def test_O3_the_shipped_declarations_compile_and_every_field_has_an_owner() -> None:
    ownership = compile_ownership(
        DEFAULT_DECLARATIONS, HUB, HUB, DEFAULT_EDGES, required=REQUIRED_FIELDS, legal_entities=("DE01", "US01")
    )
    assert ownership.owner("contract", "lines", "DE01") == "clm"
    assert ownership.owner("invoice", "number", "US01") == "erp"
    assert ownership.may_write("inbox", "time_entry", "hours", "DE01")
    assert not ownership.may_write("clm", "time_entry", "hours", "DE01")
    assert ownership.refused("clm", "contract", ["title", "lines"], "DE01") == []


def test_O3_two_writers_of_one_field_do_not_compile() -> None:
    assert faults(owns("contract", "rate", "clm"), owns("contract", "rate", "crm")) == [
        "contract.rate has two writers, clm and crm"
    ]


def test_O3_two_writers_in_one_legal_entity_and_phase_are_named_with_both() -> None:
    given = [owns("project", "dates", role, "DE01", "delivery") for role in ("psa", "erp")]
    assert faults(*given) == ["project.dates for DE01 in phase delivery has two writers, erp and psa"]


def test_the_nearer_declaration_wins_and_is_no_second_writer() -> None:
    ownership = compile_ownership(
        [owns("contract", "rate", "clm"), owns("contract", "rate", "crm", "US01"), owns("contract", "*", "clm")],
        HUB,
        HUB,
    )
    assert [ownership.owner("contract", "rate", e) for e in ("DE01", "US01")] == ["clm", "crm"]
    assert ownership.owner("contract", "title", "US01") == "clm" and ownership.owner("client", "name") is None


def test_a_required_field_without_owner_is_named_per_legal_entity() -> None:
    required = {"contract": ["rate"]}
    found = faults(owns("contract", "rate", "clm", "DE01"), required=required, legal_entities=["DE01", "US01"])
    assert found == ["contract.rate for US01 has no owner"]


@pytest.mark.parametrize(
    ("biller", "message"),
    [
        ({"DE01": ["hub", "erp"]}, "legal entity DE01 has two billers, erp and hub"),
        ({"US01": "hub"}, "legal entity DE01 has no biller"),
        ({"*": []}, "legal entity DE01 has no biller"),
        ({"*": "excel"}, "biller excel of every legal entity is none of erp, psa, hub"),
    ],
)
def test_exactly_one_system_bills_each_legal_entity(biller: Any, message: str) -> None:
    assert faults(biller=biller, legal_entities=["DE01"]) == [message]


def test_exactly_one_system_prices_each_legal_entity() -> None:
    assert faults(rater={"*": ["psa", "hub"]}) == ["every legal entity has two raters, hub and psa"]


def test_a_cycle_is_printed_as_a_chain_that_one_can_read() -> None:
    edges = [
        edge(("contract", "rate"), ("billing_rule", "rate", "erp")),
        edge(("billing_rule", "rate", "erp"), ("contract", "rate")),
    ]
    assert faults(owns("contract", "rate", "clm"), edges=edges) == [
        "cycle: contract.rate (clm) → billing_rule.rate at erp → contract.rate"
    ]


def test_a_cycle_that_exists_in_one_legal_entity_only_is_found_there() -> None:
    edges = [
        edge(("contract", "rate"), ("billing_rule", "rate", "erp")),
        edge(("billing_rule", "rate", "erp"), ("contract", "rate"), "US01"),
    ]
    assert len(faults(edges=edges)) == 1
    split = [edges[0], edge(("billing_rule", "rate", "erp"), ("project", "name"), "US01")]
    assert isinstance(compile_ownership([], HUB, HUB, split), Ownership)


def test_every_contradiction_is_reported_at_once() -> None:
    found = faults(
        owns("a", "x", "clm"),
        owns("a", "x", "crm"),
        biller={},
        required={"b": ["y"]},
        edges=[edge(("a", "x"), ("a", "x"))],
        legal_entities=["DE01"],
    )
    assert len(found) == 4


_PLACES = st.builds(
    Place, st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), st.sampled_from([None, "erp", "psa"])
)
_EDGES = st.lists(
    st.builds(
        lambda s, t, e: Edge(source=s, target=t, legal_entity=e),
        _PLACES,
        _PLACES,
        st.sampled_from(["*", "DE01", "US01"]),
    ),
    max_size=8,
)
_DECLARATIONS = st.lists(
    st.builds(
        owns,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["clm", "erp", "hub"]),
        st.sampled_from(["*", "DE01", "US01"]),
        st.sampled_from(["*", "delivery"]),
    ),
    max_size=8,
)


def has_cycle(edges: list[Edge], legal_entity: str) -> bool:
    """Independent of the compiler: strip places nothing leads to until none is left, or a cycle remains."""
    left = {(e.source, e.target) for e in edges if e.legal_entity in ("*", legal_entity)}
    while left:
        targets = {target for _, target in left}
        kept = {(s, t) for s, t in left if s in targets}
        if kept == left:
            return True
        left = kept
    return False


@given(_DECLARATIONS, _EDGES)
def test_O3_random_configurations_compile_exactly_when_nothing_contradicts(
    declarations: list[Declaration], edges: list[Edge]
) -> None:
    keys = {(d.entity, d.field, d.legal_entity, d.phase) for d in declarations}
    writers = {(d.entity, d.field, d.legal_entity, d.phase, d.role) for d in declarations}
    entities = {d.legal_entity for d in declarations} | {e.legal_entity for e in edges}
    sound = len(writers) == len(keys) and not any(has_cycle(edges, e) for e in (entities - {"*"}) or {"*"})
    try:
        ownership = compile_ownership(declarations, HUB, HUB, edges)
    except OwnershipError as error:
        assert not sound and error.faults
        return
    assert sound
    for d in declarations:
        assert ownership.owner(d.entity, d.field, d.legal_entity, d.phase) == d.role
