"""Promises of connectors that tell us things: nothing missed, nothing guessed, nothing believed that is not signed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from tieline import sdk
from tieline.conformance.bench import Bench, Failed, demand
from tieline.conformance.proxy import WireFault
from tieline.conformance.target import SourceSide

_PAGES_MAX = 1000

TellCheck = Callable[[Bench], Awaitable[None]]


async def polling_misses_nothing(bench: Bench) -> None:
    """Oldest first, ties and page borders included; a second reader sees the same."""
    side, source = _parts(bench)
    pages = await _pages(source, side.topic, None)
    items = [item for page in pages for item in page.items]
    expected = set(await side.expected()) if side.expected else set()
    found = {item.source_id for item in items}
    demand(found == expected, f"missing {sorted(expected - found)[:3]}, unexpected {sorted(found - expected)[:3]}")
    versions = [item.source_version for item in items]
    demand(versions == sorted(versions), "a newer change was read before an older one")


async def a_cursor_is_inclusive(bench: Bench) -> None:
    """Starting again from any page's cursor repeats its last item and misses none of the later ones."""
    side, source = _parts(bench)
    pages = await _pages(source, side.topic, None)
    demand(bool(pages), "the source is empty, so that nothing is proved")
    for number, page in enumerate(pages):
        again = {item.source_id for p in await _pages(source, side.topic, page.cursor) for item in p.items}
        due = {page.items[-1].source_id, *(item.source_id for p in pages[number + 1 :] for item in p.items)}
        demand(due <= again, f"after page {number + 1} the cursor misses {sorted(due - again)[:3]}")


async def a_broken_poll_is_only_repeated(bench: Bench) -> None:
    """Each fault at each request of a poll: it fails as transient, and continuing from the last cursor misses nothing."""
    side, source = _parts(bench)
    bench.proxy.reset()
    expected = {item.source_id for page in await _pages(source, side.topic, None) for item in page.items}
    for nth in range(1, bench.proxy.seen + 1):
        for fault in WireFault:
            bench.proxy.reset()
            bench.proxy.arm(fault, nth)
            found = await _poll_through(source, side.topic, f"{fault} at request {nth}")
            demand(found == expected, f"{fault} at request {nth}: missing {sorted(expected - found)[:3]}")


async def fetching_keeps_its_order(bench: Bench) -> None:
    side, source = _parts(bench)
    known = sorted(await side.expected())[:2] if side.expected else []
    demand(len(known) == 2, "two records are needed to prove an order")
    found = await source.fetch(side.topic, [known[1], side.missing_id, known[0]])
    ids = [item.source_id if item else None for item in found]
    demand(ids == [known[1], None, known[0]], f"asked for [second, missing, first], got {ids}")


async def a_mapping_is_pure_and_whole(bench: Bench) -> None:
    """Twice the same, in canonical spelling: dates, instants and amounts survive a round trip through their class."""
    side, source = _parts(bench)
    told = 0
    for page in await _pages(source, side.topic, None):
        for item in page.items:
            changes = source.changes(item)
            demand(list(changes) == list(source.changes(item)), f"{item.source_id} maps differently the second time")
            for change in changes:
                told += 1
                demand(change.kind in side.kinds, f"{change.kind} is not a kind that the target lists")
                spelled = sdk.plain(sdk.restore(change.doc, side.kinds[change.kind]))
                demand(spelled == change.doc, f"{item.source_id}: {change.kind} is not in canonical spelling")
    demand(told > 0, "no record says anything, so that nothing is proved")


async def an_unmapped_word_is_blocked(bench: Bench) -> None:
    """With an empty overlay every vendor word is unknown; none may be guessed."""
    side, source = _parts(bench)
    bare = bench.connect({})
    assert isinstance(bare, sdk.SourceOfRecords)
    blocked = 0
    for page in await _pages(source, side.topic, None):
        for item in page.items:
            if not source.changes(item):
                continue
            try:
                bare.changes(item)
            except sdk.Blocked as error:
                demand(error.code == "MAPPING_MISSING", f"the code is {error.code}, not MAPPING_MISSING")
                blocked += 1
    demand(blocked > 0, "an empty overlay blocks nothing: words are guessed, or the samples hold none")


