"""Connectors, one folder each. A folder is found because it is there: nobody edits a list to add one."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from tieline import sdk


def discover() -> dict[str, type[sdk.Connector]]:
    """Every connector under its manifest's name. A folder that starts with `_` is not one."""
    found: dict[str, type[sdk.Connector]] = {}
    for folder in pkgutil.iter_modules(__path__):
        if folder.ispkg and not folder.name.startswith("_"):
            connector = only_connector(importlib.import_module(f"{__name__}.{folder.name}.connector"))
            if connector.manifest.name in found:
                raise ValueError(f"two connector folders call themselves {connector.manifest.name}")
            found[connector.manifest.name] = connector
    return found


def only_connector(module: ModuleType) -> type[sdk.Connector]:
    """The one connector class that `module` defines (ValueError otherwise)."""
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, sdk.Connector) and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise ValueError(f"{module.__name__} must define exactly one connector, not {len(classes)}")
    return classes[0]
