"""The base of every twin: it joins store, journal, faults, clock, control plane and the vendor's own routes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from tieline.kit.canonical import Json
from tieline.kit.errors import TielineError
from tieline.twins.chassis.answers import answer
from tieline.twins.chassis.clock import Clock
from tieline.twins.chassis.control import control_plane
from tieline.twins.chassis.database import open_database, wipe
from tieline.twins.chassis.journal import TruthJournal
from tieline.twins.chassis.rules import Faults
from tieline.twins.chassis.sender import Signed, sender_of
from tieline.twins.chassis.store import Store
from tieline.twins.chassis.wire import Wire


class Twin(ABC):
    """Subclass, set `name`, give `routes()` and `principal()`, and name the class `TWIN` in your package's `__init__`.

    `options` are the `--option name=value` of the command line, for what a scenario switches (limits, lag, credentials).
    """

    name: ClassVar[str]

    def __init__(
        self, state: Path, *, control_token: str, latency_ms: float = 0.0, options: Mapping[str, str] | None = None
    ) -> None:
        self.options = dict(options or {})
        self.control_token = control_token
        self.latency_ms = latency_ms
        self.clock = Clock()
        self._db = open_database(state)
        self.store = Store(self._db, self.clock)
        self.journal = TruthJournal(self._db, self.clock)
        self.faults = Faults(self._db)
        self.clock.offset_s = float(self.setting("clock_offset_s", "0"))
        self.sender = sender_of(self, self._db)
        self.setup()
        self.commit()
        self._wire = self._wired()
        self._control = control_plane(self)

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's own operations."""

    @abstractmethod
    def principal(self, request: Request) -> str:
        """Who calls: the name that the truth journal states. Raise an error of the tree to refuse."""

    def setup(self) -> None:  # noqa: B027 - most twins start empty
        """Called once before the first request, and again after a reset: fill what a fresh instance has."""

    def seed(self, document: Json) -> Json:
        """POST /_twin/seed: puts a scenario's starting state in place without journal entries or webhooks."""
        raise NotSeedable(f"the {self.name} twin takes no seed")

    def controls(self) -> Sequence[BaseRoute]:
        """Further operations of the control plane, paths relative to `/_twin`."""
        return ()

    def expire_tokens(self) -> None:  # noqa: B027 - not every vendor has tokens
        """F10: every token handed out so far is worth nothing from now on."""

    def explain(self, error: TielineError) -> Response:
        """The vendor's way to state a refusal that a handler raised. Override it with the vendor's dialect."""
        return answer({"code": error.code, "message": error.detail}, 400)

    def sign(self, event_id: str, body: bytes, variant: str) -> Signed:
        """The headers of a webhook delivery. `variant` is `good` or a shape of F21."""
        return Signed({}, body)

    async def start(self) -> None:
        """Called when the server runs: deliveries that were under way before a restart go on."""
        self.sender.resume()

    def setting(self, name: str, default: str) -> str:
        """A small fact that survives restarts, such as a signing key."""
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def commit(self) -> None:
        if self._db.in_transaction:
            self._db.commit()

    def rollback(self) -> None:
        self._db.rollback()

    def reset(self) -> None:
        """Back to a fresh instance: documents, journal, faults, clock and deliveries are gone."""
        wipe(self._db)
        self.faults.disarm()
        self.store.reveal_all()
        self.clock.offset_s = 0.0
        self.setup()
        self.commit()
        self._wire = self._wired()

    def end_outage(self) -> None:
        """A running outage window (F15) is over at once."""
        self._wire.end_outage()

    def _wired(self) -> Wire:
        handlers = {TielineError: self._explain, Exception: self._explain}
        inner = Starlette(routes=list(self.routes()), exception_handlers=handlers)
        return Wire(self, inner)

    async def _explain(self, request: Request, error: Exception) -> Response:
        """Nothing of a failed request stays. A defect of the twin answers 500 and is shown on its stderr."""
        self.rollback()
        if isinstance(error, TielineError):
            return self.explain(error)
        return answer({"code": "twin_defect", "message": repr(error)}, 500)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application: the control plane sees no fault and no latency."""
        if scope["type"] != "http":
            return
        app = self._control if scope["path"].startswith("/_twin/") else self._wire
        await app(scope, receive, send)


class NotSeedable(TielineError):
    code = "not_seedable"