async def an_expired_token_is_renewed(bench: Bench) -> None:
    side, source = _parts(bench)
    before = await _pages(source, side.topic, None)
    assert bench.target.expire_tokens is not None
    await bench.target.expire_tokens()
    after = await _pages(source, side.topic, None)
    demand([p.items for p in before] == [p.items for p in after], "a poll with an expired token read something else")


async def only_signed_messages_count(bench: Bench) -> None:
    """The genuine one is understood; with one byte changed anywhere, or one header missing, it is refused."""
    side, source = _parts(bench)
    assert side.delivery is not None
    headers, body, now = await side.delivery()
    told = source.verify(headers, body, now)
    demand(bool(told) and all(note.topic in source.topics for note in told), "a genuine message says nothing")
    again = source.verify(headers, body, now)
    demand([n.dedup for n in told] == [n.dedup for n in again], "a second delivery has another key")
    for place in range(0, len(body), max(len(body) // 16, 1)):
        altered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        _refused(source, headers, altered, now, f"byte {place} changed")
    signing = [name for name in headers if name not in ("content-type", "content-length", "host", "user-agent")]
    for name in signing:
        rest = {other: value for other, value in headers.items() if other != name}
        if name.endswith(("signature", "verification", "id")):
            _refused(source, rest, body, now, f"{name} missing")


TELL_CHECKS: Mapping[str, TellCheck] = {
    "polling-misses-nothing": polling_misses_nothing,
    "a-cursor-is-inclusive": a_cursor_is_inclusive,
    "a-broken-poll-is-only-repeated": a_broken_poll_is_only_repeated,
    "fetching-keeps-its-order": fetching_keeps_its_order,
    "a-mapping-is-pure-and-whole": a_mapping_is_pure_and_whole,
    "an-unmapped-word-is-blocked": an_unmapped_word_is_blocked,
    "an-expired-token-is-renewed": an_expired_token_is_renewed,
    "only-signed-messages-count": only_signed_messages_count,
}


def applies(check: str, side: SourceSide, *, can_expire: bool) -> bool:
    if check == "only-signed-messages-count":
        return side.delivery is not None
    if check == "an-expired-token-is-renewed":
        return can_expire and side.pollable
    return side.pollable


def _parts(bench: Bench) -> tuple[SourceSide, sdk.SourceOfRecords]:
    side, source = bench.target.source, bench.connector
    if side is None or not isinstance(source, sdk.SourceOfRecords):
        raise Failed("the target does not describe its source side")
    return side, source


async def _pages(source: sdk.SourceOfRecords, topic: str, cursor: str | None) -> list[sdk.Page]:
    pages: list[sdk.Page] = []
    async for page in source.pages(topic, cursor):
        pages.append(page)
        demand(len(pages) <= _PAGES_MAX, "polling does not end")
    return pages


async def _poll_through(source: sdk.SourceOfRecords, topic: str, where: str) -> set[str]:
    """As the engine polls: keep each page with its cursor, start again there after a transient failure."""
    found: set[str] = set()
    cursor: str | None = None
    for _ in range(3):
        try:
            async for page in source.pages(topic, cursor):
                found |= {item.source_id for item in page.items}
                cursor = page.cursor
            return found
        except sdk.Transient:
            continue
        except sdk.TielineError as error:
            raise Failed(f"{where}: a poll ended with {type(error).__name__}: {error}") from error
    raise Failed(f"{where}: the poll did not recover")


def _refused(source: sdk.SourceOfRecords, headers: Mapping[str, str], body: bytes, now: datetime, what: str) -> None:
    try:
        source.verify(headers, body, now)
    except sdk.NotAllowed:
        return
    except sdk.TielineError as error:
        raise Failed(f"{what}: judged as {type(error).__name__} before the signature was checked") from error
    raise Failed(f"{what}: the message was believed")
