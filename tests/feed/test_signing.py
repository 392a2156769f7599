"""A2: heads are vouched for outside within a minute or a thousand events; half lines and a full disk harm nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from feed_desk import FIRM, KEYS, OTHER, Desk, fact

from tieline.adapters.audit import FileSink, signer_of
from tieline.adapters.vault import EnvFileVault
from tieline.engine.events import append_events
from tieline.engine.feed.merkle import Head, root
from tieline.engine.feed.signed import read_line
from tieline.kit.errors import CredentialInvalid

SMALL = [Head(tenant="a", epoch=1, position=n, hash=bytes(32)) for n in range(1, 6)]


def lines(desk: Desk) -> list[list[tuple[str, int]]]:
    return [
        [(head.tenant, head.position) for head in read_line(line, KEYS).heads] for line in FileSink(desk.record).lines()
    ]


async def test_A2_heads_are_signed_before_one_is_a_minute_old_and_not_in_every_round(desk: Desk) -> None:
    await desk.write(("contract:c1", 3))
    await desk.write(("contract:c2", 1), tenant=OTHER)
    await desk.sealer().round()
    assert lines(desk) == []
    desk.rows("update feed_heads set unsigned_since = now() - interval '46 seconds' where tenant_id = %s", FIRM)
    await desk.sealer().round()  # also one that has just started and finds nothing to seal
    assert lines(desk) == [[(FIRM, 3), (OTHER, 1)]]
    assert desk.rows("select count(*) as n from feed_heads where unsigned_since is not null") == [{"n": 0}]


async def test_A2_a_thousand_events_are_signed_at_once(desk: Desk) -> None:
    async with desk.writer() as cursor:
        await append_events(cursor, FIRM, [fact("contract:c1", number) for number in range(1, 1001)])
    await desk.seal()
    assert lines(desk) == [[(FIRM, 1000)]]


async def test_A2_every_line_names_the_one_before_it_and_half_a_line_is_cut_off(desk: Desk) -> None:
    await desk.write(("contract:c1", 1))
    await desk.seal(sign=True)
    with desk.record.open("ab") as file:
        file.write(b'{"number": 2, "torn')
    await desk.write(("contract:c1", 1))
    await desk.seal(sign=True)
    report = await desk.verify()
    assert (report.lines, report.unreadable, report.findings) == (2, 0, [])


async def test_F36_an_outside_record_that_takes_nothing_stops_no_event(desk: Desk) -> None:
    desk.record.mkdir()
    async with desk.writer() as cursor:
        await append_events(cursor, FIRM, [fact("contract:c1", number) for number in range(1, 1001)])
    sealer = desk.sealer()
    sealer.anchor.sink = Full()
    await sealer.round()
    assert len(desk.seals()) == 1000
    assert desk.rows("select signed_position from feed_heads") == [{"signed_position": 0}]


class Full(FileSink):
    """A record on a disk without room."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))

    def append(self, compose: object) -> None:
        raise OSError(28, "No space left on device")


def test_a_root_changes_with_every_head_their_order_and_their_number() -> None:
    other = Head(tenant="a", epoch=1, position=9, hash=bytes(32))
    variants = [
        SMALL,
        SMALL[:4],
        SMALL[::-1],
        [*SMALL, SMALL[-1]],
        *([*SMALL[:n], other, *SMALL[n + 1 :]] for n in range(5)),
    ]
    assert len({root(each) for each in variants}) == len(variants)
    with pytest.raises(ValueError, match="at least one head"):
        root([])


def test_the_signing_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first, again = signer_of(tmp_path, EnvFileVault()), signer_of(tmp_path, EnvFileVault())
    assert first.public == again.public
    assert stat.S_IMODE((tmp_path / "audit.key").stat().st_mode) == 0o600
    with pytest.raises(CredentialInvalid, match="64 hexadecimal digits"):
        signer_of(tmp_path, EnvFileVault({"KEY": "short"}), "env:KEY")
