"""What a delivery needs from outside: somebody who carries a message and tells what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tieline.routing.verdicts import Answered


class Post(Protocol):
    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """POST exactly these bytes, follow nothing, wait 20 seconds at most, keep nothing of the answer's body.

        Never raises for what the other side does: no answer is an answer without status.
        """
        ...
