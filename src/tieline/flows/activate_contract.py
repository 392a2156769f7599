"""A signed contract becomes a client, a project and a work breakdown in every system that needs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from tieline.domain.contract import lines_total
from tieline.domain.facts import ContractActivated
from tieline.domain.holds import finding
from tieline.domain.shells import client_of, project_of, work_element_of
from tieline.flows import hours
from tieline.flows.parts import OPEN
from tieline.flows.registry import flow
from tieline.flows.say import confirmations, establish, hold, in_step
from tieline.flows.targets import client_at, element_at, project_at, rule_of
from tieline.flows.view import UNBILLED, ContractView
from tieline.kit.canonical import plain
from tieline.kit.money import Money
from tieline.ports.decisions import Decision, Desired, Ended, Fact, Hold, Target, WakeAt
from tieline.ports.flows import Needs, Snapshot


def _needs(snapshot: Snapshot) -> Needs:
    """What is left to charge and to bill counts only where it may keep the contract open."""
    view = ContractView.of(snapshot)
    over = view.ready and _has_ended(view)
    return Needs(parts=frozenset({OPEN}), records=frozenset({UNBILLED})) if over else Needs()


@flow(root="contract", within=timedelta(hours=4), owner="pmo", needs=_needs)
def activate_contract(snapshot: Snapshot) -> Iterator[Decision]:
    """Nothing is written before everything is checked; the fact follows when all of it was read back."""
    view = ContractView.of(snapshot)
    yield from _unreadable(view)
    if not view.exists:
        return
    subject = f"contract:{view.contract.id}"
    for found in view.findings:
        yield hold(found, subject, amount=_at_stake(view))
    if not view.ready:
        return
    yield from _turning_days(view)
    if _is_over(view):
        yield from _closed(view)
        return
    shells = tuple(_shells(view))
    yield from shells
    yield from _activated(view, shells, subject)


def _shells(view: ContractView) -> Iterator[Desired]:
    contract, client = view.contract, view.client
    assert client is not None, "a ready contract has a client"
    for role in view.firm.homes_of(contract.legal_entity):
        yield Desired(
            target=client_at(view, role),
            doc=plain(client_of(view.tenant, contract, client.value)),
            lane=f"client:{contract.client_id}",
            basis=client.record.version,
        )
        yield Desired(
            target=project_at(view, role),
            doc=plain(project_of(view.tenant, contract)),
            after=(client_at(view, role),),
            basis=view.version,
        )
        for line in contract.lines:
            yield Desired(
                target=element_at(view, line.id, role),
                doc=plain(work_element_of(view.tenant, contract, line)),
                after=(project_at(view, role),),
                basis=view.version,
            )


def _activated(view: ContractView, shells: tuple[Desired, ...], subject: str) -> Iterator[Fact]:
    """Billing rules count too: a project that cannot be billed is not active."""
    rules = [rule_of(view, line.id) for line in view.contract.lines]
    shells_stand = all(in_step(view, shell.target, shell.doc) for shell in shells)
    if not (shells_stand and all(_confirmed(view, rule) for rule in rules)):
        return
    contract = view.contract
    event = ContractActivated(
        contract_id=contract.id,
        number=contract.number,
        legal_entity=contract.legal_entity,
        activated_at=view.snapshot.now,
        replicas=confirmations(view, [*(shell.target for shell in shells), *rules]),
    )
    yield establish(event, subject=subject, cause=f"contract.activated:{contract.id}")


def _confirmed(view: ContractView, target: Target) -> bool:
    replica = view.replica(target)
    return replica is not None and replica.confirmed_revision > 0


def _turning_days(view: ContractView) -> Iterator[WakeAt]:
    """The contract's own days: its start, and the end after which it may be closed."""
    contract = view.contract
    for day in (contract.starts_on, contract.ends_on):
        if day is not None and day > view.today:
            yield WakeAt(at=view.firm.midnight(contract.legal_entity, day))


def _is_over(view: ContractView) -> bool:
    """Terminated, past its last day, and nothing left to charge or bill."""
    return _has_ended(view) and not view.unbilled and not hours.open_entries(view)


def _has_ended(view: ContractView) -> bool:
    contract = view.contract
    return contract.state == "terminated" and (contract.ends_on is None or contract.ends_on <= view.today)


def _closed(view: ContractView) -> Iterator[Ended]:
    for role in view.firm.homes_of(view.contract.legal_entity):
        elements = [element_at(view, line.id, role) for line in view.contract.lines]
        for target in (*elements, project_at(view, role)):
            if view.replica(target) is not None:
                yield Ended(target=target, how="close")


def _unreadable(view: ContractView) -> Iterator[Hold]:
    for record, reason in view.unreadable.items():
        if view.entries.part_of(record) is not None:
            continue  # said where its part is planned
        yield hold(finding("RECORD_UNREADABLE", record=record, reason=reason), record)


def _at_stake(view: ContractView) -> Money | None:
    contract = view.contract
    mixed = {line.rate.currency for line in contract.lines} != {contract.currency}
    return contract.total or (None if mixed else lines_total(contract))
