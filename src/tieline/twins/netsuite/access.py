"""Who calls: OAuth 2.0 tokens for signed assertions (PS256 family only), and token-based OAuth 1.0a signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from tieline.kit.canonical import decode
from tieline.twins.netsuite.refusals import Refusal, invalid_login

TOKEN_LIFE_S = 3600
_ASSERTION_LIFE_S_MAX = 3600
_SKEW_S = 60
_TIMESTAMP_S_MAX = 300
_ALGORITHMS = ("PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """An integration record with one uploaded certificate."""

    client_id: str
    certificate_id: str
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """Token-based access: consumer and token with their secrets."""

    consumer_key: str
    consumer_secret: str
    token_id: str
    token_secret: str


@dataclass(slots=True)
class Doorman:
    """Judges log-ins of one account. `host` is how the account calls itself in token addresses."""

    host: str
    realm: str
    key: bytes
    now: Callable[[], float]
    generation: int = 1  # tokens of an older generation have been revoked
    integrations: dict[str, Integration] = field(default_factory=dict)  # by certificate id
    pairs: dict[str, TokenPair] = field(default_factory=dict)  # by token id
    _nonces: dict[str, float] = field(default_factory=dict)

    @property
    def audience(self) -> str:
        return f"https://{self.host}/services/rest/auth/oauth2/v1/token"

    def issue(self, form: Mapping[str, str]) -> str:
        """An access token for a client assertion; raises Refusal the way the token endpoint does."""
        if (form.get("grant_type"), form.get("client_assertion_type")) != ("client_credentials", _BEARER):
            raise Refusal("invalid_request", code="invalid_request")
        client = self._asserted(form.get("client_assertion", ""))
        return self.token_for(client)

    def token_for(self, client: str) -> str:
        body = f"{self.generation}.{int(self.now()) + TOKEN_LIFE_S}.{client}"
        return f"{body}.{self._seal(body)}"

    def bearer(self, token: str) -> str:
        """The client that a token was issued to. Raises INVALID_LOGIN."""
        body, _, seal = token.rpartition(".")
        parts = body.split(".", 2)
        if len(parts) != 3 or not hmac.compare_digest(seal, self._seal(body)):
            raise invalid_login()
        if int(parts[0]) < self.generation or int(parts[1]) <= self.now():
            raise invalid_login()
        return parts[2]

    def signed(self, method: str, url: str, query: str, header: str) -> str:
        """The consumer of an OAuth 1.0a header. Raises INVALID_LOGIN on any flaw: signature, clock, nonce, realm."""
        given = _oauth_header(header)
        pair = self.pairs.get(given.get("oauth_token", ""))
        if pair is None or pair.consumer_key != given.get("oauth_consumer_key"):
            raise invalid_login()
        if given.get("realm") != self.realm or given.get("oauth_signature_method") != "HMAC-SHA256":
            raise invalid_login()
        wanted = _signature(method, url, query, given, pair)
        if not hmac.compare_digest(wanted, given.get("oauth_signature", "")):
            raise invalid_login()
        self._once(given.get("oauth_nonce", ""), given.get("oauth_timestamp", ""))
        return pair.consumer_key

    def _once(self, nonce: str, timestamp: str) -> None:
        now = self.now()
        self._nonces = {key: at for key, at in self._nonces.items() if now - at < 2 * _TIMESTAMP_S_MAX}
        if (
            not nonce
            or nonce in self._nonces
            or not timestamp.isdigit()
            or abs(now - int(timestamp)) > _TIMESTAMP_S_MAX
        ):
            raise invalid_login()
        self._nonces[nonce] = now

    def _asserted(self, assertion: str) -> str:
        header = _header_of(assertion)
        integration = self.integrations.get(str(header.get("kid")))
        if integration is None or header.get("alg") not in _ALGORITHMS:
            raise _refused_assertion()
        try:
            key = RSAKey.import_key(integration.public_key)
            claims = jwt.decode(assertion, key, algorithms=list(_ALGORITHMS)).claims
        except (JoseError, ValueError):
            raise _refused_assertion() from None
        issued, expires, now = claims.get("iat", 0), claims.get("exp", 0), self.now()
        fresh = issued <= now + _SKEW_S and now < expires <= issued + _ASSERTION_LIFE_S_MAX
        if not fresh or claims.get("iss") != integration.client_id or claims.get("aud") != self.audience:
            raise _refused_assertion()
        if "rest_webservices" not in str(claims.get("scope", "")):
            raise Refusal("invalid_scope", code="invalid_scope")
        return integration.client_id

    def _seal(self, body: str) -> str:
        return hmac.new(self.key, body.encode(), hashlib.sha256).hexdigest()[:32]


def new_key() -> str:
    return secrets.token_hex(32)


def _refused_assertion() -> Refusal:
    return Refusal("invalid_client", code="invalid_client", status=401)


def _header_of(assertion: str) -> dict[str, object]:
    first = assertion.partition(".")[0]
    try:
        header = decode(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except ValueError:
        raise _refused_assertion() from None
    return header if isinstance(header, dict) else {}


def _oauth_header(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.removeprefix("OAuth ").split(","))
    return {name: unquote(value.strip('"')) for name, _, value in pairs}


def _signature(method: str, url: str, query: str, given: Mapping[str, str], pair: TokenPair) -> str:
    """HMAC-SHA256 over method, address without query, and the sorted parameters of header and query (RFC 5849)."""
    own = [(name, value) for name, value in given.items() if name not in ("realm", "oauth_signature")]
    every = sorted((_escape(name), _escape(value)) for name, value in own + parse_qsl(query, keep_blank_values=True))
    parameters = "&".join(f"{name}={value}" for name, value in every)
    base = "&".join(_escape(part) for part in (method, url, parameters))
    key = f"{_escape(pair.consumer_secret)}&{_escape(pair.token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


def _escape(text: str) -> str:
    return quote(text, safe="~")
