"""The mapping page of a connector must name every field of every document that it carries."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tieline.conformance.bench import Failed
from tieline.sdk import Connector

_SECTION = re.compile(r"^##+ `?([a-z_]+)`?", re.MULTILINE)
_QUOTED = re.compile(r"`([A-Za-z_.]+)`")
_FIRST_CELL = re.compile(r"^\|([^|]*)\|", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_.]+")


def folder_of(connector: type[Connector]) -> Path:
    return Path(str(sys.modules[connector.__module__].__file__)).parent


def check_mapping_page(connector: type[Connector], documents: Mapping[str, type[Any]]) -> None:
    """Raises Failed listing every `kind.field` that the page does not name in its kind's section."""
    page = folder_of(connector) / "MAPPING.md"
    if not page.is_file():
        raise Failed("there is no MAPPING.md")
    named = named_fields(page.read_text(encoding="utf-8"))
    missing = [
        f"{kind}.{field.name}"
        for kind, document in documents.items()
        for field in fields(document)
        if field.name not in named.get(kind, frozenset())
    ]
    if missing:
        raise Failed(f"MAPPING.md does not name {', '.join(missing)}")


def named_fields(text: str) -> dict[str, frozenset[str]]:
    """Kind -> names in the section whose heading starts with the kind: in back quotes, or in a table's first column."""
    pieces = _SECTION.split(text)
    return {kind: _names(section) for kind, section in zip(pieces[1::2], pieces[2::2], strict=True)}


def _names(section: str) -> frozenset[str]:
    cells = " ".join(_FIRST_CELL.findall(section))
    return frozenset(name.split(".")[0] for name in [*_QUOTED.findall(section), *_WORD.findall(cells)])
