"""The Ironclad twin: what a CLM hands to the firm once a contract is signed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.kit.canonical import Json
from tieline.kit.errors import TielineError
from tieline.twins.chassis import Signed, Twin, answer, body, fault_of
from tieline.twins.ironclad.hooks import Hooks, new_key
from tieline.twins.ironclad.limits import Limits
from tieline.twins.ironclad.oauth import OAuth
from tieline.twins.ironclad.records import Records
from tieline.twins.ironclad.refusals import Refused, explained
from tieline.twins.ironclad.schema import checked_properties

_PERSON = "clm-user"
_STATUS_EVENT = "record_contract_status_changed"


class IroncladTwin(Twin):
    """Options: client_id, client_secret, token_ttl_s, limits=on, hook_backoff_ms."""

    name = "ironclad"

    def setup(self) -> None:
        """A fresh instance has a new signing key, as every company has its own."""
        if not self.setting("signing_key", ""):
            self.remember("signing_key", new_key())
        given = self.options
        self._oauth = OAuth(
            self.store,
            self.clock,
            given.get("client_id", "tieline"),
            given.get("client_secret", "tieline-secret"),
            float(given.get("token_ttl_s", "3600")),
        )
        self._limits = Limits(self.clock, on=given.get("limits") == "on")
        self._hooks = Hooks(self.store, self.clock, self.sender, self.principal, self.setting("signing_key", ""))
        self._records = Records(self.store, self.journal, self.clock, self.principal, self._status_changed)

    def routes(self) -> Sequence[BaseRoute]:
        return [*self._records.routes(), *self._hooks.routes(), *self._oauth.routes()]

    def controls(self) -> Sequence[BaseRoute]:
        return [
            Route("/sign/{id}", self._sign, methods=["POST"]),
            Route("/sign-all", self._sign_all, methods=["POST"]),
            Route("/terminate/{id}", self._terminate, methods=["POST"]),
            Route("/edit/{id}", self._edit, methods=["POST"]),
        ]

    def principal(self, request: Request) -> str:
        """Also where an F6 fault shows: a refusal that calls itself 200."""
        caller = self._oauth.caller(request)
        self._limits.count(request)
        if (fault := fault_of(request)) is not None:
            raise Refused(200, str(fault.detail.get("code", "INTERNAL")), "the request could not be completed")
        return caller

    def explain(self, error: TielineError) -> Response:
        return explained(error)

    def expire_tokens(self) -> None:
        self._oauth.expire_all()

    def sign(self, event_id: str, body: bytes, variant: str) -> Signed:
        return self._hooks.sign(event_id, body, variant)

    def seed(self, document: Json) -> Json:
        """`{"records": […]}`; children may come before their parents."""
        planted = [self._records.planted(record) for record in document["records"]]
        for record in planted:
            if "parentId" in record:
                self._records.adopt(record)
        return {"records": [{"id": record["id"], "ironcladId": record["ironcladId"]} for record in planted]}

    def _status_changed(self, record: Json) -> None:
        self._hooks.announce(_STATUS_EVENT, {"recordID": record["id"]}, record["id"])

    async def _sign(self, request: Request) -> Response:
        """The last signature arrives: `{"at"?: instant, "events"?: […]}`. Signing again only announces again."""
        given = await body(request) if await request.body() else {}
        return answer({"record": self._signed(request.path_params["id"], given)})

    async def _sign_all(self, request: Request) -> Response:
        """Many last signatures at once: `{"ids": […]}`, each as in `sign`."""
        given = await body(request)
        return answer({"signed": len([self._signed(one, given) for one in given["ids"]])})

    def _signed(self, record_id: str, given: Json) -> Json:
        record = self._records.known(record_id)
        before = {**record, "properties": dict(record["properties"])}
        if "agreementDate" not in record["properties"]:
            moment = given.get("at") or self.clock.text()
            record["properties"].update(checked_properties({"agreementDate": {"type": "date", "value": moment}}))
            told = _STATUS_EVENT in _events(given)
            record = self._records.keep(record, before, _PERSON, "sign", announce=told)
        elif _STATUS_EVENT in _events(given):
            self._status_changed(record)
        if "workflow_completed" in _events(given):
            ids = {"workflowID": secrets.token_hex(12), "templateID": secrets.token_hex(12)}
            self._hooks.announce("workflow_completed", {**ids, "recordIDs": [record["id"]]}, record["id"])
        return record

    async def _terminate(self, request: Request) -> Response:
        return await self._changed(
            request, "terminate", {"terminationDate": {"type": "date", "value": self.clock.text()}}
        )

    async def _edit(self, request: Request) -> Response:
        """A person edits properties; the vendor announces nothing: only polling sees it."""
        return await self._changed(request, "edit", (await body(request))["properties"])

    async def _changed(self, request: Request, operation: str, properties: Json) -> Response:
        record = self._records.known(request.path_params["id"])
        before = {**record, "properties": dict(record["properties"])}
        record["properties"] = {**record["properties"], **checked_properties(properties)}
        return answer({"record": self._records.keep(record, before, _PERSON, operation)})


def _events(given: Json) -> list[str]:
    events: list[str] = given.get("events", [_STATUS_EVENT])
    return events
