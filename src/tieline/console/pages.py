"""The console's routes. Every page is whole HTML; every button is a form with a token; every knowledge comes from the API."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from tieline.console import views
from tieline.console.client import Api, Reply
from tieline.console.forms import form, genuine, is_key, same_origin
from tieline.console.sessions import COOKIE, SESSION_LIFE_S, Doors, Session, Sessions

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
Page = Callable[[Request, Session], Awaitable[Response]]


def create_console(api: ASGIApp, *, doors: Doors, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """The console over `api`. Mount it at `/console`; a key left in `doors` opens one session."""
    pages = Pages(Api(api), Sessions(clock), doors)
    order = pages.order
    return Starlette(
        routes=[
            Route("/", pages.with_session(pages.contracts), name="contracts"),
            Route("/login", pages.login, methods=["GET", "POST"], name="login"),
            Route("/enter/{code}", pages.enter, name="enter"),
            Route("/logout", pages.with_session(pages.logout), methods=["POST"], name="logout"),
            Route("/contracts/{id}", pages.with_session(pages.contract), name="contract"),
            Route("/holds/{hold}/retry", pages.with_session(pages.stray("hold")), methods=["POST"]),
            Route("/holds/{hold}/settle", pages.with_session(pages.stray("settle")), methods=["POST"]),
            Route("/contracts/{id}/retry", pages.with_session(order("retry")), methods=["POST"]),
            Route("/contracts/{id}/holds/{hold}/retry", pages.with_session(order("hold")), methods=["POST"]),
            Route("/contracts/{id}/holds/{hold}/settle", pages.with_session(order("settle")), methods=["POST"]),
            Route("/contracts/{id}/plans/{plan}/apply", pages.with_session(order("plan")), methods=["POST"]),
            Route("/contracts/{id}/invoices/{invoice}/release", pages.with_session(order("invoice")), methods=["POST"]),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
        ]
    )


def templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("tieline.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"money": views.money, "spelled": views.spelled, "when": when}
    environment.globals |= {"views": views}
    return environment


def when(instant: Any) -> str:
    """`2026-03-01 09:30:05 UTC`, for a person; the machine-readable instant stands beside it in the markup."""
    text = str(instant or "")
    return f"{text[:19].replace('T', ' ')} UTC" if len(text) > 10 else text


class Pages:
    def __init__(self, api: Api, sessions: Sessions, doors: Doors) -> None:
        self._api = api
        self._sessions = sessions
        self._doors = doors
        self._templates = templates()

    def with_session(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Only for people who are logged in; a form must carry the session's token and come from this address."""

        async def guarded(request: Request) -> Response:
            session = self._sessions.of(request.cookies.get(COOKIE))
            if session is None:
                return RedirectResponse(request.url_for("login"), 303, headers=HEADERS)
            if request.method == "POST" and not await genuine(request, session):
                return self.refusal(
                    request, 403, "This form is no longer valid. Go back, reload the page and try again."
                )
            return await page(request, session)

        return guarded

    async def login(self, request: Request) -> Response:
        """A key is pasted once and then lives on the server; the browser only gets a session's name."""
        if request.method == "GET":
            return self.render(request, "login.html", sentence="")
        if not same_origin(request):
            return self.refusal(request, 403, "This form came from another address.")
        key = (await form(request)).get("api_key", "").strip()
        reply = await self._api.get(key, "/experience/v1/contracts", limit="1") if is_key(key) else None
        if reply is None or reply.status == 401:
            sentence = "This key is not known here, or it has ended. `tieline up` prints a login link for this machine."
            return self.render(request, "login.html", status=401, sentence=sentence)
        return self.admit(request, key)

    async def enter(self, request: Request) -> Response:
        key = self._doors.enter(request.path_params["code"])
        if key is None:
            return self.refusal(request, 410, "This login link has been used or has ended. Log in with a key instead.")
        return self.admit(request, key)

    def admit(self, request: Request, key: str) -> Response:
        answer = RedirectResponse(request.url_for("contracts"), 303, headers=HEADERS)
        path = request.scope.get("root_path") or "/"
        secure = request.url.scheme == "https"
        name = self._sessions.start(key)
        answer.set_cookie(
            COOKIE, name, max_age=int(SESSION_LIFE_S), path=path, httponly=True, samesite="lax", secure=secure
        )
        return answer

    async def logout(self, request: Request, session: Session) -> Response:
        self._sessions.end(request.cookies.get(COOKIE))
        answer = RedirectResponse(request.url_for("login"), 303, headers=HEADERS)
        answer.delete_cookie(COOKIE, path=request.scope.get("root_path") or "/")
        return answer

    async def contracts(self, request: Request, session: Session) -> Response:
        wanted = {name: request.query_params[name] for name in ("cursor",) if name in request.query_params}
        reply = await self._api.get(session.api_key, "/experience/v1/contracts", limit="50", **wanted)
        if not reply.ok:
            return self.explained(request, session, reply)
        only = request.query_params.get("status", "")
        found = reply.body["contracts"]
        holds = await self._api.get(session.api_key, "/experience/v1/holds", limit="50")
        strays = [hold for hold in holds.body["holds"] if hold["contract_id"] is None] if holds.ok else []
        shown = [contract for contract in found if only in ("", contract["status"])]
        return self.render(
            request, "contracts.html", session=session, contracts=shown, strays=strays, some=bool(found), only=only,
            next_cursor=reply.body.get("next_cursor"),
        )  # fmt: skip

    async def contract(self, request: Request, session: Session) -> Response:
        return await self.contract_page(request, session)

    async def contract_page(self, request: Request, session: Session, *, refused: Reply | None = None) -> Response:
        contract_id = request.path_params["id"]
        path = f"/experience/v1/contracts/{contract_id}"
        reply = await self._api.get(session.api_key, path)
        if not reply.ok:
            return self.explained(request, session, reply)
        timeline = await self._api.get(session.api_key, f"{path}/timeline")
        return self.render(
            request,
            "contract.html",
            status=refused.status if refused else 200,
            session=session,
            contract=reply.body,
            timeline=timeline_of(timeline),
            refused=refused.sentence if refused else "",
        )

    def order(self, what: str) -> Page:
        """A button: gives the order to the API once, then shows the contract again, with the reason if it was refused."""

        async def give(request: Request, session: Session) -> Response:
            path, once = address(what, request.path_params)
            fields = await form(request)
            body = said(what, fields)
            reply = await self._api.post(session.api_key, path, body, once=once)
            if not reply.ok:
                return await self.contract_page(request, session, refused=reply)
            return RedirectResponse(request.url_for("contract", id=request.path_params["id"]), 303, headers=HEADERS)

        return give

    def stray(self, what: str) -> Page:
        """The same for a hold that belongs to no contract; the list shows what came of it."""

        async def give(request: Request, session: Session) -> Response:
            path, once = address(what, request.path_params)
            reply = await self._api.post(session.api_key, path, said(what, await form(request)), once=once)
            if not reply.ok:
                return self.explained(request, session, reply)
            return RedirectResponse(request.url_for("contracts"), 303, headers=HEADERS)

        return give

    def explained(self, request: Request, session: Session, reply: Reply) -> Response:
        if reply.status == 401:
            self._sessions.end(request.cookies.get(COOKIE))
            return RedirectResponse(request.url_for("login"), 303, headers=HEADERS)
        return self.refusal(request, reply.status, reply.sentence, session=session)

    def refusal(self, request: Request, status: int, sentence: str, session: Session | None = None) -> Response:
        return self.render(request, "problem.html", status=status, session=session, code=status, sentence=sentence)

    def render(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        text = self._templates.get_template(template).render(url_for=relative(request), **{"session": None, **values})
        return HTMLResponse(text, status, headers=HEADERS)


def relative(request: Request) -> Callable[..., str]:
    """Addresses without host, so that a page works behind any proxy."""
    return lambda name, **parts: request.url_for(name, **parts).path


def address(what: str, parts: dict[str, str]) -> tuple[str, str | None]:
    """The API operation behind a button, and the name under which it is given at most once."""
    return {
        "retry": (f"/process/v1/contracts/{parts.get('id')}/retry", None),
        "hold": (f"/process/v1/holds/{parts.get('hold')}/retry", None),
        "settle": (f"/process/v1/holds/{parts.get('hold')}/settle", None),
        "plan": (f"/process/v1/plans/{parts.get('plan')}/apply", f"apply-{parts.get('plan')}"),
        "invoice": (f"/process/v1/invoices/{parts.get('invoice')}/release", f"release-{parts.get('invoice')}"),
    }[what]


def said(what: str, fields: dict[str, str]) -> dict[str, Any]:
    """The order's body: what a person saw in the other system, or the digest of what was shown."""
    if what == "settle":
        there = fields.get("external_id", "").strip()
        return {"happened": False} if fields.get("happened") == "no" else {"external_id": there}
    return {"digest": fields["digest"]} if fields.get("digest") else {}


def timeline_of(reply: Reply) -> list[views.Doc]:
    """A timeline that cannot be had leaves the page whole."""
    return list(views.told(reply.body["events"])) if reply.ok else []
