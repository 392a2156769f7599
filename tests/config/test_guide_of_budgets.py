"""What docs/guides/budgets-and-caps.md tells people to write is what the configuration takes, and its commands exist."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tieline.adapters.config import load
from tieline.connectors import discover
from tieline.engine.budgets import circuit, criticality, gate
from tieline.entrypoints.cli.app import app

_GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "budgets-and-caps.md").read_text()
_GOOD = Path(__file__).parent / "northwind.yaml"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _GUIDE, re.S)


def _merged(whole: Any, part: Any) -> Any:
    if not isinstance(whole, Mapping) or not isinstance(part, Mapping):
        return part
    return {**whole, **{name: _merged(whole.get(name), value) for name, value in part.items()}}


def test_every_piece_of_configuration_in_the_guide_is_taken(tmp_path: Path) -> None:
    whole = yaml.safe_load(_GOOD.read_text().replace("country: NO", 'country: "NO"'))  # to this reader NO is false
    for block in _blocks("yaml"):
        whole = _merged(whole, yaml.safe_load(block))
    path = tmp_path / "tieline.yaml"
    path.write_text(json.dumps(whole))  # JSON is YAML in which every text is quoted
    tenant = load(path, {}, discover()).tenants["northwind"]
    netsuite = tenant.systems["netsuite"]
    assert (tenant.weight, netsuite.budget) == (2, "netsuite-123456")
    assert dict(netsuite.limits) == {"concurrency": 15, "daily": 100_000}
    assert tenant.firm.waits == {("invoice_posting", "erp"): 10.0}


def test_the_guides_commands_and_options_exist() -> None:
    known = {
        command: typer.main.get_command(app).commands[command] for command in ("doctor", "resolve", "list", "plan")
    }  # type: ignore[attr-defined]
    named = set(re.findall(r"tieline ([a-z]+)", _GUIDE))
    assert named == known.keys()
    options = {option for parameter in known["resolve"].params for option in parameter.opts}
    assert {"--happened", "--did-not-happen"} <= options


def test_the_guides_runbooks_exist() -> None:
    links = re.findall(r"\]\(\.\./(runbooks/[A-Z_]+\.md|adr/[0-9a-z-]+\.md)\)", _GUIDE)
    assert len(links) == 7
    assert [link for link in links if not (_GUIDE_FOLDER / link).exists()] == []


@pytest.mark.parametrize(
    ("words", "figure"),
    [
        ("the last fifth is kept from listings", gate.KEPT[criticality.Criticality.CENSUS] - 0.2),
        ("the last twentieth from notices", gate.KEPT[criticality.Criticality.NOTICE] - 0.05),
        ("the last fiftieth from everything but", gate.KEPT[criticality.Criticality.STATE] - 0.02),
        ("Five calls one after another", circuit.FAILURES - 5),
        ("at most one a second", circuit.PROBE_S - 1.0),
    ],
)
def test_the_guides_figures_are_those_of_the_code(words: str, figure: float) -> None:
    assert words in " ".join(_GUIDE.split())
    assert figure == 0


_GUIDE_FOLDER = Path(__file__).parents[2] / "docs"
