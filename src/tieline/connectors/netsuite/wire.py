"""NetSuite's two doors: records by external id (read-your-write) and SuiteQL (many at once)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tieline import sdk
from tieline.connectors.netsuite import faults
from tieline.connectors.netsuite.tokens import TokenSource

RECORDS = "/services/rest/record/v1"
SUITEQL = "/services/rest/query/v1/suiteql"
PAGE_ROWS = 1000
_PAGES_MAX = 100  # NetSuite answers 100,000 rows of one query at most
_TYPE = "application/vnd.oracle.resource+json; type=singular"
# Amounts go out as exact JSON numbers: the published type is `number`, and no float is on the way.
_encode = msgspec.json.Encoder(decimal_format="number").encode

Row = Mapping[str, Any]


class Wire:
    """Adds the token, asks for strict property names, and judges refusals."""

    def __init__(self, http: sdk.Http, tokens: TokenSource) -> None:
        self._http = http
        self._tokens = tokens

    async def upsert(
        self, kind: str, external_id: str, record: sdk.Json, *, replace: str | None = None
    ) -> tuple[sdk.Answer, str | None]:
        """PUT by external id: creates or changes, never doubles. Returns the answer and the internal id, if told."""
        answer = await self._write("PUT", f"{RECORDS}/{kind}/eid:{external_id}", record, replace)
        return answer, _id_in(answer)

    async def change(self, kind: str, address: str, record: sdk.Json, *, replace: str | None = None) -> sdk.Answer:
        """PATCH of named fields; `address` is an internal id or `eid:…`."""
        return await self._write("PATCH", f"{RECORDS}/{kind}/{address}", record, replace)

    async def delete(self, kind: str, address: str) -> sdk.Answer:
        return await self.call("DELETE", f"{RECORDS}/{kind}/{address}")

    async def record(self, kind: str, address: str, fields: str) -> dict[str, Any] | None:
        """The primary read path: None is certain absence."""
        answer = await self.call("GET", f"{RECORDS}/{kind}/{address}", params={"fields": fields})
        if answer.status == 404:
            return None
        if answer.status != 200 or not isinstance(answer.body, dict):
            faults.refuse(answer, f"the reading of a {kind}")
        return answer.body

    async def rows(self, query: str) -> list[Row]:
        """All rows of a SuiteQL query, which must have a unique order: pages of any other repeat and miss rows."""
        found: list[Row] = []
        for _ in range(_PAGES_MAX):
            page = await self._page(query, len(found))
            found += page["items"]
            if not page.get("hasMore"):
                return found
        raise sdk.Rejected("NetSuite answers at most 100,000 rows of one query; ask for fewer documents at once.")

    async def page(self, query: str) -> tuple[list[Row], bool]:
        """The first rows of a query and whether more follow; the next query begins behind the last of them."""
        page = await self._page(query, 0)
        return page["items"], bool(page.get("hasMore"))

    async def call(self, method: str, path: str, **given: Any) -> sdk.Answer:
        """One call with a token. A refused token is renewed once; the token door, not this one, judges credentials.

        Under overload NetSuite answers good tokens with a failed log-in, so a second refusal means "busy".
        """
        token = await self._tokens.token()
        try:
            return await self._send(method, path, token, given)
        except sdk.CredentialInvalid:
            token = await self._tokens.token(refused=token)
        try:
            return await self._send(method, path, token, given)
        except sdk.CredentialInvalid:
            raise sdk.Throttled(
                "NetSuite refuses a fresh log-in, which is how it says that it is overloaded."
            ) from None

    async def _send(self, method: str, path: str, token: str, given: Mapping[str, Any]) -> sdk.Answer:
        headers = {"Authorization": f"Bearer {token}", **given.get("headers", {})}
        return await self._http.request(method, path, **{**given, "headers": headers})

    async def _write(self, method: str, path: str, record: sdk.Json, replace: str | None) -> sdk.Answer:
        headers = {"Content-Type": _TYPE, "X-NetSuite-PropertyNameValidation": "Error"}
        params = {"replace": replace} if replace else None
        return await self.call(method, path, content=_encode(record), params=params, headers=headers)

    async def _page(self, query: str, offset: int) -> dict[str, Any]:
        answer = await self.call(
            "POST",
            SUITEQL,
            json={"q": query},
            params={"limit": str(PAGE_ROWS), "offset": str(offset)},
            headers={"Prefer": "transient"},
            safe=True,
        )
        if answer.status != 200 or not isinstance(answer.body, dict):
            faults.refuse(answer, "a query")
        return answer.body


def refused(answer: sdk.Answer) -> bool:
    return answer.status >= 400


def quoted(values: Sequence[str]) -> str:
    """Values for an IN list. Our markers hold letters, digits and `_` only; names are escaped."""
    return ", ".join(literal(value) for value in values)


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _id_in(answer: sdk.Answer) -> str | None:
    location = answer.headers.get("location", "")
    return location.rstrip("/").rpartition("/")[2] or None
