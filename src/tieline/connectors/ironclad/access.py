"""OAuth 2.0 client credentials: one token for all calls, renewed once when Ironclad says it has expired."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlencode

from tieline import sdk

_TOKEN_PATH = "/oauth/token"  # noqa: S105  a path, not a secret


class Access:
    """Reads in the name of one Ironclad user. The token is the only thing that this connector remembers.

    The vendor's 401 decides when to renew, not a clock; calls that meet it together renew once (single flight).
    """

    def __init__(self, http: sdk.Http, client_id: str, client_secret: sdk.Secret, user_email: str) -> None:
        self._http = http
        self._client_id = client_id
        self._client_secret = client_secret
        self._user_email = user_email
        self._token: str | None = None
        self._renewing = asyncio.Lock()

    async def get(self, path: str, params: Mapping[str, str]) -> sdk.Answer:
        token = self._token or await self._renewed(None)
        try:
            return await self._get(path, params, token)
        except sdk.CredentialInvalid:
            return await self._get(path, params, await self._renewed(token))

    async def _get(self, path: str, params: Mapping[str, str], token: str) -> sdk.Answer:
        headers = {"authorization": f"Bearer {token}", "x-as-user-email": self._user_email}
        return await self._http.request("GET", path, params=params, headers=headers)

    async def _renewed(self, refused: str | None) -> str:
        async with self._renewing:
            if self._token is None or self._token == refused:
                self._token = await self._request_token()
            return self._token

    async def _request_token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal(),
        }
        answer = await self._http.request(
            "POST",
            _TOKEN_PATH,
            content=urlencode(form).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
            safe=True,  # a token that got lost is harmless: another one is asked for
        )
        token = answer.body.get("access_token") if isinstance(answer.body, dict) else None
        if answer.status != 200 or not isinstance(token, str) or not token:
            raise sdk.CredentialInvalid(
                "Ironclad gives no token for this client id and secret: check client_id and client_secret_ref."
            )
        return token
