"""Every system that prices by a contract's rates holds the rate in force, and a certificate proves it per amendment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from tieline.domain.amendments import SetAside
from tieline.domain.contract import line_name
from tieline.domain.facts import AmendmentPropagated
from tieline.domain.holds import finding
from tieline.domain.rates import Term, turning_days
from tieline.domain.shells import billing_rule_of
from tieline.flows.registry import flow
from tieline.flows.say import confirmations, establish, hold, in_step, rule_hold
from tieline.flows.targets import element_at, rule_of
from tieline.flows.view import ContractView
from tieline.kit.canonical import Json, digest, plain
from tieline.ports.decisions import Decision, Desired, Fact, Hold, WakeAt
from tieline.ports.flows import Snapshot


@flow(root="contract", within=timedelta(hours=4), owner="pmo")
def propagate_amendment(snapshot: Snapshot) -> Iterator[Decision]:
    """A change of rate waits for a person's apply where the firm asks for it; what is in dispute stays as it is."""
    view = ContractView.of(snapshot)
    if not view.exists:
        return
    for parked in view.terms.aside:
        yield _parked(view, parked)
    if not view.ready:
        return
    yield from _next_turn(view)
    rules: dict[str, Desired] = {}
    terms: dict[str, Term] = {}
    for line in view.contract.lines:
        term = view.terms.rate_on(line.id, _day_of_reference(view))
        if isinstance(term, Term):
            terms[line.id] = term
            rules[line.id] = _rule(view, line.id, term)
        elif term.code != "RATE_IN_DISPUTE":  # a dispute is held at its amendment already
            yield rule_hold(term, rule_of(view, line.id).key, line.name)
    yield from rules.values()
    yield from _waiting(view, terms, rules)
    yield from _certificates(view, terms, rules)


def _rule(view: ContractView, line_id: str, term: Term) -> Desired:
    line = next(line for line in view.contract.lines if line.id == line_id)
    target = rule_of(view, line_id)
    replica = view.replica(target)
    changes = replica is not None and replica.revision > 0  # what nobody has seen yet may start with today's rate
    asks = changes and view.firm.amendments_apply == "approved" and term.amendment_id is not None
    return Desired(
        target=target,
        doc=plain(billing_rule_of(view.tenant, view.contract, line, term)),
        after=(element_at(view, line_id, target.role),),
        gate=f"amendment:{term.amendment_id}" if asks else None,
        basis=view.version,
    )


def _parked(view: ContractView, parked: SetAside) -> Hold:
    """A displacing amendment may be confirmed by a person, who approves exactly the document shown as evidence."""
    key = parked.amendment.id
    if parked.why.code != "AMENDMENT_DISPLACES":
        return hold(parked.why, f"amendment:{key}")
    doc = view.amendments[key].record.doc
    return hold(parked.why, f"amendment_terms:{key}", evidence={"digest": digest(doc).hex(), "document": doc})


def _waiting(view: ContractView, terms: Mapping[str, Term], rules: Mapping[str, Desired]) -> Iterator[Hold]:
    """Whose turn it is while a gated change has not been applied, once per line."""
    for line_id, rule in rules.items():
        replica = view.replica(rule.target)
        if rule.gate is None or replica is None or replica.doc == rule.doc:
            continue
        amendment = view.amendments[str(terms[line_id].amendment_id)].value
        found = finding(
            "AWAITING_APPLY",
            number=amendment.number,
            line=line_name(view.contract, line_id),
            before=_rate_of(replica.doc),
            after=terms[line_id].rate,
            system=replica.system,
            contract_id=view.contract.id,
        )
        yield hold(found, f"amendment:{amendment.id}:{line_id}")


def _rate_of(rule: Json) -> str:
    rate = (rule or {}).get("rate") or {}
    return f"{rate.get('currency', '')} {rate.get('amount', 'none')}".strip()


def _certificates(view: ContractView, terms: Mapping[str, Term], rules: Mapping[str, Desired]) -> Iterator[Fact]:
    """In force is operational: said only when every rule of the amendment was read back."""
    for known in view.terms.applied:
        amendment = known.amendment
        lines = [line_id for line_id, term in terms.items() if term.amendment_id == amendment.id]
        if not lines or not all(in_step(view, rules[line].target, rules[line].doc) for line in lines):
            continue
        event = AmendmentPropagated(
            amendment_id=amendment.id,
            contract_id=view.contract.id,
            number=amendment.number,
            legal_entity=view.contract.legal_entity,
            effective_from=amendment.effective_from,
            certified_at=view.snapshot.now,
            replicas=confirmations(view, [rules[line].target for line in lines]),
        )
        yield establish(event, subject=f"amendment:{amendment.id}", cause=f"amendment.propagated:{amendment.id}")


def _next_turn(view: ContractView) -> Iterator[WakeAt]:
    days = turning_days(view.contract, (known.amendment for known in view.terms.applied))
    coming = next((day for day in days if day > view.today), None)
    if coming is not None:
        yield WakeAt(at=view.firm.midnight(view.contract.legal_entity, coming))


def _day_of_reference(view: ContractView) -> date:
    """Today, or the nearest day of the contract: a rule is set up before the start and stays after the end."""
    contract = view.contract
    day = max(view.today, contract.starts_on)
    return min(day, contract.ends_on - timedelta(days=1)) if contract.ends_on else day
