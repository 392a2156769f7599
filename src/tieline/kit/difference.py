"""The difference of two plain documents, field by field, as plans show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    name: str
    old: Any
    new: Any


def changed_fields(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> tuple[FieldChange, ...]:
    """Top-level fields that differ, in the order of `after`; a field that only `before` has becomes None."""
    old, new = before or {}, after or {}
    names = [*new, *(name for name in old if name not in new)]
    return tuple(
        FieldChange(name=name, old=old.get(name), new=new.get(name)) for name in names if old.get(name) != new.get(name)
    )
