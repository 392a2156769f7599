"""What a person needs to settle an ambiguous call: what was sent, when, under which marker, and what was looked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tieline.engine.rows import Row

NOT_ASKED = "nothing: this operation takes no key and cannot be searched, so the hub did not look"


def of_call(replica: Row, *, effect_key: bytes, verb: str, sent_at: datetime) -> dict[str, Any]:
    """For the hold. The two ways out are the same everywhere: it happened (its reference), or it did not."""
    return {
        "effect_key": effect_key.hex(), "verb": verb, "sent_at": sent_at.isoformat(), "sent": replica["doc"],
        "revision": replica["revision"], "search_for": replica["key"], "looked_for": NOT_ASKED,
        "ways_out": {
            "it happened": f"tieline resolve {replica['replica_id']} --happened <its id in {replica['system']}>",
            "it did not": f"tieline resolve {replica['replica_id']} --did-not-happen",
        },
    }  # fmt: skip
