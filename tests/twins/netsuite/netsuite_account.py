"""A caller of the look-alike account over plain HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from tieline.twins.process import Served

CUSTOMER = {"companyName": "Contoso Ltd", "subsidiary": {"id": "2"}, "currency": {"id": "1"}}


class Account:
    """One logged-in caller. Paths are relative to the REST root."""

    def __init__(self, twin: Served, key: RSAKey) -> None:
        self.twin = twin
        self.key = key
        self.client = httpx2.Client(base_url=f"{twin.url}/services/rest")

    def assertion(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(self.now())
        audience = "https://123456-sb1.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token"
        good = {"iss": "client-1", "scope": "rest_webservices", "aud": audience, "iat": now, "exp": now + 300}
        head = {"typ": "JWT", "alg": "PS256", "kid": "cert-1", **(header or {})}
        return jwt.encode(head, {**good, **claims}, self.key, algorithms=[head["alg"]])

    def now(self) -> float:
        return datetime.fromisoformat(self.twin.control("clock")["at"]).timestamp()

    def log_in(self, assertion: str) -> httpx2.Response:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return self.client.post("/auth/oauth2/v1/token", data=form)

    def enter(self) -> Account:
        token = self.log_in(self.assertion()).json()["access_token"]
        self.client.headers["authorization"] = f"Bearer {token}"
        return self

    def call(
        self, method: str, path: str, record: Any = None, *, strict: bool = True, **params: str
    ) -> httpx2.Response:
        headers = {"x-netsuite-propertynamevalidation": "Error"} if strict else {}
        return self.client.request(method, f"/record/v1/{path}", json=record, params=params, headers=headers)

    def made(self, kind: str, external: str, record: Any) -> str:
        answer = self.call("PUT", f"{kind}/eid:{external}", record)
        assert answer.status_code == 204, answer.text
        return answer.headers["location"].rpartition("/")[2]

    def query(self, text: str, **params: str) -> httpx2.Response:
        return self.client.post("/query/v1/suiteql", json={"q": text}, params=params, headers={"prefer": "transient"})

    def rows(self, text: str) -> list[dict[str, str]]:
        answer = self.query(text)
        assert answer.status_code == 200, answer.text
        return [{name: value for name, value in row.items() if name != "links"} for row in answer.json()["items"]]
