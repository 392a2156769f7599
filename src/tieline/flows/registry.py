"""Finds the flows by folder. A flow is declared with `@flow` in a module of this package; there is no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import tieline.flows
from tieline.ports.decisions import Decision
from tieline.ports.flows import Each, Flow, Needs, Record, Ref, Snapshot

Decide = Callable[[Snapshot], Iterable[Decision]]
Records = Mapping[str, Mapping[str, Record]]


def client_of_contract(records: Records) -> Iterable[Ref]:
    """The one record of another lane that the contract's flows read: the client's."""
    for record in records.get("contract", {}).values():
        if isinstance(client_id := record.doc.get("client_id"), str):
            yield Ref(kind="client_record", id=client_id)


def flow(
    *,
    root: str,
    within: timedelta,
    owner: str,
    context: Callable[[Records], Iterable[Ref]] = client_of_contract,
    each: Each | None = None,
    follows: Iterable[str] = (),
    needs: Callable[[Snapshot], Needs] = lambda snapshot: Needs(),
) -> Callable[[Decide], Flow]:
    """Declare a flow; it is named after its function. `within` is the time in which its outcome is promised."""

    def declare(decide: Decide) -> Flow:
        name = getattr(decide, "__name__", "")
        return Flow(
            name=name, root=root, decide=decide, owner=owner, within=within, context=context, each=each,
            follows=frozenset(follows), needs=needs,
        )  # fmt: skip

    return declare


def all_flows() -> tuple[Flow, ...]:
    """Every flow of this package, in order of name."""
    found: dict[str, Flow] = {}
    for module in pkgutil.iter_modules(tieline.flows.__path__):
        loaded = importlib.import_module(f"{tieline.flows.__name__}.{module.name}")
        found |= {value.name: value for value in vars(loaded).values() if isinstance(value, Flow)}
    return tuple(found[name] for name in sorted(found))
