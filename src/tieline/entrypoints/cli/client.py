"""The HTTP API as commands use it. Every answer that is not a success becomes a Problem; nothing here reads a database."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Self

import httpx2

from tieline.entrypoints.cli import connection
from tieline.entrypoints.cli.exits import UNREACHABLE, Problem, problem
from tieline.kit.ids import uuid7

PAGE = 200
PAGES_MAX = 500


class Client:
    """One command's conversation with the hub."""

    def __init__(self, found: connection.Connection, *, transport: httpx2.BaseTransport | None = None) -> None:
        self.url = found.url
        self._http = httpx2.Client(
            base_url=found.url,
            headers={"Authorization": f"Bearer {found.api_key}", "Accept": "application/json"},
            timeout=httpx2.Timeout(30.0, connect=5.0),
            transport=transport,
        )

    @classmethod
    def open(cls) -> Self:
        return cls(connection.load())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return self._send("GET", path, params={name: value for name, value in params.items() if value is not None})

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """`key` makes a repeat of the same order harmless; a fresh one when the caller has none."""
        return self._send("POST", path, json=dict(body or {}), headers={"Idempotency-Key": f'"{key or uuid7()}"'})

    def rows(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list, page after page."""
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = self.get(path, limit=PAGE, cursor=cursor, **params)
            yield from rows_of(page)
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def all(self, path: str) -> list[dict[str, Any]]:
        """A list that comes whole."""
        return rows_of(self.get(path))

    def _send(self, method: str, path: str, **request: Any) -> Any:
        try:
            answer = self._http.request(method, path, **request)
        except httpx2.RequestError as error:
            raise problem(
                f"The hub at {self.url} does not answer ({type(error).__name__}).",
                code="unavailable",
                status=503,
                exit_code=UNREACHABLE,
                way_out="see that it runs: `tieline doctor`",
            ) from None
        if answer.is_success:
            return answer.json() if answer.content else None
        raise Problem(problem_document(answer))


def rows_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The one list in a page document, under whatever plural noun it stands."""
    return next((value for value in page.values() if isinstance(value, list)), [])


def problem_document(answer: httpx2.Response) -> dict[str, Any]:
    """The API's own problem, or one that says what came instead."""
    if "json" in answer.headers.get("content-type", ""):
        found = answer.json()
        if isinstance(found, dict) and "status" in found:
            return found
    return {
        "type": "about:blank",
        "title": answer.reason_phrase or "failed",
        "status": answer.status_code,
        "code": "unexpected_answer",
        "detail": f"The hub answered {answer.status_code} without saying why. Is {os.path.dirname(str(answer.url))} a hub?",
    }
