"""`/records`: the repository of contracts and amendments, and what their status and relations follow from."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.kit.canonical import Json
from tieline.twins.chassis import Clock, Store, TruthJournal, accepted, answer, body
from tieline.twins.ironclad.hooks import Guard, paging
from tieline.twins.ironclad.refusals import Refused, invalid, missing, not_found
from tieline.twins.ironclad.schema import checked_properties, checked_type, metadata, one_line

StatusChanged = Callable[[Json], None]
_EDITS = {"type", "name", "addProperties", "removeProperties", "addLinks", "removeLinks", "setParent", "removeParent"}
_SORTS = {"agreementDate", "name", "lastUpdated"}
_EQUALS = re.compile(r"Equals\(\[(\w+)\],\s*'((?:[^'\\]|\\.)*)'\)")


class Records:
    """`on_status` is called inside the request when a record's contract status has changed."""

    def __init__(
        self, store: Store, journal: TruthJournal, clock: Clock, guard: Guard, on_status: StatusChanged
    ) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._guard = guard
        self._on_status = on_status

    def routes(self) -> list[BaseRoute]:
        base = "/public/api/v1/records"
        return [
            Route(base, self._list, methods=["GET"]),
            Route(base, self._create, methods=["POST"]),
            Route(base + "/metadata", self._metadata, methods=["GET"]),
            Route(base + "/{id}", self._read, methods=["GET"]),
            Route(base + "/{id}", self._replace, methods=["PUT"]),
            Route(base + "/{id}", self._edit, methods=["PATCH"]),
            Route(base + "/{id}", self._delete, methods=["DELETE"]),
        ]

    def known(self, id: str, *, fresh: bool = True) -> Json:
        """By record id or readable id (`IC-n`)."""
        record = self._store.get("record", id, fresh=fresh)
        if record is None and (found := self._store.find("record", "ironcladId", id, fresh=fresh)) is not None:
            record = found[1]
        if record is None:
            raise not_found("record")
        return record

    def keep(
        self,
        record: Json,
        before: Json | None,
        principal: str,
        operation: str,
        *,
        announce: bool = True,
        correlation: str | None = None,
    ) -> Json:
        """Writes a changed record, states it, and announces a change of its status."""
        record["lastUpdated"] = self._clock.text()
        record["contractStatus"] = _status_of(record, before, self._clock.text())
        self.write(record)
        self._journal.append(
            principal=principal,
            operation=operation,
            kind=record["type"],
            natural_key=record["id"],
            payload=record,
            correlation=correlation,
        )
        old = before["contractStatus"]["status"] if before is not None else "indeterminate"
        if announce and record["contractStatus"]["status"] != old:
            self._on_status(record)
        return record

    def write(self, record: Json) -> None:
        self._store.put("record", record["id"], record, keys={"ironcladId": record["ironcladId"]})

    def planted(self, given: Json) -> Json:
        """A record of a seed: complete, without journal entry or event."""
        record = self.blank(checked_type(given.get("type")), str(given.get("name", "")))
        record["properties"] = checked_properties(given.get("properties", {}))
        for key in ("id", "ironcladId", "lastUpdated", "parentId", "parentLinkType"):
            if key in given:
                record[key] = given[key]
        derived = _status_of(record, None, record["lastUpdated"])
        record["contractStatus"] = given.get("contractStatus", derived)
        self.write(record)
        return record

    def blank(self, type: str, name: str) -> Json:
        return {
            "id": str(uuid.uuid4()),
            "ironcladId": f"IC-{self._store.next_number('ironclad', 1001)}",
            "type": type,
            "name": name,
            "lastUpdated": self._clock.text(),
            "properties": {},
            "attachments": {},
            "links": [],
            "childIds": [],
        }

    def adopt(self, child: Json) -> None:
        """Enters a child at its parent, as `childIds`, and as `amendments` when it amends."""
        parent = self.known(child["parentId"])
        child["parentId"] = parent["id"]
        if child["id"] not in parent["childIds"]:
            parent["childIds"].append(child["id"])
        if child.get("parentLinkType") == "amendment":
            amendments = parent.setdefault("amendments", [])
            if child["ironcladId"] not in amendments:
                amendments.append(child["ironcladId"])
        self.write(parent)

    async def _metadata(self, request: Request) -> Response:
        self._guard(request)
        return answer(metadata())

    async def _list(self, request: Request) -> Response:
        self._guard(request)
        page, size = paging(request)
        found = _filtered([record for _, record in self._store.list("record")], request)
        chosen = [_shown(record, request) for record in found[page * size : (page + 1) * size]]
        return answer({"page": page, "pageSize": size, "count": len(found), "list": chosen})

    async def _read(self, request: Request) -> Response:
        self._guard(request)
        id = request.path_params["id"]
        if request.query_params.get("addressAsObject") == "true":
            raw = self._store.raw("record", id)
            if raw is not None:
                return answer(raw)
        return answer(_shown(self.known(id, fresh=False), request))

    async def _create(self, request: Request) -> Response:
        given = await body(request)
        principal = self._guard(request)
        for field in ("type", "name", "properties"):
            if field not in given:
                raise missing(field)
        record = self.blank(checked_type(given["type"]), str(given["name"]))
        record["properties"] = checked_properties(given["properties"])
        record["links"] = given.get("links", [])
        if "parent" in given:
            self._set_parent(record, given["parent"])
        kept = self.keep(record, None, principal, "create_record", correlation=_correlation(request))
        return answer(_shown(kept, request))

    async def _replace(self, request: Request) -> Response:
        given = await body(request)
        principal = self._guard(request)
        before = self.known(request.path_params["id"])
        for field in ("type", "name", "properties"):
            if field not in given:
                raise missing(field)
        record = {**before, "type": checked_type(given["type"]), "name": str(given["name"])}
        record["properties"] = checked_properties(given["properties"])
        kept = self.keep(record, before, principal, "replace_record", correlation=_correlation(request))
        return answer(_shown(kept, request))

    async def _edit(self, request: Request) -> Response:
        given = await body(request)
        principal = self._guard(request)
        before = self.known(request.path_params["id"])
        if unknown := sorted(set(given) - _EDITS):
            raise invalid(unknown[0], f"unknown parameter {unknown[0]}")
        record = {**before, "properties": dict(before["properties"]), "links": list(before["links"])}
        if "type" in given:
            record["type"] = checked_type(given["type"])
        if "name" in given:
            record["name"] = str(given["name"])
        record["properties"].update(checked_properties(given.get("addProperties", {})))
        for key in given.get("removeProperties", []):
            record["properties"].pop(key, None)
        record["links"] = [link for link in record["links"] if link not in given.get("removeLinks", [])]
        record["links"] += given.get("addLinks", [])
        self._relate(record, given)
        kept = self.keep(record, before, principal, "update_record", correlation=_correlation(request))
        return answer(_shown(kept, request))

    async def _delete(self, request: Request) -> Response:
        principal = self._guard(request)
        record = self.known(request.path_params["id"])
        self._store.delete("record", record["id"])
        self._journal.append(
            principal=principal,
            operation="delete_record",
            kind=record["type"],
            natural_key=record["id"],
            payload={"id": record["id"]},
            correlation=_correlation(request),
        )
        return accepted()

    def _relate(self, record: Json, given: Json) -> None:
        if "setParent" in given:
            self._set_parent(record, given["setParent"])
        if given.get("removeParent") and record.get("parentId"):
            parent = self.known(record["parentId"])
            parent["childIds"] = [child for child in parent["childIds"] if child != record["id"]]
            parent["amendments"] = [id for id in parent.get("amendments", []) if id != record["ironcladId"]]
            self.write(parent)
            record.pop("parentId")
            record.pop("parentLinkType", None)

    def _set_parent(self, record: Json, given: Json) -> None:
        if not isinstance(given, dict) or "recordId" not in given:
            raise missing("parent.recordId")
        try:
            record["parentId"] = self.known(str(given["recordId"]))["id"]
        except Refused as error:
            raise invalid("parent.recordId", "parent record not found") from error
        if given.get("parentLinkType"):
            record["parentLinkType"] = given["parentLinkType"]
        self.adopt(record)


