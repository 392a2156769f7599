"""A2, X31, X33: whatever a superuser does to the history is found, named and located; application roles cannot even try."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from feed_desk import FIRM, KEYS, OTHER, SIGNER, STRANGER, Desk, now

from tieline.adapters.audit import FileSink
from tieline.adapters.postgres import roles
from tieline.engine.feed.chain import Link, genesis, link
from tieline.engine.feed.merkle import Head
from tieline.engine.feed.signed import read_line, root_line, signed_line
from tieline.kit.canonical import decode

Attack = Callable[[Desk], None]
EVENT_AT = "(select event_id from seals where tenant_id = 'northwind' and position = {})"


def run(*statements: str) -> Attack:
    def attack(desk: Desk) -> None:
        for statement in statements:
            desk.rows(statement)

    return attack


def swap_positions(one: int, other: int) -> Attack:
    move = "update seals set position = {} where tenant_id = 'northwind' and position = {}"
    return run(move.format(-1, one), move.format(one, other), move.format(other, -1))


def shift(after: int, by: int) -> tuple[str, str]:
    return (
        f"update seals set position = -position where tenant_id = 'northwind' and position > {after}",
        f"update seals set position = -position + {by} where tenant_id = 'northwind' and position < 0",
    )


def rechained(desk: Desk) -> None:
    """The best that an attacker without the key can do: every hash and the head are made to fit again."""
    before = genesis(FIRM)
    for row in desk.seals():
        fields = {name: row[name] for name in ("epoch", "position", "event_id", "recorded_at", "lane", "lane_seq")}
        before = link(before, Link(tenant=FIRM, digest=bytes(row["digest"]), **fields))
        desk.rows("update seals set hash = %s where tenant_id = %s and position = %s", before, FIRM, row["position"])
    last = desk.seals()[-1]["position"]
    desk.rows("update feed_heads set position = %s, hash = %s where tenant_id = %s", last, before, FIRM)


def both(*attacks: Attack) -> Attack:
    def attack(desk: Desk) -> None:
        for each in attacks:
            each(desk)

    return attack


NEW_SEAL = """insert into seals (tenant_id, position, epoch, event_id, recorded_at, lane, lane_seq, digest, hash)
select tenant_id, {}, epoch, gen_random_uuid(), recorded_at, 'contract:mine', 1, digest, hash from seals
where tenant_id = 'northwind' and position = 2"""
NEW_EVENT = """insert into events (tenant_id, event_id, lane, lane_seq, type, subject, data, correlation_id, actor)
values ('northwind', gen_random_uuid(), 'contract:c1', {}, 'x', 'y', '{{}}', gen_random_uuid(), 'z')"""
TAIL = "delete from seals where tenant_id = 'northwind' and position > 9"
HEAD_BACK = """update feed_heads h set position = s.position, hash = s.hash, signed_position = 9 from seals s
where h.tenant_id = 'northwind' and s.tenant_id = h.tenant_id and s.position = 9"""

ATTACKS: dict[str, tuple[Attack, tuple[str, int]]] = {
    "the content of an event is edited": (
        run("update events set data = '{\"number\": 99}' where event_id = " + EVENT_AT.format(5)), ("edit", 5)),
    "the actor of an event is edited": (
        run("update events set actor = 'nobody' where event_id = " + EVENT_AT.format(1)), ("edit", 1)),
    "the digest of a sealed row is edited together with its event": (
        run("update events set actor = 'nobody' where event_id = " + EVENT_AT.format(5),
            "update seals set digest = sha256('nobody') where tenant_id = 'northwind' and position = 5"), ("edit", 5)),
    "an event is deleted": (run("delete from events where event_id = " + EVENT_AT.format(4)), ("delete", 4)),
    "a sealed row is deleted": (run("delete from seals where tenant_id = 'northwind' and position = 4"), ("delete", 4)),
    "a sealed row is deleted and the rest moves up": (
        run("delete from seals where tenant_id = 'northwind' and position = 4", *shift(4, -1),
            "update feed_heads set position = 11 where tenant_id = 'northwind'"), ("delete", 4)),
    "an event is put into the journal": (run(NEW_EVENT.format(2)), ("insert", 2)),
    "a sealed row is put in and the rest moves down": (
        run(*shift(4, 1), NEW_SEAL.format(5), "update feed_heads set position = 13 where tenant_id = 'northwind'"),
        ("insert", 5)),
    "a sealed row is put behind the head": (run(NEW_SEAL.format(13)), ("insert", 13)),
    "two neighbours change places": (swap_positions(5, 6), ("reorder", 5)),
    "two distant rows change places": (swap_positions(2, 11), ("reorder", 2)),
    "two rows exchange their events": (
        run("update seals s set event_id = o.event_id, lane_seq = o.lane_seq, digest = o.digest, lane = o.lane,"
            " recorded_at = o.recorded_at from seals o where s.tenant_id = 'northwind' and o.tenant_id = 'northwind'"
            " and (s.position, o.position) in ((3, 8), (8, 3))"), ("reorder", 3)),
    "an event gets another number in its lane": (
        run("update events set lane_seq = 77 where event_id = " + EVENT_AT.format(6)), ("reorder", 6)),
    "the tail is cut": (run(TAIL), ("tail_cut", 10)),
    "the tail is cut and the head put back": (run(TAIL, HEAD_BACK), ("tail_cut", 10)),
    "everything is cut": (
        run("delete from seals where tenant_id = 'northwind'", "delete from feed_heads where tenant_id = 'northwind'"),
        ("tail_cut", 1)),
    "an event is moved to another firm": (
        run("update events set tenant_id = 'southwind' where event_id = " + EVENT_AT.format(7)),
        ("swap_between_tenants", 7)),
    "sealed rows of two firms change places": (
        run("update seals set tenant_id = 'x' where tenant_id = 'northwind' and position = 3",
            "update seals set tenant_id = 'northwind' where tenant_id = 'southwind' and position = 3",
            "update seals set tenant_id = 'southwind' where tenant_id = 'x'"), ("swap_between_tenants", 3)),
    "a sealed row points to another firm's event": (
        run("update seals s set event_id = o.event_id from seals o where s.tenant_id = 'northwind' and s.position = 3"
            " and o.tenant_id = 'southwind' and o.position = 2"), ("swap_between_tenants", 3)),
    "the head is forged": (
        run("update feed_heads set hash = sha256('mine') where tenant_id = 'northwind'"), ("forged_head", 12)),
    "an event and its digest are edited and everything after is chained again": (
        both(run("update seals set digest = sha256('mine') where tenant_id = 'northwind' and position = 11"), rechained),
        ("edit", 11)),
    "a row is taken out and everything after is numbered and chained again": (
        both(run("delete from events where event_id = " + EVENT_AT.format(12),
                 "delete from seals where tenant_id = 'northwind' and position = 12"), rechained), ("tail_cut", 12)),
    "two lanes' rows change places and everything is chained again": (both(swap_positions(9, 10), rechained), ("fork", 9)),
    "a restore is claimed that nobody signed": (
        run(TAIL, HEAD_BACK, "insert into feed_epochs select 'northwind', 2, 9, hash, now(), 'me', 'x' from seals"
            " where tenant_id = 'northwind' and position = 9"), ("fork", 10)),
}  # fmt: skip


async def prepared(desk: Desk) -> None:
    """Twelve events of two lanes, signed after the eighth and after the last, and a second firm beside them."""
    await desk.write(("contract:c1", 3), ("contract:c2", 3), ("contract:c1", 2))
    await desk.write(("contract:c1", 4), tenant=OTHER)
    await desk.seal(sign=True)
    await desk.write(("contract:c3", 1), ("contract:c4", 1), ("contract:c1", 2))
    await desk.seal(sign=True)


@pytest.mark.parametrize("name", ATTACKS)
async def test_A2_what_a_superuser_does_is_found_named_and_located(desk: Desk, name: str) -> None:
    attack, expected = ATTACKS[name]
    await prepared(desk)
    assert (await desk.verify()).findings == []
    attack(desk)
    assert await desk.found() == expected


async def test_A2_a_chain_made_to_fit_again_is_placed_between_two_signatures(desk: Desk) -> None:
    await prepared(desk)
    attack, _ = ATTACKS["two lanes' rows change places and everything is chained again"]
    attack(desk)
    [report] = [each for each in (await desk.verify()).tenants if each.tenant == FIRM]
    assert report.finding is not None
    assert (report.signed_position, report.finding.position, report.finding.through) == (8, 9, 12)


async def test_A2_the_other_firm_s_chain_stays_good(desk: Desk) -> None:
    await prepared(desk)
    desk.rows("update events set actor = 'me' where event_id = " + EVENT_AT.format(10))
    assert await desk.found(OTHER) is None and await desk.found(FIRM) == ("edit", 10)


@pytest.mark.parametrize("role", roles.COMPONENTS)
@pytest.mark.parametrize("table", ["seals", "feed_epochs", "events"])
def test_X31_no_role_of_the_application_edits_deletes_or_truncates_history(desk: Desk, role: str, table: str) -> None:
    with psycopg.connect(desk.database.conninfo(role), autocommit=True) as connection:
        connection.execute("select set_config('tieline.tenant', 'northwind', false)")
        for statement in (f"update {table} set tenant_id = 'x'", f"delete from {table}", f"truncate {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


async def test_X33_a_head_signed_by_a_stranger_is_reported_and_not_believed(desk: Desk) -> None:
    await prepared(desk)
    forged = [Head(tenant=FIRM, epoch=1, position=12, hash=b"\x01" * 32)]
    FileSink(desk.record).append(lambda last: root_line(last, forged, now(), STRANGER))
    report = await desk.verify()
    assert [(each.kind, each.line) for each in report.findings] == [("forged_head", 3)]


async def test_X33_a_signed_line_with_one_changed_head_is_reported(desk: Desk) -> None:
    await prepared(desk)
    lines = desk.record.read_bytes().splitlines()
    lines[1] = lines[1].replace(b'["northwind",1,12,', b'["northwind",1,11,')
    desk.record.write_bytes(b"\n".join(lines) + b"\n")
    kinds = [(each.kind, each.line or each.position) for each in (await desk.verify()).findings]
    assert ("forged_head", 2) in kinds


async def test_X33_a_root_that_does_not_stand_for_its_heads_is_reported_even_with_a_good_signature(desk: Desk) -> None:
    await prepared(desk)
    head = Head(tenant=FIRM, epoch=1, position=12, hash=bytes(desk.seals()[11]["hash"]))
    good = root_line(None, [head], now(), SIGNER)
    said = {k: v for k, v in decode(good).items() if k not in ("signature", "key", "number", "previous", "at")}
    bad = signed_line(None, {**said, "root": "00" * 32}, now(), SIGNER)
    assert not read_line(bad, KEYS).genuine and read_line(good, KEYS).genuine


async def test_A2_lines_cut_from_the_outside_record_are_noticed(desk: Desk) -> None:
    await prepared(desk)
    lines = desk.record.read_bytes().splitlines(keepends=True)
    desk.record.write_bytes(lines[1])
    assert ("outside_record", 1) in [(each.kind, each.line) for each in (await desk.verify()).findings]
    desk.record.write_bytes(lines[0])
    assert await desk.found() == ("outside_record", 9)


async def test_A2_what_is_not_signed_yet_is_said_to_be_editable(desk: Desk) -> None:
    await prepared(desk)
    await desk.write(("contract:c9", 5))
    await desk.seal()
    [report] = [each for each in (await desk.verify()).tenants if each.tenant == FIRM]
    assert (report.finding, report.position, report.signed_position) == (None, 17, 12)


async def test_T5_content_that_is_no_longer_kept_leaves_the_chain_good(desk: Desk) -> None:
    await prepared(desk)
    desk.clock[:] = [now().replace(year=now().year + 12)]
    desk.rows("delete from events where tenant_id = 'northwind'")
    [report] = [each for each in (await desk.verify()).tenants if each.tenant == FIRM]
    assert (report.finding, report.checked, report.expired) == (None, 12, 12)
