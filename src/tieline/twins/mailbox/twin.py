"""A mailbox for announcements: takes what is signed well, keeps it, and remembers every arrival, doubles included."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.kit.canonical import Json
from tieline.kit.errors import NotAllowed, Rejected, TielineError
from tieline.twins.chassis import Twin, accepted, answer, body

_STATUS = {"not_allowed": 401}
_WINDOW_S = 300
_STAMP = re.compile(r"[0-9]{1,11}")


class MailboxTwin(Twin):
    """Options: `secret` (`whsec_…`) — messages must be signed with it; without it every message is taken."""

    name = "mailbox"

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/notices", self._receive, methods=["POST"]),
            Route("/notices", self._shown, methods=["GET"]),
        ]

    def principal(self, request: Request) -> str:
        """Whoever knows the secret; senders have no names."""
        return "signed" if "secret" in self.options else "anonymous"

    def explain(self, error: TielineError) -> Response:
        return answer({"code": error.code, "message": error.detail}, _STATUS.get(error.code, 400))

    async def _receive(self, request: Request) -> Response:
        """A second arrival of one webhook-id changes nothing that is kept, but the journal states it."""
        event = await body(request)
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            raise Rejected("The message is not a CloudEvent in JSON: it has no text `type`.")
        message_id = request.headers.get("webhook-id", "")
        if not message_id:
            raise Rejected("The header webhook-id is missing; send one id per message.")
        self._verified(request, message_id, await request.body())
        known = self.store.get("notice", message_id, fresh=True) is not None
        if not known:
            self.store.put("notice", message_id, {"id": message_id, "arrived_at": self.clock.text(), "event": event})
        self._state(request, "double" if known else "receive", message_id, event)
        return accepted()

    async def _shown(self, request: Request) -> Response:
        """What was kept, in the order of arrival: for people who look."""
        return answer({"items": [kept for _, kept in self.store.list("notice")]})

    def _verified(self, request: Request, message_id: str, raw: bytes) -> None:
        """Standard Webhooks 1.0, on this twin's clock. Raises NotAllowed."""
        if "secret" not in self.options:
            return
        stamp = request.headers.get("webhook-timestamp", "")
        if not _STAMP.fullmatch(stamp) or abs(self.clock.time() - int(stamp)) > _WINDOW_S:
            raise NotAllowed("The header webhook-timestamp is missing, or more than five minutes away from now.")
        sent_at = datetime.fromtimestamp(int(stamp), tz=UTC)
        wanted = Webhook(self.options["secret"]).sign(message_id, sent_at, raw.decode())
        given = request.headers.get("webhook-signature", "").split(" ")
        if not any(hmac.compare_digest(wanted.encode(), one.encode()) for one in given):
            raise NotAllowed("The message is not signed with this mailbox's secret.")

    def _state(self, request: Request, operation: str, message_id: str, event: Json) -> None:
        self.journal.append(
            principal=self.principal(request),
            operation=operation,
            kind=event["type"],
            natural_key=str(event.get("id", "")),
            payload=event,
            idempotency_key=message_id,
            correlation=request.headers.get("tieline-correlation-id"),
        )
