"""What a page says, worked out from the API's documents: the way of a contract in eight stages, and what to do next.

Pure. On screens only these words of ours: contract, system, in step, hold, plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Doc = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Word:
    """A status as word, icon and colour class: never colour alone."""

    text: str
    icon: str
    tone: str
    rank: int  # the worst of several is shown


IN_STEP = Word("in step", "check", "good", 1)
NOT_YET = Word("not yet", "ring", "calm", 0)
WORDS = {
    "in_step": IN_STEP,
    "ended": Word("ended", "dash", "calm", 0),
    "waiting": Word("waiting", "clock", "calm", 3),
    "pending": Word("on its way", "arrow", "moving", 4),
    "sending": Word("on its way", "arrow", "moving", 4),
    "written": Word("being checked", "arrow", "moving", 2),
    "unknown": Word("being checked", "arrow", "moving", 5),
    "moving": Word("on its way", "arrow", "moving", 4),
    "awaiting_approval": Word("needs a yes", "ask", "ask", 6),
    "differs": Word("differs", "differs", "bad", 7),
    "ambiguous": Word("on hold", "stop", "bad", 8),
    "held": Word("on hold", "stop", "bad", 8),
    "blocked": Word("on hold", "stop", "bad", 8),
}
STAGES = (
    ("Signed", ()),
    ("Client", ("client",)),
    ("Project", ("project",)),
    ("Work breakdown", ("work_element",)),
    ("Billing rules", ("billing_rule",)),
    ("Time", ("time_charge",)),
    ("Invoice", ("invoice",)),
    ("Ledger", ("invoice_posting",)),
)
KINDS = {kind: title for title, kinds in STAGES for kind in kinds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One stage in one system."""

    system: str
    word: Word
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    title: str
    marks: tuple[Mark, ...]


def word(status: str) -> Word:
    return WORDS.get(status, Word(status.replace("_", " "), "ask", "ask", 6))


def way(contract: Doc) -> tuple[Stage, ...]:
    """The contract's way from signature to ledger, one stage per document, one mark per system."""
    return tuple(
        Stage(title=title, marks=marks_of(kinds, contract.get("replicas", ())) if kinds else (signed_mark(contract),))
        for title, kinds in STAGES
    )


def signed_mark(contract: Doc) -> Mark:
    record = contract.get("record") or contract
    signed_at = record.get("signed_at")
    system = str(contract.get("source_system") or "ironclad")
    if signed_at:
        return Mark(system=system, word=Word("signed", "check", "good", 1), detail=str(signed_at)[:10])
    return Mark(system=system, word=Word("not signed", "ring", "calm", 0))


def marks_of(kinds: Sequence[str], replicas: Iterable[Doc]) -> tuple[Mark, ...]:
    """Per system the worst status of its documents of these kinds; a stage without any is not there yet."""
    by_system: dict[str, list[Doc]] = {}
    for replica in replicas:
        if replica["kind"] in kinds:
            by_system.setdefault(replica["system"], []).append(replica)
    if not by_system:
        return (Mark(system="", word=NOT_YET),)
    return tuple(mark_of(system, found) for system, found in sorted(by_system.items()))


def mark_of(system: str, replicas: Sequence[Doc]) -> Mark:
    worst = max((word(replica["status"]) for replica in replicas), key=lambda each: each.rank)
    done = sum(1 for replica in replicas if word(replica["status"]) is IN_STEP)
    detail = f"{done} of {len(replicas)}" if len(replicas) > 1 else external_id(replicas[0])
    return Mark(system=system, word=worst, detail=detail)


def external_id(replica: Doc) -> str:
    external = replica.get("external") or {}
    number = (external.get("extra") or {}).get("number")
    return str(number or external.get("id") or "")


def money(value: Any) -> str:
    """`EUR 46,000.00`; nothing for nothing."""
    if not value:
        return ""
    whole, dot, fraction = str(value["amount"]).partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{value['currency']} {sign}{int(digits or 0):,}{dot}{fraction}"