def _correlation(request: Request) -> str | None:
    return request.headers.get("tieline-correlation-id")


def _status_of(record: Json, before: Json | None, now: str) -> Json:
    """Signed contracts have an agreement date; terminated ones a termination date."""
    properties = record["properties"]
    if "terminationDate" in properties:
        status = {"status": "inactive", "enhancedStatus": "inactive"}
    elif "agreementDate" in properties:
        status = {"status": "active", "enhancedStatus": "executed"}
    else:
        status = {"status": "indeterminate", "enhancedStatus": "unknown"}
    old = (before or {}).get("contractStatus", {})
    since = old.get("eventDate") if old.get("status") == status["status"] else None
    return {**status, "eventDate": since or now}


def _shown(record: Json, request: Request) -> Json:
    """Addresses as text unless the request asks for objects."""
    if request.query_params.get("addressAsObject") == "true":
        return record
    shown = {
        key: {"type": "string", "value": one_line(value["value"])} if value["type"] == "address" else value
        for key, value in record["properties"].items()
    }
    return {**record, "properties": shown}


def _filtered(records: list[Json], request: Request) -> list[Json]:
    asked = request.query_params
    if asked.get("types"):
        types = set(asked["types"].split(","))
        records = [record for record in records if record["type"] in types]
    if asked.get("lastUpdated"):
        since = _instant(asked["lastUpdated"])
        records = [record for record in records if datetime.fromisoformat(record["lastUpdated"]) >= since]
    if asked.get("filter"):
        records = [record for record in records if _equal(record, asked["filter"])]
    field = asked.get("sortField", "agreementDate")
    direction = asked.get("sortDirection", "DESC")
    if field not in _SORTS or direction not in ("ASC", "DESC"):
        raise invalid("sortField", f"sortField must be one of {', '.join(sorted(_SORTS))}; sortDirection ASC or DESC")
    return sorted(records, key=lambda record: (_sort_value(record, field), record["id"]), reverse=direction == "DESC")


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("lastUpdated", "lastUpdated must be an ISO 8601 date") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _sort_value(record: Json, field: str) -> str:
    if field == "agreementDate":
        return str(record["properties"].get(field, {}).get("value", ""))
    return str(record[field])


def _equal(record: Json, formula: str) -> bool:
    match = _EQUALS.fullmatch(formula.strip())
    if match is None:
        raise invalid("filter", "this look-alike only understands Equals([property], 'value')")
    held = record["properties"].get(match[1])
    return held is not None and str(held["value"]) == match[2]
