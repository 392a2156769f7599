"""Validation faults as sentences: where it stands, what is wrong, what is allowed, and the nearest match."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tieline.adapters.config.marks import Marked, Path, pointer
from tieline.kit.errors import Fault, Rejected

_PLAIN = {
    "string_type": "must be text: put it in quotes",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "decimal_parsing": "must be a decimal number such as 0.20",
    "decimal_type": "must be a decimal number such as 0.20",
    "dict_type": "must be a group of `name: value` lines",
    "model_type": "must be a group of `name: value` lines",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "date_from_datetime_parsing": "must be a day such as 2026-12-25",
    "date_parsing": "must be a day such as 2026-12-25",
    "date_type": "must be a day such as 2026-12-25",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
_SECRET_WORDS = ("_ref", "secret", "token", "password", "key")


def fault(marked: Marked, path: Path, message: str, *, key: bool = False) -> Fault:
    return Fault(pointer(path), f"{marked.where(path, key=key)}: {message}")


def refuse(faults: Iterable[Fault]) -> None:
    """Raises Rejected with all faults, one line each, when there are any."""
    unique = list(dict.fromkeys(faults))
    if unique:
        detail = "\n".join(each.message for each in unique)
        raise Rejected(detail, code="configuration_invalid", faults=unique)


def complaints(error: ValidationError, root: type[BaseModel], marked: Marked, prefix: Path = ()) -> list[Fault]:
    """Pydantic's errors, joined to the file. `root` is the model that failed, `prefix` where it stands in the file."""
    return [_complaint(dict(each), root, marked, prefix) for each in error.errors(include_url=False)]


def nearest(word: str, allowed: Sequence[str]) -> str:
    """`; did you mean 'x'?` and the allowed words; both only when there are any."""
    near = difflib.get_close_matches(word, allowed, n=1, cutoff=0.6)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    return f"{hint} Allowed: {', '.join(sorted(allowed))}." if allowed else hint


def _complaint(error: dict[str, Any], root: type[BaseModel], marked: Marked, prefix: Path) -> Fault:
    loc: Path = tuple(part for part in error["loc"] if part != "[key]" and part not in ("str", "dict[str,str]"))
    path, kind = (*prefix, *loc), error["type"]
    name = ".".join(map(str, path)) or "the file"
    if kind == "extra_forbidden":
        above = ".".join(map(str, path[:-1])) or "the top level"
        return fault(
            marked,
            path,
            f"there is no key '{path[-1]}' in {above}{nearest(str(path[-1]), _keys(root, loc[:-1]))}",
            key=True,
        )
    if kind == "missing":
        return fault(marked, path[:-1], f"{name} is missing{_example(root, loc)}", key=True)
    if kind == "literal_error":
        shown = "" if _secret(path) else f", not '{error['input']}'"
        allowed = [word.strip("'") for word in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return fault(
            marked, path, f"{name} must be {error['ctx']['expected']}{shown}{nearest(str(error['input']), allowed)}"
        )
    if kind == "value_error":
        return fault(marked, path, f"{name} {error['ctx']['error']}")
    if kind == "string_pattern_mismatch" and "[key]" in error["loc"]:
        message = f"the name '{path[-1]}' must be small letters, digits, - or _, and begin with a letter"
        return fault(marked, path, message, key=True)
    return fault(marked, path, f"{name} {_PLAIN.get(kind, _lowered(error['msg']))}")


def _secret(path: Path) -> bool:
    return any(word in str(path[-1]).lower() for word in _SECRET_WORDS) if path else False


def _lowered(message: str) -> str:
    return (message[:1].lower() + message[1:]).replace("input should", "should")


def _example(root: type[BaseModel], loc: Path) -> str:
    model = _model_at(root, loc[:-1])
    known = model.model_fields.get(str(loc[-1])) if model else None
    if known is None:
        return ""
    shown = f", for example {known.examples[0]}" if known.examples else ""
    return f": {(known.description or '').rstrip('.')}{shown}".rstrip(": ")


def _keys(root: type[BaseModel], loc: Path) -> list[str]:
    model = _model_at(root, loc)
    return list(model.model_fields) if model else []


def _model_at(root: type[BaseModel], loc: Path) -> type[BaseModel] | None:
    """The model that stands at `loc` below `root`, through groups and lists."""
    here: Any = root
    for part in loc:
        here = _bare(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            known = here.model_fields.get(str(part))
            here = known.annotation if known else None
        else:
            arguments = get_args(here)
            here = arguments[-1] if get_origin(here) is dict else (arguments[0] if arguments else None)
    here = _bare(here)
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _bare(kind: Any) -> Any:
    while get_origin(kind) in (Annotated, typing.Union, types.UnionType):
        kind = next((each for each in get_args(kind) if each is not type(None)), None)
    return kind
