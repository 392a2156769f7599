"""JSON-RPC to Tryton with an administrator's session, for seeding. Speaks HTTP only; nothing of Tryton is imported."""

from __future__ import annotations

import base64
import json
from datetime import date
from decimal import Decimal
from typing import Any

import httpx2

Values = dict[str, Any]


class RpcRefused(RuntimeError):
    """Tryton answered with an error."""


def tagged(value: Any) -> Any:
    """How Tryton spells what JSON has no word for."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"{type(value).__name__} has no JSON form")


class Rpc:
    """One administrator's session. `context` is the server-side context: company, language."""

    def __init__(self, url: str, database: str, user: str, password: str) -> None:
        self._http = httpx2.Client(base_url=url, timeout=60.0, trust_env=False)
        self._path = f"/{database}/rpc/"
        self.context: Values = {}
        answer = self._call("common.db.login", user, {"password": password}, "en")
        self.user_id, token = answer[0], answer[1]
        session = base64.b64encode(f"{user}:{self.user_id}:{token}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {session}"
        self.reload_context()

    def close(self) -> None:
        self._http.close()

    def reload_context(self) -> None:
        self.context = self._call("model.res.user.get_preferences", True, {})

    def create(self, model: str, values: Values, **context: Any) -> int:
        return int(self._model(model, "create", [values], **context)[0])

    def write(self, model: str, record: int, values: Values, **context: Any) -> None:
        self._model(model, "write", [record], values, **context)

    def press(self, model: str, button: str, record: int, **context: Any) -> None:
        self._model(model, button, [record], **context)

    def field(self, model: str, record: int, name: str) -> Any:
        return self._model(model, "read", [record], [name])[0][name]

    def ids(self, model: str, domain: list[Any], **context: Any) -> list[int]:
        rows = self._model(model, "search_read", domain, 0, None, None, ["id"], **context)
        return [row["id"] for row in rows]

    def one(self, model: str, domain: list[Any], **context: Any) -> int:
        found = self.ids(model, domain, **context)
        if not found:
            raise RpcRefused(f"{model} holds nothing for {domain}")
        return found[0]

    def data_id(self, module: str, name: str) -> int:
        return int(self._model("ir.model.data", "get_id", f"{module}.{name}"))

    def wizard(self, name: str, steps: list[tuple[str, Values]], **context: Any) -> None:
        """Each step is the state to go to and the values of the forms filled so far."""
        whole = {**self.context, **context}
        session = self._call(f"wizard.{name}.create", whole)[0]
        for state, values in steps:
            self._call(f"wizard.{name}.execute", session, values, state, whole)
        self._call(f"wizard.{name}.delete", session, whole)

    def _model(self, model: str, method: str, *arguments: Any, **context: Any) -> Any:
        return self._call(f"model.{model}.{method}", *arguments, {**self.context, **context})

    def _call(self, method: str, *arguments: Any) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": arguments}, default=tagged)
        answer = self._http.post(self._path, content=body, headers={"Content-Type": "application/json"})
        answer.raise_for_status()
        document = answer.json()
        if "error" in document:
            raise RpcRefused(f"{method}: {document['error'][:2]}")
        return document["result"]
