"""Access tokens by OAuth 2.0 client credentials with a signed assertion (PS256). No password ever travels."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tieline import sdk
from tieline.connectors.netsuite.settings import NetSuiteSettings

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - a path, no secret
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE_S = 240
_SKEW_S = 30  # our clock may run ahead of NetSuite's: an assertion from the future is refused
_MARGIN_S = 60  # a token is not used in its last minute, so that it does not die on the way


class TokenSource:
    """Holds one token, because NetSuite expects it to be reused for its hour; fetched by one caller at a time."""

    def __init__(
        self,
        settings: NetSuiteSettings,
        http: sdk.Http,
        private_key: sdk.Secret,
        *,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._http = http
        self._private_key = private_key
        self._now = now
        self._wall = wall
        self._turn = asyncio.Lock()
        self._token = ""
        self._good_until = float("-inf")

    async def token(self, refused: str | None = None) -> str:
        """A token that is not `refused`. Raises CredentialInvalid when NetSuite does not accept the certificate."""
        async with self._turn:
            if self._token == refused or self._now() >= self._good_until:
                started = self._now()
                self._token, life_s = await self._fetch()
                self._good_until = started + max(life_s - _MARGIN_S, 0)
            return self._token

    async def _fetch(self) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertion(),
        }
        try:
            answer = await self._http.request(
                "POST",
                TOKEN_PATH,
                content=urlencode(form).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                safe=True,
            )
        except sdk.CredentialInvalid:
            raise self._refused() from None
        if answer.status == 429:
            raise sdk.Throttled("NetSuite has no free place for a log-in at present.")
        if answer.status != 200 or not isinstance(answer.body, dict) or "access_token" not in answer.body:
            raise self._refused()
        return str(answer.body["access_token"]), float(answer.body.get("expires_in", 3600))

    def _refused(self) -> sdk.CredentialInvalid:
        return sdk.CredentialInvalid(
            f"NetSuite refuses the certificate {self._settings.certificate_id}: it may have expired (they live a "
            "year) or been revoked; upload a new one and update certificate_id and private_key_ref."
        )

    def _assertion(self) -> str:
        issued = int(self._wall()) - _SKEW_S
        claims = {
            "iss": self._settings.client_id,
            "scope": "rest_webservices",
            "aud": self._settings.token_audience,
            "iat": issued,
            "exp": issued + _ASSERTION_LIFE_S,
            "jti": secrets.token_hex(16),
        }
        header = {"typ": "JWT", "alg": "PS256", "kid": self._settings.certificate_id}
        try:
            return jwt.encode(header, claims, RSAKey.import_key(self._private_key.reveal()), algorithms=["PS256"])
        except (JoseError, ValueError):
            raise sdk.CredentialInvalid(
                "The NetSuite private key cannot be read: private_key_ref must lead to an RSA key in PEM form."
            ) from None
