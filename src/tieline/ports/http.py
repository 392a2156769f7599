"""The one HTTP client as connectors see it. It alone knows whether a failed call certainly had no effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tieline.kit.canonical import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer with status below 500. `body` is parsed JSON, None for an empty body, str for text asked for."""

    status: int
    headers: Mapping[str, str]  # lower-case names
    body: Json


class Http(Protocol):
    """Bound to one connection: base address, allowed hosts, credentials.

    Raises Unavailable (never sent, or said to be down before acting), Throttled (429 or the manifest's dialect),
    CredentialInvalid (401), Unknown (time-out, cut, 5xx, broken or unexpected body after sending).
    A 4xx that is none of these is returned: the connector's fault table judges it.
    Redirects are not followed. Bodies are limited in size, depth and time. Nothing secret is logged.
    """

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Json = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: str = "json",
        timeout_s: float = 30.0,
        safe: bool | None = None,
    ) -> Answer:
        """`safe`: no effect at the vendor, so that a lost answer is Transient. Default: GET and HEAD are safe."""
        ...
