"""The firm as the engine sees it: tenants compiled from configuration, connectors with their clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from tieline.adapters.config import Settings, SystemSettings, Tenant
from tieline.adapters.http import GuardedHttp
from tieline.api.source import ApiSource
from tieline.connectors import discover
from tieline.domain import fact_schemas, holds
from tieline.domain.facts import fact_of_record
from tieline.flows.registry import all_flows
from tieline.ports.clock import WALL, BusinessClock
from tieline.ports.http import Http
from tieline.ports.landscape import Advice, Landscape, TenantSetup
from tieline.ports.limits import Allowance, Meter
from tieline.ports.systems import Change, Source
from tieline.ports.vault import Vault
from tieline.sdk import SourceOfRecords
from tieline.sdk.limits import Metered
from tieline.sdk.system import ConnectedSystem

Connect = Callable[[SystemSettings], ConnectedSystem]
Around = Callable[[Http], Http]  # for measuring: what stands between a connector and its client


def as_it_is(http: Http) -> Http:
    return http


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscapes:
    """Compiled tenants with their open HTTP clients."""

    landscape: Landscape
    clients: tuple[GuardedHttp, ...]

    async def aclose(self) -> None:
        for client in self.clients:
            await client.aclose()


def build_landscape(
    settings: Settings, vault: Vault, around: Around = as_it_is, business: BusinessClock = WALL
) -> Landscapes:
    """Connect nothing yet: clients open on first use; each is handed to its connector through `around`.

    Raises CredentialInvalid for a secret that cannot be had.
    """
    clients: list[GuardedHttp] = []

    def connect(each: SystemSettings) -> ConnectedSystem:
        return _system(each, vault, around, clients)

    landscape = {name: setup_of(tenant, connect, business) for name, tenant in settings.tenants.items()}
    return Landscapes(landscape=landscape, clients=tuple(clients))


def setup_of(tenant: Tenant, connect: Connect, business: BusinessClock = WALL) -> TenantSetup:
    systems = {name: connect(each) for name, each in tenant.systems.items()}
    sources: dict[str, Source] = {"api": ApiSource()}
    sources |= {name: _Named(name, s.source) for name, s in systems.items() if isinstance(s.source, SourceOfRecords)}
    return TenantSetup(
        tenant=tenant.name, firm=tenant.firm, config_version=tenant.config_version, systems=systems, sources=sources,
        flows=all_flows(), route=tenant.firm.system_for, refuse=lambda system, change: refuse(tenant, system, change),
        describe=describe, check_fact=fact_schemas.validate, advise=advise,
        today=lambda legal_entity, moment: today(tenant, legal_entity, moment),
        poll_every_s={name: each.poll_every_s for name, each in tenant.systems.items() if each.poll_every_s},
        census={(name, kind): part for name, each in tenant.systems.items() for kind, part in each.census.items()},
        owns=lambda system, kind, field, entity: owns(tenant, system, kind, field, entity),
        allowances={name: _allowance(tenant, name, system) for name, system in systems.items()}, weight=tenant.weight,
        clock=business,
    )  # fmt: skip


def _allowance(tenant: Tenant, name: str, system: ConnectedSystem) -> Allowance:
    """What the file says goes before what the manifest says; without a name a system has a budget of its own."""
    each = tenant.systems[name]
    return Allowance(
        budget=each.budget or f"{tenant.name}/{name}", limits=replace(system.limits, **each.limits), meter=system.meter
    )


def _system(each: SystemSettings, vault: Vault, around: Around, clients: list[GuardedHttp]) -> ConnectedSystem:
    kind = discover()[each.connector]
    http = GuardedHttp(
        each.settings.base_url, name=each.name, allow_private_addresses=each.settings.allow_private_addresses,
        refused_503=kind.manifest.refused_503, throttled_by=kind.manifest.throttled_by, connections=64,
    )  # fmt: skip
    clients.append(http)
    values = {name: vault.secret(reference) for name, reference in each.secret_refs.items()}
    meter = Meter()
    metered = Metered(around(http), meter, kind.limits_seen)
    connector = kind(each.settings, metered, values, each.overlay)
    return ConnectedSystem(each.name, connector, call_life_s=each.call_life_s, meter=meter)


class _Named:
    """A connector as a source under its configured name."""

    def __init__(self, name: str, source: Any) -> None:
        self.name, self.topics, self.tells_all = name, source.topics, source.tells_all
        self.verify, self.fetch, self.pages, self.changes = source.verify, source.fetch, source.pages, source.changes


def refuse(tenant: Tenant, system: str, change: Change) -> str | None:
    """Why this system may not change this record, None when one of its roles owns all that it changes (O3)."""
    played = [role for role, table in tenant.firm.roles.items() if system in table.values()]
    played += ["api", "inbox"] if system == "api" else []  # people may hand in what an inbox takes
    fields = change.fields or tuple(change.doc)
    entity = change.legal_entity or "*"
    foreign: list[list[str]] = [tenant.ownership.refused(role, change.kind, fields, entity) for role in played]
    if any(not each for each in foreign):
        return None
    return f"{system} is not the owner of {', '.join(foreign[0])} of {change.kind} and may not change it"


def owns(tenant: Tenant, system: str, kind: str, field: str, legal_entity: str) -> bool:
    """Whether a role that this system plays owns the field, so that nobody writes it there (O3)."""
    played = (role for role, table in tenant.firm.roles.items() if system in table.values())
    return any(tenant.ownership.may_write(role, kind, field, legal_entity) for role in played)


def describe(change: Change) -> tuple[str, dict[str, Any]] | None:
    event_type = fact_of_record(change.kind, change.doc)
    return (event_type, dict(change.doc)) if event_type else None


def advise(code: str) -> Advice:
    return Advice(owner=holds.known_code(code).owner, way_out=holds.general_way_out(code))


def today(tenant: Tenant, legal_entity: str | None, moment: datetime) -> date:
    known = legal_entity in tenant.firm.legal_entities
    return tenant.firm.today(str(legal_entity), moment) if known else moment.date()
