"""`tieline audit`: what it prints, and with which exit code."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from feed_desk import FIRM, SIGNER, Desk
from typer.testing import CliRunner

from tieline.adapters.postgres import roles
from tieline.entrypoints.cli.app import app


@pytest.fixture
def config(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The firm's file of the configuration's tests, on this database and this outside record."""
    text = (Path(__file__).parents[1] / "config" / "northwind.yaml").read_text()
    for name, value in (("AUDIT_KEY", (b"k" * 32).hex()), ("STORE_URL", _url(desk))):
        monkeypatch.setenv(name, value)
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(("home:", "audit:", "database:")))
    file = tmp_path / "tieline.yaml"
    file.write_text(
        f"home: {tmp_path}\naudit: {{record: {desk.record}, key_ref: 'env:AUDIT_KEY'}}\n"
        f"database: {{url_ref: 'env:STORE_URL'}}\n{kept}\n"
    )
    return file


def _url(desk: Desk) -> str:
    return desk.database.conninfo(roles.ADMIN)


def run(*words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, ["audit", *words])
    return done.exit_code, json.loads(done.stdout) if "--json" in words and done.stdout else done.stdout


async def prepared(desk: Desk) -> None:
    await desk.write(("contract:c1", 3))
    await desk.seal(sign=True)
    await desk.write(("contract:c1", 2))
    await desk.seal()


async def test_A2_a_whole_history_is_said_to_be_whole_and_its_unsigned_tail_is_named(desk: Desk, config: Path) -> None:
    await prepared(desk)
    code, said = await asyncio.to_thread(run, "verify", "--json", "--config", str(config))
    assert (code, said["whole"], said["findings"]) == (0, True, [])
    [firm] = [each for each in said["tenants"] if each["tenant"] == FIRM]
    assert (firm["position"], firm["signed_position"], firm["unsigned"]) == (5, 3, 2)


async def test_A2_damage_ends_with_exit_code_3_and_its_first_position(desk: Desk, config: Path) -> None:
    await prepared(desk)
    desk.rows("update events set actor = 'me' where lane_seq = 2")
    code, said = await asyncio.to_thread(run, "verify", "--json", "--config", str(config))
    assert (code, [(each["kind"], each["position"]) for each in said["findings"]]) == (3, [("edit", 2)])
    code, text = await asyncio.to_thread(run, "verify", "--config", str(config), "--public-key", SIGNER.public.hex())
    assert code == 3 and "edit at northwind position 2" in text


async def test_F40_a_new_epoch_is_begun_by_command_and_signed(desk: Desk, config: Path) -> None:
    await prepared(desk)
    code, said = await asyncio.to_thread(
        run, "new-epoch", FIRM, "--reason", "disk lost", "--json", "--config", str(config)
    )
    assert (code, said["epoch"], said["after_position"]) == (0, 2, 5)
    assert (await desk.verify()).findings == []
    code, _ = await asyncio.to_thread(run, "new-epoch", "nobody", "--reason", "x", "--config", str(config))
    assert code == 5
