"""The account over HTTP: record service, SuiteQL and the token endpoint, with the limits that integrators complain about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from tieline.kit.canonical import Json
from tieline.kit.errors import Rejected, TielineError
from tieline.twins.chassis import Twin, accepted, answer
from tieline.twins.netsuite import records, seeds
from tieline.twins.netsuite.access import TOKEN_LIFE_S, Doorman, Integration, TokenPair, new_key
from tieline.twins.netsuite.books import Books
from tieline.twins.netsuite.mirror import Mirror
from tieline.twins.netsuite.refusals import Refusal, busy, invalid, stated

REST = "/services/rest"
_SINGULAR = "application/vnd.oracle.resource+json; type=singular"
_COLLECTION = "application/vnd.oracle.resource+json; type=collection"
_PAGE_ROWS = 1000
_QUERY_ROWS = 100_000
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decoder = msgspec.json.Decoder(float_hook=str)


class NetSuiteTwin(Twin):
    """Options: `account`, `pool` (calls in flight), `outside` (of which others use), `routing` on|off, `rounding`,
    and `certificate` (file with a public key) with `certificate_id` and `client_id` for a first integration.
    """

    name = "netsuite"

    def setup(self) -> None:
        account = self.options.get("account", "123456_SB1")
        host = f"{account.lower().replace('_', '-')}.suitetalk.api.netsuite.com"
        if not (key := self.setting("token_key", "")):
            self.remember("token_key", key := new_key())
        realm = account.upper().replace("-", "_")
        self.door = Doorman(host=host, realm=realm, key=key.encode(), now=self.clock.time)
        self.door.generation = int(self.setting("token_generation", "1"))
        self.pool = int(self.options.get("pool", "15"))
        self.outside = int(self.options.get("outside", "0"))
        self.disguised = False
        self.in_flight = 0
        self.mirror = Mirror(self.store)
        self.books = Books(self.store, self.journal, self.mirror, self.clock, self._option)
        if self.store.count("subsidiary") == 0:
            self._fill()
        self._restore_access()
        self.mirror.touch_all()

    def _option(self, name: str, default: str) -> str:
        """What the control plane said last, else the command line."""
        return self.setting(name, self.options.get(name, default))

    def _fill(self) -> None:
        for kind, docs in {**seeds.REFERENCES, "accountingPeriod": list(seeds.periods())}.items():
            for doc in docs:
                self.store.put(kind, doc["id"], doc)

    def _restore_access(self) -> None:
        if path := self.options.get("certificate"):
            name = self.options.get("certificate_id", "cert-1")
            client = self.options.get("client_id", "tieline")
            key = Path(path).read_text()
            self.door.integrations[name] = Integration(client_id=client, certificate_id=name, public_key=key)
        for _, doc in self.store.list("integration", fresh=True):
            self.door.integrations[doc["certificate_id"]] = Integration(**doc)
        for _, doc in self.store.list("token_pair", fresh=True):
            self.door.pairs[doc["token_id"]] = TokenPair(**doc)

    def routes(self) -> Sequence[BaseRoute]:
        one = f"{REST}/record/v1/{{kind}}/{{address}}"
        return [
            Route(f"{REST}/auth/oauth2/v1/token", self._token, methods=["POST"]),
            Route(f"{REST}/query/v1/suiteql", self._suiteql, methods=["POST"]),
            Route(f"{REST}/record/v1/{{kind}}", self._create, methods=["POST"]),
            Route(f"{REST}/record/v1/{{kind}}", self._list, methods=["GET"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._put, methods=["PUT"]),
            Route(one, self._patch, methods=["PATCH"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The account-wide pool: who finds no free place is turned away at once. Log-ins are not counted."""
        if scope["type"] != "http" or scope["path"].startswith(("/_twin/", f"{REST}/auth/")):
            await super().__call__(scope, receive, send)
            return
        if self.in_flight + self.outside >= self.pool:
            refusal = Refusal("Invalid login attempt.", code="INVALID_LOGIN", status=401) if self.disguised else busy()
            await stated(refusal)(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.in_flight -= 1

    def principal(self, request: Request) -> str:
        """OAuth 2.0 bearer or OAuth 1.0a. Raises INVALID_LOGIN."""
        header = request.headers.get("authorization", "")
        if header.startswith("OAuth "):
            url = str(request.url.replace(query=""))
            return self.door.signed(request.method, url, request.url.query, header)
        return self.door.bearer(header.removeprefix("Bearer "))

    def expire_tokens(self) -> None:
        self.door.generation += 1
        self.remember("token_generation", str(self.door.generation))

    def explain(self, error: TielineError) -> Response:
        return stated(error)

    # -- the vendor's operations

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            token = self.door.issue(form)
        except Refusal as refusal:
            return answer({"error": refusal.code}, refusal.status)
        return answer({"access_token": token, "expires_in": str(TOKEN_LIFE_S), "token_type": "bearer"})

    async def _create(self, request: Request) -> Response:
        given = await _json(request)
        external = given.get("externalId")
        if external is not None and self._resolve(_kind(request), f"eid:{external}") is not None:
            raise invalid(f"This record already exists: external id {external}.", "externalId")
        return self._saved(request, given, None, external)

    async def _put(self, request: Request) -> Response:
        given = await _json(request)
        address = _address(request)
        id = self._resolve(_kind(request), address)
        if id is None and not address.startswith("eid:"):
            raise _not_found(request)
        external = given.get("externalId", address[4:] if address.startswith("eid:") else None)
        return self._saved(request, given, id, external)

    async def _patch(self, request: Request) -> Response:
        given = await _json(request)
        id = self._resolve(_kind(request), _address(request))
        if id is None:
            raise _not_found(request)
        return self._saved(request, given, id, given.get("externalId"))

    def _saved(self, request: Request, given: Json, id: str | None, external: str | None) -> Response:
        who, kind = self.principal(request), _kind(request)
        if external is not None and not records.EXTERNAL_ID.fullmatch(external):
            raise invalid("An external id holds letters, digits, _ and - only.", "externalId")
        saved = self.books.save(request, who, kind, given, id, external)
        if id is not None:
            return accepted()
        return accepted(headers={"location": f"https://{self.door.host}{REST}/record/v1/{kind}/{saved}"})

    async def _get(self, request: Request) -> Response:
        self.principal(request)
        kind, id = _kind(request), self._resolve(_kind(request), _address(request), fresh=False)
        doc = None if id is None else self.store.get(kind, id)
        if doc is None:
            raise _not_found(request)
        self.books.refuse_locked(doc)
        told = records.told(kind, doc)
        if wanted := request.query_params.get("fields"):
            told = {name: told[name] for name in wanted.split(",") if name in told}
        return answer(_encode({"links": [], "id": id, **told}), media=_SINGULAR)

    async def _delete(self, request: Request) -> Response:
        who, kind = self.principal(request), _kind(request)
        id = self._resolve(kind, _address(request))
        if id is None:
            raise _not_found(request)
        self.books.delete(request, who, kind, id)
        return accepted()

    async def _list(self, request: Request) -> Response:
        """Internal ids only; a caller reads each record, or searches."""
        self.principal(request)
        kind = _kind(request)
        if "q" in request.query_params:
            raise invalid("This look-alike has no list filter; search with SuiteQL.", "q")
        limit, offset = _page(request)
        every = [id for id, _ in self.store.list(kind)]
        items = [{"links": [], "id": id} for id in every[offset : offset + limit]]
        return _collection(items, offset + limit < len(every), offset, len(every))

    async def _suiteql(self, request: Request) -> Response:
        query = await _json(request)
        self.principal(request)
        if "transient" not in request.headers.get("prefer", ""):
            raise Refusal("The required header Prefer: transient is missing.", code="INVALID_HEADER")
        if not isinstance(query.get("q"), str):
            raise Refusal("The property q is missing.", code="INVALID_PARAMETER", path="q")
        limit, offset = _page(request)
        if offset + limit > _QUERY_ROWS:
            raise Refusal("A query answers at most 100,000 rows.", code="INVALID_PARAMETER", path="offset")
        rows, more, total = self.mirror.search(query["q"], limit, offset)
        return _collection([{"links": [], **row} for row in rows], more, offset, total)

    def _resolve(self, kind: str, address: str, *, fresh: bool = True) -> str | None:
        by, value = ("externalId", address[4:]) if address.startswith("eid:") else ("id", address)
        return self.books.resolve(kind, by, value, fresh=fresh)

    # -- the control plane

    def seed(self, document: Json) -> Json:
        """`integration` and `token_pair` open doors; reference kinds and periods are added or replaced."""
        count = 0
        for kind, docs in document.items():
            for doc in docs:
                count += 1
                self._seed_one(kind, doc)
        self._restore_access()
        return {"seeded": count}

    def _seed_one(self, kind: str, doc: Json) -> None:
        if kind == "integration":
            self.store.put(kind, doc["certificate_id"], msgspec.to_builtins(Integration(**doc)))
        elif kind == "token_pair":
            self.store.put(kind, doc["token_id"], msgspec.to_builtins(TokenPair(**doc)))
        elif kind in seeds.SEEDABLE:
            self.store.put(kind, str(doc["id"]), doc)
            self.mirror.touch(kind, str(doc["id"]))
        else:
            raise Rejected(
                f"{kind} cannot be seeded; use integration, token_pair or one of {', '.join(seeds.SEEDABLE)}."
            )

    def controls(self) -> Sequence[BaseRoute]:
        return [
            Route("/pool", self._set_pool, methods=["POST"]),
            Route("/period", self._set_period, methods=["POST"]),
            Route("/lock", self._set_lock, methods=["POST"]),
            Route("/copy", self._copy, methods=["POST"]),
            Route("/fill", self._fill_up, methods=["POST"]),
            Route("/amounts", self._set_amounts, methods=["POST"]),
            Route("/tokens/revoke", self._revoke, methods=["POST"]),
        ]

    async def _set_pool(self, request: Request) -> Response:
        """`{"size": 5, "outside": 4, "disguise": true}`: how many calls at once, and what a busy account says."""
        given = await _json(request)
        self.pool = int(given.get("size", self.pool))
        self.outside = int(given.get("outside", self.outside))
        self.disguised = bool(given.get("disguise", self.disguised))
        return answer({"size": self.pool, "outside": self.outside, "disguise": self.disguised})

    async def _set_period(self, request: Request) -> Response:
        """`{"on": "2026-10-31", "closed": true}`, or arLocked, allLocked: the month of that day."""
        given = await _json(request)
        period = self.books.period_of(given.pop("on"))
        if period is None:
            raise Rejected("There is no period of that day; seed one.")
        self.store.put("accountingPeriod", period["id"], {**period, **given})
        self.mirror.touch("accountingPeriod", period["id"])
        return answer({**period, **given})

    async def _set_lock(self, request: Request) -> Response:
        """`{"kind": "job", "address": "eid:…", "locked": true}`: a workflow holds the record."""
        given = await _json(request)
        id = self._resolve(given["kind"], given["address"])
        if id is None:
            raise Rejected("There is no such record.")
        doc = self.store.get(given["kind"], id, fresh=True)
        self.store.put(given["kind"], id, {**(doc or {}), "_locked": bool(given.get("locked", True))})
        self.mirror.touch(given["kind"], id)
        return accepted()

    async def _copy(self, request: Request) -> Response:
        """`{"kind": "customer", "address": "eid:…"}`: a second record with the same external id, as a late call leaves it.

        The account itself would refuse it; what two accounts hold when they are merged does not ask.
        """
        given = await _json(request)
        kind, id = given["kind"], self._resolve(given["kind"], given["address"])
        if id is None:
            raise Rejected("There is no such record.")
        return answer({"id": self.books.copy(kind, id)})

    async def _fill_up(self, request: Request) -> Response:
        """`{"customer": [{…}, …]}`: records that are there already, thousands at a time; answers their internal ids."""
        given = await _json(request)
        ids = {kind: [self.books.fill(kind, each) for each in every] for kind, every in given.items()}
        self.mirror.catch_up()
        return answer(ids)

    async def _revoke(self, request: Request) -> Response:
        """Every token handed out so far is worth nothing; the certificates stay."""
        self.expire_tokens()
        return accepted()

    async def _set_amounts(self, request: Request) -> Response:
        """`{"rounding": "line"|"document", "off": "0.01"}`: how invoices are computed from now on."""
        for name, value in (await _json(request)).items():
            self.remember(name, str(value))
        return accepted()


def _kind(request: Request) -> str:
    kind = str(request.path_params["kind"])
    if kind not in records.KINDS:
        raise Refusal(f"Record type {kind!r} does not exist.", code="NONEXISTENT_ID", status=404)
    return kind


def _address(request: Request) -> str:
    return unquote(str(request.path_params["address"]))


def _not_found(request: Request) -> Refusal:
    return Refusal(
        f"The record instance does not exist. Provide a valid record instance ID. {_address(request)}",
        code="NONEXISTENT_ID",
        status=404,
    )


def _page(request: Request) -> tuple[int, int]:
    limit = int(request.query_params.get("limit", str(_PAGE_ROWS)))
    offset = int(request.query_params.get("offset", "0"))
    if not 0 < limit <= _PAGE_ROWS or offset < 0 or offset % limit:
        raise Refusal("Invalid limit or offset: at most 1,000, offset a multiple of it.", code="INVALID_PARAMETER")
    return limit, offset


def _collection(items: list[Json], more: bool, offset: int, total: int) -> Response:
    body = {"links": [], "count": len(items), "hasMore": more, "items": items, "offset": offset, "totalResults": total}
    return answer(body, media=_COLLECTION)


async def _json(request: Request) -> dict[str, Json]:
    """Numbers keep their digits: they arrive as text and are never floats."""
    try:
        value = _decoder.decode(await request.body())
    except ValueError as error:
        raise Refusal("The request body is not valid JSON.", code="INVALID_CONTENT") from error
    if not isinstance(value, dict):
        raise Refusal("The request body must be an object.", code="INVALID_CONTENT")
    return value
