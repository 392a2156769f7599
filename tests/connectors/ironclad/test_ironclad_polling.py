"""F12: pages shift while they are read; nothing may slip through the border."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ironclad_records import OVERLAY, contract

from tieline import sdk
from tieline.connectors.ironclad.connector import Ironclad
from tieline.connectors.ironclad.settings import IroncladSettings

SETTINGS = IroncladSettings(
    base_url="https://ironclad.example.com", client_id="tieline", client_secret_ref="env:X", as_user_email="i@n.example"
)
START = datetime(2026, 2, 20, tzinfo=UTC)


class BusyVendor:
    """250 records, one a minute. After each page that it gives, `touches` records from the front are changed."""

    def __init__(self, touches: int) -> None:
        self.updated = {f"r-{n:03d}": START + timedelta(minutes=n) for n in range(250)}
        self.asked: list[dict[str, str]] = []
        self._touches = touches
        self._next = 0

    async def request(self, method: str, path: str, **options: Any) -> sdk.Answer:
        if path == "/oauth/token":
            return sdk.Answer(status=200, headers={}, body={"access_token": "t"})
        self.asked.append(params := options["params"])
        since = sdk.instant(params.get("lastUpdated", "2000-01-01T00:00:00Z"))
        rows = sorted((at, name) for name, at in self.updated.items() if at >= since)
        first = int(params["page"]) * int(params["pageSize"])
        page = [{**contract(), "id": name, "lastUpdated": at.isoformat()} for at, name in rows[first : first + 100]]
        for _ in range(self._touches if len(self.asked) < 3 else 0):
            self.updated[f"r-{self._next:03d}"] = START + timedelta(days=1, minutes=self._next)
            self._next += 1
        return sdk.Answer(status=200, headers={}, body={"list": page})


async def read(vendor: BusyVendor, cursor: str | None = None) -> list[sdk.Page]:
    connector = Ironclad(SETTINGS, vendor, {"client_secret": sdk.Secret("s")}, OVERLAY)
    return [page async for page in connector.pages("agreement", cursor)]


async def test_F12_records_that_move_to_the_end_do_not_hide_others_behind_the_border() -> None:
    vendor = BusyVendor(touches=7)
    pages = await read(vendor)
    assert {item.source_id for page in pages for item in page.items} == set(vendor.updated)


async def test_the_record_changed_while_reading_is_read_again_in_its_new_version() -> None:
    vendor = BusyVendor(touches=7)
    versions = [item.source_version for page in await read(vendor) for item in page.items if item.source_id == "r-000"]
    assert len(versions) == 2 and versions[0] < versions[1]


async def test_L4_a_cursor_reads_again_what_may_have_appeared_late() -> None:
    vendor = BusyVendor(touches=0)
    pages = await read(vendor)
    vendor.asked.clear()
    again = await read(vendor, pages[-1].cursor)
    assert vendor.asked[0]["lastUpdated"] == "2026-02-20T04:07:00.000Z"  # two minutes before the last one
    assert [item.source_id for page in again for item in page.items] == ["r-247", "r-248", "r-249"]


async def test_no_change_is_no_page() -> None:
    vendor = BusyVendor(touches=0)
    vendor.updated.clear()
    assert await read(vendor, "2026-02-20T00:00:00Z") == []
