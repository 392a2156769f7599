"""Tryton's REST user application on the wire: addresses, typed values, and what its statuses mean.

Tryton's error bodies carry a translated sentence and no code, so nothing here judges by text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlencode

from tieline import sdk

Row = dict[str, Any]
Domain = list[Any]
IDS_A_CALL = 100


@dataclass(frozen=True, slots=True)
class Wire:
    """One database with one key. Every call names the company that it is about."""

    http: sdk.Http
    database: str
    key: sdk.Secret

    async def search(
        self, company: int, model: str, domain: Domain, fields: Sequence[str], limit: int = 50
    ) -> list[Row]:
        """Oldest first."""
        query = [("d", _packed(domain)), ("o", _packed([["id", "ASC"]])), ("s", str(limit))]
        answer = await self._call("GET", model, company, [*query, *_wanted(fields)])
        return self._rows(answer, company, fields)

    async def by_ids(self, company: int, model: str, ids: Iterable[int], fields: Sequence[str]) -> dict[int, Row]:
        wanted = sorted(set(ids))
        found: dict[int, Row] = {}
        for start in range(0, len(wanted), IDS_A_CALL):
            part = wanted[start : start + IDS_A_CALL]
            rows = await self.search(company, model, [["id", "in", part]], fields, IDS_A_CALL)
            found.update({row["id"]: row for row in rows})
        return found

    async def create(self, company: int, model: str, values: Mapping[str, Any], fields: Sequence[str]) -> Row:
        """Conflict when Tryton refuses: its own counters collide under load with the same status as a wrong value has."""
        try:
            answer = await self._call("POST", model, company, _wanted(fields), values)
        except sdk.Rejected as refused:
            raise sdk.Conflict(refused.detail, code="ERP_REFUSED") from refused
        return self._one(answer, company, fields)

    async def write(
        self, company: int, model: str, record: int, values: Mapping[str, Any], fields: Sequence[str]
    ) -> Row:
        answer = await self._call("PUT", f"{model}/{record}", company, _wanted(fields), values)
        return self._one(answer, company, fields)

    async def press(
        self, company: int, model: str, record: int, button: str, fields: Sequence[str], *, skip_warnings: bool = False
    ) -> Row:
        path = f"{model}/{record}/{button}"
        answer = await self._call("POST", path, company, _wanted(fields), {}, skip_warnings=skip_warnings)
        return self._one(answer, company, fields)

    async def _call(
        self,
        method: str,
        path: str,
        company: int,
        query: Iterable[tuple[str, str]],
        values: Mapping[str, Any] | None = None,
        *,
        skip_warnings: bool = False,
    ) -> sdk.Json:
        context: Row = {"company": company, "companies": [company]}
        if skip_warnings:
            context["_skip_warnings"] = True
        headers = {
            "authorization": f"Bearer {self.key.reveal()}",
            "x-tryton-context": _packed(context),
            "accept-language": "en",
        }
        if values is not None:
            headers["content-type"] = "application/json"
        address = f"/{self.database}/rest/model/{path}?{urlencode(list(query))}"
        content = None if values is None else json.dumps(values, default=tagged).encode()
        return untagged(judged(await self.http.request(method, address, content=content, headers=headers)))

    def _one(self, answer: sdk.Json, company: int, fields: Sequence[str]) -> Row:
        if not isinstance(answer, dict):
            raise sdk.Unknown(
                "Tryton took the change and did not show the record; it is looked up before anything else."
            )
        return self._rows([answer], company, fields)[0]

    def _rows(self, answer: sdk.Json, company: int, fields: Sequence[str]) -> list[Row]:
        """A key that may not use the company gets another company's records without a word: refuse them."""
        rows = cast("list[Row]", answer or [])
        if "company.id" in fields and any(row["company"]["id"] != company for row in rows):
            raise sdk.Blocked(
                f"Tryton answered with records of another company than {company}: let the user of the key use that "
                "company in Tryton, or correct `companies` in the settings.",
                code="WRONG_LEGAL_ENTITY",
            )
        return rows


def judged(answer: sdk.Answer) -> sdk.Json:
    """The body of a success. Every other status had certainly no effect: Tryton rolls back before it answers."""
    if answer.status < 400:
        return answer.body
    said = _sentence(answer.body)
    if answer.status == 403:
        raise sdk.Blocked(
            f"Tryton does not let the key do this{said}: add the missing group to its user in Tryton.",
            code="ACCESS_MISSING",
        )
    if answer.status == 404:
        raise sdk.Conflict("The record is gone from Tryton, or the key may not see it; it is looked up again.")
    raise sdk.Rejected(f"Tryton refused the record{said}.")


def tagged(value: Any) -> Any:
    """How Tryton wants what JSON has no word for."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, datetime):
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {"__class__": "datetime", **{name: getattr(value, name) for name in names}}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, timedelta):
        return {"__class__": "timedelta", "seconds": value.total_seconds()}
    raise TypeError(f"{type(value).__name__} has no form in Tryton's JSON")


def untagged(value: sdk.Json) -> Any:
    """Decimals, durations and dates out of Tryton's objects; dates become ISO text, as documents have them."""
    if isinstance(value, list):
        return [untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get("__class__"):
        case "Decimal":
            return Decimal(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"]).isoformat()
        case "datetime":
            parts = {name: part for name, part in value.items() if name != "__class__"}
            return datetime(**parts, tzinfo=UTC).isoformat()
        case "timedelta":
            return timedelta(microseconds=int(Decimal(value["seconds"]) * 1_000_000))
        case _:
            return {name: untagged(item) for name, item in value.items()}


def like(text: str) -> str:
    """`text` as itself inside a search pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _wanted(fields: Sequence[str]) -> list[tuple[str, str]]:
    return [("f", name) for name in fields]


def _packed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, default=tagged).encode()).decode()


def _sentence(body: sdk.Json) -> str:
    if isinstance(body, dict) and body.get("message"):
        return f" and says: “{str(body['message'])[:300]}”"
    return ""