def spelled(value: Any) -> str:
    """Any value of a document as a person writes it."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        if set(value) == {"amount", "currency"}:
            return money(value)
        return ", ".join(f"{name.replace('_', ' ')} {spelled(part)}" for name, part in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(spelled(part) for part in value)
    return str(value)


# Holds that only ask for a yes: their button stands beside what they ask about.
ASKS = frozenset({"AWAITING_RELEASE", "AWAITING_APPLY"})


# What a system is told and does not hold.
TOLD = frozenset({"invoice_notice"})


def headline(contract: Doc) -> str:
    """One sentence: is it in step, and if not, why."""
    if contract.get("why"):
        return str(contract["why"])
    holding = (replica for replica in contract.get("replicas", ()) if replica["kind"] not in TOLD)
    systems = sorted({str(replica["system"]) for replica in holding})
    return f"Every system holds what was signed: {', '.join(systems)}." if systems else "Nothing to do yet."


def holds_of(contract: Doc) -> list[Doc]:
    """The holds that need somebody to put something right."""
    return [hold for hold in contract.get("holds", ()) if hold["code"] not in ASKS]


def next_actor(contract: Doc) -> str:
    """Who acts next, in a person's words."""
    actor = str(contract.get("next_actor") or "nobody")
    return {"engine": "Tieline", "hub": "Tieline", "none": "nobody", "nobody": "nobody", "": "nobody"}.get(actor, actor)


def at_stake(contract: Doc) -> str:
    """The money that hangs on what is not in step, per currency; nothing when nothing is."""
    return " and ".join(money(each) for each in contract.get("at_stake") or ())


def action_word(item: Doc) -> str:
    return {"create": "create", "update": "change", "end": "end"}.get(str(item.get("action")), "no change")


def fact_words(event: Doc) -> str:
    """`dev.tieline.invoice.posted.v1` as "invoice posted"; a change in a system names the system and its id there."""
    detail = event.get("detail") or {}
    if event.get("entry") == "effect":
        verb, _, kind = str(event.get("what", "")).partition(" ")
        done = {"ok": "written", "failed": "refused", "unknown": "being checked"}.get(
            str(detail.get("state")), "on its way"
        )
        where = str((detail.get("external") or {}).get("id") or "")
        title = KINDS.get(kind, kind.replace("_", " "))
        named = f"{title} {'ended' if verb == 'end' else done} in {detail.get('system', '')}"
        return f"{named}, id {where}" if where else named
    if event.get("entry") == "hold_raised":
        return f"hold: {detail.get('sentence', event.get('what'))}"
    if event.get("entry") == "hold_lifted":
        return f"hold resolved: {str(event.get('what', '')).replace('_', ' ').lower()}"
    parts = str(event.get("type", "")).removeprefix("dev.tieline.").rsplit(".v", 1)[0]
    return parts.replace(".", " ").replace("_", " ")


def told(events: Sequence[Doc]) -> list[Doc]:
    """Newest first. Holds are told once: with their sentence, not again as an event."""
    return [event for event in reversed(events) if ".hold." not in str(event.get("type", ""))]


def actor_words(event: Doc) -> str:
    """Keys are people or machines that somebody trusts; their ids say nothing to a reader."""
    actor = str(event.get("actor") or "")
    return "with a key" if actor.startswith("prn_") else actor


def in_order(replicas: Sequence[Doc]) -> list[Doc]:
    """In the order of the contract's way."""
    order = list(KINDS)
    return sorted(
        replicas, key=lambda each: (order.index(each["kind"]) if each["kind"] in KINDS else len(order), each["system"])
    )


def change_counts(plan: Doc) -> str:
    counts: dict[str, int] = {}
    for item in plan.get("items", ()):
        if action_word(item) != "no change":
            counts[action_word(item)] = counts.get(action_word(item), 0) + 1
    return ", ".join(f"{count} to {name}" for name, count in counts.items()) or "no changes"
