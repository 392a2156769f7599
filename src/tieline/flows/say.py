"""How flows put findings, facts and confirmed replicas into decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tieline.domain.facts import ConfirmedReplica, payload, type_of
from tieline.domain.holds import CATALOGUE, Finding
from tieline.flows.view import ContractView
from tieline.kit.canonical import Json, digest
from tieline.kit.money import Money
from tieline.ports.decisions import Fact, Hold, Target


def hold(
    found: Finding, subject: str, *, amount: Money | None = None, evidence: Json = None, part: str | None = None
) -> Hold:
    """The hold of one finding. `amount` is the money that hangs on it when the finding names none itself."""
    money = found.amount or amount
    return Hold(
        code=found.code,
        subject=subject,
        owner=found.owner,
        sentence=found.sentence,
        way_out=found.way_out,
        evidence=found.evidence if evidence is None else evidence,
        amount=str(money.amount) if money else None,
        currency=money.currency if money else None,
        part=part,
    )


def entry_hold(
    found: Sequence[Finding], entry_id: str, *, amount: Money | None = None, part: str | None = None
) -> Hold:
    """One hold for all the rules that a time entry fails, under the code of the first in the order of the rule book."""
    rules = [f"{CATALOGUE[f.code].rule} {f.code}" if CATALOGUE[f.code].rule else f.code for f in found]
    reasons = "; ".join(f"{rule}: {f.sentence}" for rule, f in zip(rules, found, strict=True))
    return Hold(
        code=found[0].code,
        subject=f"time_entry:{entry_id}",
        owner=found[0].owner,
        sentence=f"Time entry {entry_id} is not charged. {reasons}.",
        way_out=" ".join(dict.fromkeys(f.way_out for f in found)),
        evidence={"codes": [f.code for f in found]} | {k: v for f in found for k, v in (f.evidence or {}).items()},
        amount=str(amount.amount) if amount else None,
        currency=amount.currency if amount else None,
        part=part,
    )


def rule_hold(found: Finding, rule_id: str, line_name: str) -> Hold:
    """Why a contract line has no price in the systems that need one."""
    return Hold(
        code=found.code,
        subject=f"billing_rule:{rule_id}",
        owner=found.owner,
        sentence=f"Line {line_name} has no billing rule: {found.sentence}.",
        way_out=found.way_out,
    )


def establish(event: object, *, subject: str, cause: str) -> Fact:
    """A catalogued business event, once per cause."""
    return Fact(type=type_of(event), subject=subject, cause=cause, data=payload(event))


def in_step(view: ContractView, target: Target, doc: Json) -> bool:
    """Whether the system was read back holding exactly this document, at the revision that is planned."""
    replica = view.replica(target)
    return (
        replica is not None
        and replica.revision > 0
        and replica.confirmed_revision == replica.revision
        and replica.doc == doc
    )


def confirmations(view: ContractView, targets: Iterable[Target]) -> tuple[ConfirmedReplica, ...]:
    """Evidence of what was read back, for certificates."""
    found = [(target, view.replica(target)) for target in targets]
    return tuple(
        ConfirmedReplica(
            kind=target.kind,
            key=target.key,
            system=replica.system,
            revision=replica.confirmed_revision,
            external_id=external_id(replica.external),
            observed_digest=digest(replica.observed).hex(),
        )
        for target, replica in found
        if replica is not None
    )


def external_id(external: Json) -> str | None:
    return str(external["id"]) if external and external.get("id") is not None else None


def external_number(external: Json) -> str | None:
    """The document number that the system itself gave."""
    return ((external or {}).get("extra") or {}).get("number")
