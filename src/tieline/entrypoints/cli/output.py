"""What a command prints: data on stdout, everything else on stderr. Tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

STATUS_STYLES = {"in_step": "green", "blocked": "red", "held": "red", "moving": "yellow", "differs": "magenta"}
SCHEMA_LINE = {"type": "version", "schema": "1.0"}


def out() -> Console:
    """Standard output. Rich leaves out colour by itself where nobody would see it; NO_COLOR is honoured."""
    width = None if sys.stdout.isatty() else 200
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=not sys.stdout.isatty())


def err() -> Console:
    return Console(file=sys.stderr, highlight=False)


def say(sentence: str) -> None:
    """Progress and remarks: never on stdout."""
    print(sentence, file=sys.stderr, flush=True)


def document(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def stream(rows: Iterable[Any]) -> None:
    """JSON lines: the first line names the schema, so that readers can refuse what they do not know."""
    print(json.dumps(SCHEMA_LINE), flush=True)
    for row in rows:
        print(json.dumps(row, ensure_ascii=False), flush=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], empty: str) -> None:
    """Rows under `columns` (keys); a sentence instead of an empty table."""
    if not rows:
        out().print(empty)
        return
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join("" if row.get(column) is None else str(row[column]) for column in columns))
        return
    grid = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        grid.add_column(column.replace("_", " "))
    for row in rows:
        grid.add_row(*(cell(row.get(column)) for column in columns))
    out().print(grid)


def cell(value: Any) -> Text:
    text = "" if value is None else str(value).replace("_", " ") if value in STATUS_STYLES else str(value)
    return Text(text, style=STATUS_STYLES.get(str(value), ""))


def money(value: Mapping[str, Any] | None) -> str:
    if not value:
        return ""
    whole, _, fraction = str(value["amount"]).partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    grouped = f"{int(digits or 0):,}"
    return f"{value['currency']} {sign}{grouped}{'.' + fraction if fraction else ''}"
