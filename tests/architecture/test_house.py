"""The rules of the house that a machine can check: order of imports, sizes, words, purity, exactness."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SOURCE = _ROOT / "src" / "tieline"
_FILES = sorted(_SOURCE.rglob("*.py"))

_BANNED = {"sync", "job", "task", "master", "account", "manager", "helper", "util", "utils", "helpers", "data", "info"}
# Where a banned word is the other side's own name for a thing.
_FOREIGN = {
    "connectors": {"account", "task", "data", "job", "info"},
    "twins": {"account", "task", "data", "job", "info", "master"},
    "domain": {"account", "data"},  # bookkeeping; `data` is an attribute of CloudEvents
    "api": {"data"},
    "engine": {"data", "task"},  # asyncio's own word for what it runs
    "ports": {"data"},
    "kit": {"data"},
    "entrypoints": {"account", "data", "task", "info"},  # seeding vendors' systems; PostgreSQL's data folder
    "adapters": {"data", "info"},  # PostgreSQL's data folder, psycopg's connection info
    "console": {"data"},  # HTML data attributes
    "conformance": {"account", "data"},
}
_IMPURE = {"time", "random", "secrets", "socket", "logging", "structlog", "asyncio", "os", "subprocess", "uuid", "psycopg",
           "httpx", "httpx2", "urllib", "threading"}  # fmt: skip


def _parsed() -> Iterator[tuple[str, str, ast.Module]]:
    for file in _FILES:
        name = file.relative_to(_SOURCE).as_posix()
        yield name, name.split("/")[0], ast.parse(file.read_text(), name)


def test_imports_point_inwards() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_twin_imports_nothing_of_ours_but_kit() -> None:
    found = [
        f"{name}: {node.module}"
        for name, package, tree in _parsed()
        if package == "twins"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tieline")
        if not (node.module or "").startswith(("tieline.kit", "tieline.twins"))
    ]
    assert found == []


def test_a_connector_imports_nothing_of_ours_but_sdk_and_its_own_folder() -> None:
    found = []
    for name, package, tree in _parsed():
        if package != "connectors" or name.count("/") < 2:
            continue
        own = f"tieline.connectors.{name.split('/')[1]}"
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tieline"):
                sdk = node.module == "tieline" and [alias.name for alias in node.names] == ["sdk"]
                if not (sdk or (node.module or "").startswith((own, "tieline.sdk"))):
                    found.append(f"{name}: {node.module}")
    assert found == []


def test_rules_and_flows_know_no_clock_no_network_and_no_chance() -> None:
    found = []
    for name, package, tree in _parsed():
        if package in ("domain", "flows"):
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    found += [f"{name}: {alias.name}" for alias in node.names if alias.name.split(".")[0] in _IMPURE]
                elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _IMPURE:
                    found.append(f"{name}: {node.module}")
                elif _reads_the_clock(node):
                    found.append(f"{name}: reads the clock")
    assert found == []


def _reads_the_clock(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("now", "today", "utcnow")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date")
    )


def test_money_never_meets_a_float() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, package, tree in _parsed()
        if package in ("kit", "domain", "flows", "sdk")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]
    assert found == []


def test_no_amount_in_the_database_is_a_float() -> None:
    for file in (_SOURCE / "adapters" / "postgres" / "migrations").glob("*.sql"):
        assert not re.search(r"\b(real|double precision|float\d?|money)\b", _without_comments(file.read_text())), (
            file.name
        )


def test_files_stay_readable() -> None:
    long = {
        file.relative_to(_ROOT).as_posix(): count
        for file in [*_FILES, *sorted((_ROOT / "tests").rglob("*.py"))]
        if (count := len(file.read_text().splitlines())) > 400
    }
    assert long == {}


def test_functions_stay_readable() -> None:
    long = {
        f"{name}:{node.name}": length
        for name, _, tree in _parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > 45 and not _is_table(node)
    }
    assert long == {}


def _is_table(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A function that only returns a list of entries reads like a table; its length is no burden."""
    *before, last = node.body
    entries = isinstance(last, ast.Return) and isinstance(last.value, ast.Tuple | ast.List | ast.Dict)
    return entries and all(isinstance(statement, ast.Assign | ast.Expr) for statement in before)


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names that we choose: of functions, classes, arguments and what is assigned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def _words(name: str) -> set[str]:
    return set(re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().split("_"))


def test_words_that_mean_two_things_name_nothing_of_ours() -> None:
    found = sorted(
        f"{name}:{line}: {word}"
        for name, package, tree in _parsed()
        for line, word in _names(tree)
        if _words(word) & (_BANNED - _FOREIGN.get(package, set()))
    )
    files = [
        name
        for name, _, _ in _parsed()
        if set(Path(name).stem.split("_")) & {"manager", "helper", "util", "utils", "helpers"}
    ]
    assert (found, files) == ([], [])


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error", "pytest." + "skip"])
def test_nothing_is_left_for_later(word: str) -> None:
    files = [*_FILES, *sorted((_ROOT / "tests").rglob("*.py"))]
    assert [file.relative_to(_ROOT).as_posix() for file in files if re.search(rf"\b{word}\b", file.read_text())] == []


def test_every_module_says_its_place_in_the_whole() -> None:
    silent = [name for name, _, tree in _parsed() if tree.body and ast.get_docstring(tree) is None]
    assert silent == []


def test_nothing_is_caught_without_saying_what() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, _, tree in _parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert found == []


def _without_comments(sql: str) -> str:
    return re.sub(r"--.*|'[^']*'", "", sql)
