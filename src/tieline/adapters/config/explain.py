"""Where each effective value comes from: `tieline config explain`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tieline.adapters.config.load import document_of
from tieline.adapters.config.marks import Marked, Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """`origin`: `default`, `file:line:col` or `environment variable NAME`."""

    path: str
    value: Any
    origin: str


def explain(marked: Marked) -> list[Explained]:
    """Every effective setting with its origin, in the order of the schema. Raises Rejected for an invalid file."""
    document = document_of(marked)
    return [
        Explained(path=".".join(map(str, path)), value=value, origin=_origin(marked, path))
        for path, value in _leaves(document.model_dump(mode="json"), ())
    ]


def _origin(marked: Marked, path: Path) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in marked.variables or path[:length] in marked.values:
            exact = length == len(path) or not isinstance(_at(marked.value, path[:length]), dict)
            return marked.where(path[:length]) if exact else "default"
    return "default"


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, key))
    else:
        yield path, value
