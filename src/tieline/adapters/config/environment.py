"""Environment over file: `TIELINE_LISTEN__PORT=9000` is `listen.port: 9000`. Names match without regard to case."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tieline.adapters.config.marks import Marked, Path, scalar
from tieline.adapters.config.model import Document
from tieline.kit.errors import Fault, Rejected

_PREFIX = "TIELINE_"
_URL = "TIELINE_DATABASE__URL"


def overlay(marked: Marked, environ: Mapping[str, str]) -> Marked:
    """`marked` with the environment on top; each value remembers its variable. Other TIELINE_ variables are not ours."""
    value = copy.deepcopy(marked.value)
    variables: dict[Path, str] = {}
    for name in sorted(environ):
        if not name.startswith(_PREFIX) or not isinstance(value, dict):
            continue
        if name == _URL:  # the variable holds the secret, so it is the reference's target
            path: Path = ("database", "url_ref")
            new: Any = f"env:{_URL}"
        elif (words := _ours(name)) is not None:
            path, new = _spelled(value, words), scalar(environ[name])
        else:
            continue
        _put(value, path, new)
        variables[path] = name
    return replace(marked, value=value, variables=variables)


def _ours(name: str) -> list[str] | None:
    """The path as words, None for variables that are no settings (keys of the CLI and the like)."""
    words = name.removeprefix(_PREFIX).lower().split("__")
    if words[0] in Document.model_fields:
        return words
    near = difflib.get_close_matches(words[0], Document.model_fields, n=1, cutoff=0.8)
    if len(words) > 1 or near:
        hint = f"; did you mean {_PREFIX}{near[0].upper()}?" if near else ""
        message = f"environment variable {name}: there is no setting '{words[0]}'{hint}"
        raise Rejected(message, code="configuration_invalid", faults=[Fault(f"/{words[0]}", message)])
    return None


def _spelled(value: Any, words: list[str]) -> Path:
    """Keys that exist keep their spelling: DE01 in the file answers to DE01 and de01 in the environment."""
    path: list[str] = []
    for word in words:
        known = {str(key).lower(): str(key) for key in value} if isinstance(value, dict) else {}
        key = known.get(word, word)
        path.append(key)
        value = value.get(key) if isinstance(value, dict) else None
    return tuple(path)


def _put(value: dict[str, Any], path: Path, new: Any) -> None:
    for key in path[:-1]:
        below = value.get(str(key))
        if not isinstance(below, dict):
            below = value[str(key)] = {}
        value = below
    value[str(path[-1])] = new
