"""What the rest of the product gets: whole, checked, immutable. No secret is in it, only where each is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tieline.adapters.config.model import Audit, Listen, Webhooks, Worker
from tieline.domain.firm import Firm
from tieline.domain.ownership import Ownership
from tieline.kit.calendars import Through
from tieline.kit.schedules import Place, Rule
from tieline.ports.landscape import Cadence
from tieline.sdk import ConnectorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSettings:
    """One connected system. `secret_refs`: the connector's name for a secret (without `_ref`) to its reference."""

    name: str
    connector: str
    settings: ConnectorSettings
    secret_refs: Mapping[str, str]
    overlay: Mapping[str, Mapping[str, str]]
    poll_every_s: float | None = None
    census: Mapping[str, Cadence] = field(default_factory=dict)
    call_life_s: float | None = None
    budget: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)  # what differs from the manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSettings:
    """One schedule of one legal entity. `populations`: (system, kind) that a census of it lists."""

    name: str
    legal_entity: str
    when: str
    rule: Rule
    place: Place
    starts: Literal["census", "invoices", "planning"]
    missed: Literal["all", "latest", "skip"]
    populations: tuple[tuple[str, str], ...] = ()
    mode: Literal["full", "changed"] = "full"
    through: Through = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    name: str
    firm: Firm
    systems: Mapping[str, SystemSettings]
    ownership: Ownership
    weight: int = 1
    schedules: tuple[ScheduleSettings, ...] = ()

    @property
    def config_version(self) -> str:
        return self.firm.config_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`database_url_ref` is empty for the embedded server. `clock_movable`: a rehearsal, see `tieline clock`."""

    home: Path
    database_url_ref: str
    listen: Listen
    worker: Worker
    webhooks: Webhooks
    audit: Audit
    tenants: Mapping[str, Tenant]
    clock_movable: bool = False
