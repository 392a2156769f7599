"""Connections: each system's further keys are checked by its connector's own settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tieline.adapters.config.complaints import complaints, fault, nearest
from tieline.adapters.config.marks import Marked
from tieline.adapters.config.model import CensusPart, SystemPart, TenantPart
from tieline.adapters.config.settings import SystemSettings
from tieline.kit.errors import Fault
from tieline.ports.landscape import Cadence
from tieline.sdk import Connector

Connectors = Mapping[str, type[Connector]]


def compile_systems(
    tenant: str, part: TenantPart, connectors: Connectors, marked: Marked
) -> tuple[dict[str, SystemSettings], list[Fault]]:
    """Every system that could be read, and what is wrong with the others."""
    systems: dict[str, SystemSettings] = {}
    faults: list[Fault] = []
    for name, given in part.systems.items():
        path = ("tenants", tenant, "systems", name)
        connector = connectors.get(given.connector)
        if connector is None:
            message = f"there is no connector '{given.connector}'{nearest(given.connector, list(connectors))}"
            faults.append(fault(marked, (*path, "connector"), message))
            continue
        try:
            settings = connector.settings_type.model_validate(given.model_extra or {})
        except ValidationError as error:
            faults += complaints(error, connector.settings_type, marked, path)
            continue
        references = _references(settings.model_dump())
        faults += [
            fault(marked, (*path, f"{key}_ref"), f"{'.'.join(path)}.{key}_ref must say where the secret is kept "
                  "(env:NAME, file:/path or vault:path), not be the secret itself")
            for key, reference in references.items() if not reference.startswith(("env:", "file:", "vault:"))
        ]  # fmt: skip
        systems[name] = _system(name, given, settings, references)
    return systems, faults


def _system(name: str, given: SystemPart, settings: Any, references: Mapping[str, str]) -> SystemSettings:
    return SystemSettings(
        name=name,
        connector=given.connector,
        settings=settings,
        secret_refs=references,
        overlay=given.overlay,
        poll_every_s=given.poll_every_s,
        census={kind: _cadence(part) for kind, part in given.census.items()},
        call_life_s=given.call_life_s,
        budget=given.budget,
        limits={name: value for name, value in given.limits.model_dump().items() if value is not None},
    )


def _cadence(part: CensusPart) -> Cadence:
    return Cadence(
        full_s=part.full, changed_s=part.changed, missing=part.missing, retract_max=part.retract_max,
        retract_share=part.retract_share,
    )  # fmt: skip


def _references(values: Mapping[str, Any]) -> dict[str, str]:
    return {key.removesuffix("_ref"): value for key, value in values.items() if key.endswith("_ref") and value}
