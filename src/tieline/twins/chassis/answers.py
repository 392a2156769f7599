"""Reading requests and writing answers, for the handlers of every twin."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tieline.kit.canonical import Json
from tieline.kit.errors import Rejected
from tieline.twins.chassis.rules import Fault

JSON = "application/json"
_encode = msgspec.json.Encoder(decimal_format="string").encode


def answer(value: Json, status: int = 200, *, headers: Mapping[str, str] | None = None, media: str = JSON) -> Response:
    """A JSON answer; bytes go out as they are."""
    content = value if isinstance(value, bytes) else _encode(value)
    return Response(content, status, dict(headers) if headers else None, media)


def accepted(status: int = 204, *, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    return Response(b"", status, dict(headers) if headers else None)


async def body(request: Request) -> Json:
    """The request's JSON; raises Rejected when it is none."""
    raw = await request.body()
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise Rejected("The request's body is not JSON; send one JSON document.") from error


def fault_of(request: Request) -> Fault | None:
    """The F6 fault that this request must act out (an error inside a good answer, a partial batch), if any."""
    fault: Fault | None = request.scope.get("twin.fault")
    return fault
