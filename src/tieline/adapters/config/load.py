"""File and environment in, `Settings` out. All faults of all stages that can be seen are reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tieline.adapters.config.complaints import complaints, fault, refuse
from tieline.adapters.config.crosscheck import crosscheck
from tieline.adapters.config.environment import overlay
from tieline.adapters.config.marks import Marked, bounded, parse
from tieline.adapters.config.model import Document, TenantPart
from tieline.adapters.config.ownership import ownership_of
from tieline.adapters.config.rehearsal import check_addresses, check_rehearsal
from tieline.adapters.config.schedules import compile_schedules
from tieline.adapters.config.settings import Settings, SystemSettings, Tenant
from tieline.adapters.config.systems import Connectors, compile_systems
from tieline.domain.firm import ANY, Firm, LegalEntity
from tieline.kit.canonical import digest, plain
from tieline.kit.errors import Fault, Rejected


def read(file: Path | None, environ: Mapping[str, str]) -> Marked:
    """The file (none: only defaults) under the environment, unchecked but with the place of everything."""
    if file is None:
        return overlay(Marked(file="defaults", value={}), environ)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: cannot be read ({error.__class__.__name__}); name another file with --config"
        raise Rejected(message, code="configuration_invalid", faults=[Fault("", message)]) from None
    return overlay(parse(text, str(file)), environ)


def load(file: Path | None, environ: Mapping[str, str], connectors: Connectors) -> Settings:
    """Raises Rejected (code `configuration_invalid`) whose detail has one line `file:line:col: sentence` per fault."""
    return _compiled(read(file, environ), connectors)


def load_text(text: str, name: str, connectors: Connectors) -> Settings:
    """A configuration that somebody hands in, under `name` in its faults; the environment of this process has no say.

    Raises Rejected as `load` does, also for what is built to be expensive: aliases, and more than 32 levels.
    """
    return _compiled(parse(bounded(text, name), name), connectors)


def _compiled(marked: Marked, connectors: Connectors) -> Settings:
    document = document_of(marked)
    tenants: dict[str, Tenant] = {}
    faults: list[Fault] = [*check_rehearsal(document, marked)]
    for name, part in document.tenants.items():
        systems, wrong = compile_systems(name, part, connectors, marked)
        ownership, contradictions = ownership_of(name, part, marked)
        schedules, wrongly_due = compile_schedules(name, part, connectors, marked)
        faults += [*wrong, *crosscheck(name, part, connectors, marked), *contradictions, *wrongly_due]
        faults += check_addresses(document, name, systems, marked)
        if ownership is not None:
            firm = _firm(name, part, systems, connectors)
            tenants[name] = Tenant(
                name=name, firm=firm, systems=systems, ownership=ownership, weight=part.weight, schedules=schedules
            )
    refuse(faults)
    return Settings(
        home=document.home.expanduser(),
        database_url_ref=document.database.url_ref,
        listen=document.listen,
        worker=document.worker,
        webhooks=document.webhooks,
        audit=document.audit,
        tenants=tenants,
        clock_movable=document.clock.movable,
    )


def document_of(marked: Marked) -> Document:
    if not isinstance(marked.value, dict):
        refuse([fault(marked, (), "the file must be a group of `name: value` lines")])
    try:
        return Document.model_validate(marked.value)
    except ValidationError as error:
        refuse(complaints(error, Document, marked))
        raise


def _firm(tenant: str, part: TenantPart, systems: Mapping[str, SystemSettings], connectors: Connectors) -> Firm:
    return Firm(
        tenant=tenant,
        legal_entities={
            code: LegalEntity(
                code=code,
                country=each.country,
                currency=each.currency,
                zone=each.zone,
                taxes=each.taxes,
                name=each.name,
            )
            for code, each in part.legal_entities.items()
        },
        roles={role: {ANY: given} if isinstance(given, str) else given for role, given in part.roles.items()},
        biller=dict(part.biller),
        rater=dict(part.rater),
        project_homes=part.project_homes,
        activation_approval=part.activation.approval,
        amendments_apply=part.amendments.apply,
        waits={
            (kind, role): given.wait
            for kind, roles in part.criticality.items()
            for role, given in roles.items()
            if given.pattern == "synchronous" and given.wait is not None
        },
        service_lines=frozenset(part.service_lines),
        config_version=_version(part, systems, connectors),
    )


def _version(part: TenantPart, systems: Mapping[str, SystemSettings], connectors: Connectors) -> str:
    """Stands for all that can change a document: the tenant's whole configuration and the mappings of its connectors."""
    mappings = {name: connectors[each.connector].manifest.mapping_version for name, each in systems.items()}
    said = part.model_dump(mode="json", exclude=_CHANGES_NO_DOCUMENT)
    return "cfg_" + digest({"tenant": plain(said), "mappings": mappings}).hex()[:16]


_CHANGES_NO_DOCUMENT: Any = {"schedules": True, "legal_entities": {"__all__": {"calendar"}}}
