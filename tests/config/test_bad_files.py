"""Each file in `bad/` is one situation; its first lines are the sentences that a person must see, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.adapters.config import load
from tieline.connectors import discover
from tieline.kit.errors import Rejected

_FILES = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


def _expected(file: Path) -> list[str]:
    lines = file.read_text().splitlines()
    return [line.removeprefix("# expect: ") for line in lines if line.startswith("# expect: ")]


def _shortened(line: str, like: str) -> str:
    """`…` ends an expectation whose rest is a connector's own business."""
    return line[: len(like) - 1] + "…" if like.endswith("…") else line


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_a_wrong_configuration_is_refused_with_a_sentence_that_names_line_rule_and_way_out(file: Path) -> None:
    with pytest.raises(Rejected) as refused:
        load(file, {}, discover())
    said = [line.replace(str(file), file.name) for line in refused.value.detail.splitlines()]
    assert [_shortened(line, like) for line, like in zip(said, _expected(file), strict=True)] == _expected(file)
    assert refused.value.code == "configuration_invalid"


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_no_sentence_repeats_a_secret(file: Path) -> None:
    with pytest.raises(Rejected) as refused:
        load(file, {}, discover())
    assert "hunter2" not in refused.value.detail + "".join(str(fault) for fault in refused.value.faults)
