"""Keyset paging with cursors that nobody can forge or carry to another tenant or list (X22)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request

from tieline.kit.errors import Fault, Rejected

Limit = Annotated[int, Query(ge=1, le=200, description="How many entries to answer at most.")]
CursorText = Annotated[str | None, Query(max_length=600, description="Where to go on: from the answer before.")]


def seal(key: bytes, tenant: str, listing: str, position: str) -> str:
    """`position` is readable to its holder and valid only for this tenant's `listing`."""
    data = position.encode()
    return base64.urlsafe_b64encode(_tag(key, tenant, listing, data) + data).rstrip(b"=").decode()


def unseal(key: bytes, tenant: str, listing: str, cursor: str | None) -> str:
    """The position, `""` for the start. Raises Rejected for anything that was not sealed for exactly this."""
    if cursor is None:
        return ""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        raw = b""
    tag, data = raw[:16], raw[16:]
    if not hmac.compare_digest(tag, _tag(key, tenant, listing, data)):
        fault = Fault("/query/cursor", "is not a cursor of this list: start again without it")
        raise Rejected("The cursor does not belong to this list.", faults=[fault])
    return data.decode()


def next_link(request: Request, cursor: str | None) -> dict[str, str]:
    """The Link header (RFC 8288) for the page after this one."""
    if cursor is None:
        return {}
    query = {**request.query_params, "cursor": cursor}
    return {"link": f'<{request.url.path}?{urlencode(query)}>; rel="next"'}


def _tag(key: bytes, tenant: str, listing: str, data: bytes) -> bytes:
    context = "\x1f".join((tenant, listing)).encode()
    return hmac.new(key, context + b"\x1e" + data, hashlib.sha256).digest()[:16]
