"""YAML with the place of every key and value, and without YAML's surprises: NO is text, 0.20 stays exactly 0.20."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tieline.kit.errors import Fault, Rejected

Path = tuple[str | int, ...]
Place = tuple[int, int]
DEPTH_MAX = 32


class _Loader(yaml.SafeLoader):
    """Only true, false, null and plain whole numbers are more than text; decimals stay as written until a type reads them."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]{0,17})$"), list("-0123456789"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A YAML document: its value, and where each key and each value stands (line and column from 1)."""

    file: str
    value: Any
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)
    variables: Mapping[Path, str] = field(default_factory=dict)

    def where(self, path: Path, *, key: bool = False) -> str:
        """`file:line:col` of a value or its key; of the nearest thing above it when it is not in the file."""
        for length in range(len(path), -1, -1):
            near = path[:length]
            if near in self.variables:
                return f"environment variable {self.variables[near]}"
            place = (self.keys.get(near) if key or length < len(path) else None) or self.values.get(near)
            if place is not None:
                return f"{self.file}:{place[0]}:{place[1]}"
        return self.file


def parse(text: str, file: str) -> Marked:
    """Raises Rejected when it is not YAML, or a key stands twice."""
    keys: dict[Path, Place] = {}
    values: dict[Path, Place] = {}
    try:
        root = yaml.compose(text, Loader=_Loader)
        _walk(root, (), keys, values, file)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer types
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, file) from None
    return Marked(file=file, value={} if value is None else value, keys=keys, values=values)


def bounded(text: str, file: str) -> str:
    """`text`, when it cannot grow on reading: no aliases, no deep nesting. Raises Rejected; to be asked before `parse`."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEPTH_MAX or isinstance(event, yaml.AliasEvent):
                raise _too_clever(event.start_mark, file)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, file) from None
    except yaml.YAMLError:  # a character that no YAML may hold
        message = f"{file}: this holds characters that are not text; save it as UTF-8"
        raise Rejected(message, code="configuration_invalid", faults=[Fault("", message)]) from None
    return text


def scalar(text: str) -> Any:
    """The value of an environment variable, read as it would be in the file."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError:
        return text


def _walk(node: yaml.Node | None, path: Path, keys: dict[Path, Place], values: dict[Path, Place], file: str) -> None:
    if node is None:
        return
    values[path] = _place(node)
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            below = (*path, str(key_node.value))
            if below in keys:
                line, column = _place(key_node)
                message = (
                    f"{file}:{line}:{column}: '{key_node.value}' stands here for the second time; keep one of the two"
                )
                raise Rejected(message, code="configuration_invalid", faults=[Fault(pointer(below), message)])
            keys[below] = _place(key_node)
            _walk(value_node, below, keys, values, file)
    elif isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            _walk(child, (*path, number), keys, values, file)


def pointer(path: Path) -> str:
    """JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _place(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _too_clever(mark: Any, file: str) -> Rejected:
    place = f"{file}:{mark.line + 1}:{mark.column + 1}"
    message = (
        f"{place}: write every value where it stands: aliases (*name) and more than {DEPTH_MAX} levels are not taken"
    )
    return Rejected(message, code="configuration_invalid", faults=[Fault("", message)])


def _not_yaml(error: yaml.MarkedYAMLError, file: str) -> Rejected:
    mark = error.problem_mark or error.context_mark
    place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
    message = f"{place}: this is not valid YAML ({error.problem or 'unreadable'}); check indentation and quotes here"
    return Rejected(message, code="configuration_invalid", faults=[Fault("", message)])
