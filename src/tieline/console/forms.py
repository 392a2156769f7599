"""Forms of the console: small, with a token, and only from this address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from tieline.console.sessions import Session, same

FORM_BYTES_MAX = 10_000


async def form(request: Request) -> dict[str, str]:
    """The fields of a small URL-encoded form; Starlette keeps the body, so that it can be read twice."""
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def is_key(text: str) -> bool:
    return 0 < len(text) <= 200 and text.isascii() and text.isprintable() and " " not in text


async def genuine(request: Request, session: Session) -> bool:
    return same_origin(request) and same((await form(request)).get("csrf", ""), session.csrf)


def same_origin(request: Request) -> bool:
    """Browsers name the origin of a form; another one is refused, none at all is left to the token."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
