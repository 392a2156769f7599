"""Results that the store refuses: the one poisonous result is told without the value that cannot be stored (F50)."""

from __future__ import annotations

from dataclasses import replace

from tieline.engine.pumps.calls import Outcome
from tieline.engine.pumps.observe import Reading
from tieline.engine.verdict import Verdict

_REFERENCE = "the call was answered with a reference that cannot be stored, so that nobody knows what it made"
_VALUE = "the document was read back with a value that cannot be stored"


def without_poison(result: Outcome | Reading) -> Outcome | Reading | None:
    """The same result as far as it can be kept: an answer without its reference is ambiguous, a reading has failed.

    None when nothing poisonous was left in it: then it cannot be kept at all.
    """
    if isinstance(result, Reading):
        if result.seen is None:
            return None
        failed = Verdict(state="unknown", next="retry", delay_s=60.0, code="unstorable", detail=_VALUE, tell=True)
        return replace(result, seen=None, failed=failed)
    if result.ref is not None:
        verdict = Verdict(state="ambiguous", next="person", code="AMBIGUOUS", detail=_REFERENCE, tell=True)
        return replace(result, ref=None, verdict=verdict)
    if result.verdict.detail == "":
        return None
    return replace(result, verdict=replace(result.verdict, detail=""))
