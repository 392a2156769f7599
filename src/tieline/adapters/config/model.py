"""The shape of `tieline.yaml`. What crosses two places in the file is checked in `crosscheck.py`, connections in `systems.py`."""

from __future__ import annotations

import difflib
import re
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tieline.adapters.config.parts import Part
from tieline.adapters.config.times import CalendarPart, ClockPart, SchedulePart

Biller = Literal["hub", "erp", "psa"]
_PLACE = r"^[a-z_]+\.[a-z_]+( at [a-z_]+)?$"


def loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _hub() -> dict[str, Biller]:
    return {"*": "hub"}


def _at_the_erp() -> dict[str, tuple[str, ...]]:
    return {"*": ("erp",)}


def _reference(value: str) -> str:
    if value and not value.startswith(("env:", "file:", "vault:")):
        raise ValueError(
            "must say where the secret is kept (env:NAME, file:/path or vault:path), not be the secret itself"
        )
    return value


def _currency(value: str) -> str:
    if not (len(value) == 3 and value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError("must be an ISO 4217 currency code such as EUR")
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        near = difflib.get_close_matches(value, available_timezones(), n=1)
        raise ValueError(f"must be a time zone such as {near[0] if near else 'Europe/Berlin'}")
    return value


def _country(value: str) -> str:
    if not (len(value) == 2 and value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError("must be an ISO 3166 country code of two capitals such as DE")
    return value


def _rate(value: Decimal) -> Decimal:
    if not 0 <= value < 1:
        raise ValueError("must be a fraction from 0 up to, not including, 1: twenty percent is 0.20")
    return value


Reference = Annotated[str, AfterValidator(_reference)]
Currency = Annotated[str, AfterValidator(_currency)]
Zone = Annotated[str, AfterValidator(_zone)]
Country = Annotated[str, AfterValidator(_country)]
Rate = Annotated[Decimal, AfterValidator(_rate)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class OwnershipPart(Part):
    """One declaration beyond the usual ones; the nearer wins: legal entity before all, then phase before all."""

    entity: str = Field(description="Canonical entity.", examples=["client_record"])
    field: str = Field(description="Its field; `*` for all without a declaration of their own.", examples=["address"])
    role: str = Field(description="The role that owns it.", examples=["crm"])
    legal_entity: str = Field(default="*", description="Where it holds.")
    phase: str = Field(default="*", description="When it holds.")


class FeedPart(Part):
    """A field that a system feeds back or that is derived from another: written `entity.field` or `entity.field at role`."""

    source: str = Field(pattern=_PLACE, description="Where it comes from.", examples=["client.address at erp"])
    target: str = Field(pattern=_PLACE, description="What it changes.", examples=["client_record.address"])
    legal_entity: str = Field(default="*", description="Where it holds.")


class Database(Part):
    url_ref: Reference = Field(
        default="", description="Where the server's URL is kept. Empty: the embedded PostgreSQL."
    )


class Listen(Part):
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8600, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    tls_terminated: bool = Field(
        default=False, description="A proxy in front encrypts. Needed to listen beyond this machine."
    )

    @model_validator(mode="after")
    def _private_unless_encrypted(self) -> Listen:
        if not self.tls_terminated and not loopback(self.host):
            raise ValueError(
                f"host {self.host} is reachable from other machines, and API keys would travel unencrypted: "
                "put a TLS proxy in front and set listen.tls_terminated: true, or listen on 127.0.0.1"
            )
        return self


class Worker(Part):
    lease_s: int = Field(default=3, ge=1, le=300, description="Seconds after which another worker may take over.")


class Audit(Part):
    record: Path | None = Field(
        default=None,
        description="File that signed roots of the audit are appended to: on a volume that the database's host cannot edit. "
        "None: audit/roots.jsonl in home.",
    )
    key_ref: Reference = Field(
        default="", description="Where the signing key is kept (64 hexadecimal digits). Empty: audit.key in home."
    )


class Webhooks(Part):
    allow_private_addresses: bool = Field(
        default=False, description="Endpoints may be on private addresses and plain http: for rehearsals only."
    )


class LegalEntityPart(Part):
    name: str = Field(default="", description="Registered name, as it stands on invoices.")
    country: Country = Field(description="ISO 3166 country code.", examples=["DE"])
    currency: Currency = Field(description="Currency of its books.", examples=["EUR"])
    zone: Zone = Field(description="Time zone of its days and month ends.", examples=["Europe/Berlin"])
    calendar: CalendarPart = CalendarPart()
    taxes: dict[str, Rate] = Field(
        default_factory=dict, description="The firm's word for a tax to its rate as a fraction."
    )


class Activation(Part):
    approval: Literal["clm", "crm"] = Field(default="clm", description="Whose approval activates a contract.")


class Amendments(Part):
    apply: Literal["approved", "automatic"] = Field(
        default="approved", description="Whether a person approves the plan first."
    )


class LimitsPart(Part):
    """What the vendor bears, where it is not what the connector's manifest says."""

    concurrency: int | None = Field(default=None, ge=1, le=1_000, description="Calls at once.")
    rate_calls: int | None = Field(default=None, ge=1, description="Calls in any window of `rate_window_s`.")
    rate_window_s: int | None = Field(default=None, ge=1, le=86_400, description="Seconds of that window.")
    daily: int | None = Field(default=None, ge=1, description="Calls a day.")


def _seconds(value: object) -> object:
    """`daily`, `hourly`, `weekly`, `never`, or a number with its unit: 90s, 15m, 6h, 2d."""
    words = {"hourly": 3_600.0, "daily": 86_400.0, "weekly": 604_800.0, "never": None}
    if isinstance(value, str) and value in words:
        return words[value]
    found = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be hourly, daily, weekly, never, or a number with a unit such as 15m, 6h or 2d")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[found[2]]


Every = Annotated[float | None, BeforeValidator(_seconds)]


class CensusPart(Part):
    """How often one kind is listed, and what a deletion that is certain means for state."""

    full: Every = Field(default=86_400.0, description="How often everything is listed.", examples=["daily"])
    changed: Every = Field(default=900.0, description="How often what changed is listed.", examples=["15m"])
    missing: Literal["recreate", "hold", "accept"] = Field(
        default="hold", description="What is done when state was deleted there; money always waits for a person."
    )
    retract_max: int = Field(default=50, ge=0, description="More documents gone than this: stop and ask.")
    retract_share: float = Field(default=0.05, ge=0, le=1, description="A greater share gone than this: stop and ask.")


class CriticalityPart(Part):
    """How one kind goes to the systems of a role: waited for, as things happen, or on a schedule."""

    pattern: Literal["synchronous", "event", "scheduled"] = Field(description="The pattern.", examples=["synchronous"])
    wait: Every = Field(default=None, description="Synchronous: how long the caller waits.", examples=["10s"])
    window: Every = Field(default=None, description="By when a difference must have been found.", examples=["daily"])


class SystemPart(BaseModel):
    """`connector` decides which further keys are allowed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    connector: str = Field(description="Which connector serves this system.", examples=["tryton"])
    overlay: dict[str, dict[str, str]] = Field(default_factory=dict, description="Field: {vendor's value: our value}.")
    poll_every_s: float | None = Field(
        default=None, gt=0, description="Seconds between polls for what webhooks did not tell; none: not polled."
    )
    budget: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9_-]{0,62}$",
        description="Systems that name the same budget share the limits of one vendor subscription, also across firms.",
        examples=["netsuite-prod"],
    )
    limits: LimitsPart = LimitsPart()
    census: dict[str, CensusPart] = Field(
        default_factory=dict, description="Kind: how often it is listed and compared, where it is not the usual."
    )
    call_life_s: float | None = Field(
        default=None, gt=0, le=900, description="Longest life of one call, where the connector's own is not right."
    )


class TenantPart(Part):
    name: str = Field(default="", description="The firm's name.")
    legal_entities: dict[str, LegalEntityPart] = Field(min_length=1, description="The companies of the firm.")
    roles: dict[str, str | dict[str, str]] = Field(description="Role to system, for all or per legal entity.")
    biller: dict[str, Biller] = Field(default_factory=_hub, description="Who composes invoices.")
    rater: dict[str, Biller] = Field(default_factory=_hub, description="Who prices work.")
    project_homes: dict[str, tuple[str, ...]] = Field(
        default_factory=_at_the_erp, description="Roles whose systems hold projects."
    )
    activation: Activation = Activation()
    amendments: Amendments = Amendments()
    criticality: dict[str, dict[str, CriticalityPart]] = Field(
        default_factory=dict, description="Kind and role: the pattern, where it is not as things happen."
    )
    schedules: dict[Name, SchedulePart] = Field(
        default_factory=dict, description="What begins by itself at an hour of a legal entity."
    )
    service_lines: tuple[str, ...] = Field(default=(), description="What the firm sells; others are refused.")
    ownership: tuple[OwnershipPart, ...] = Field(
        default=(), description="Who owns a field, where it is not the usual one."
    )
    feeds: tuple[FeedPart, ...] = Field(default=(), description="Fields fed back by systems; cycles are refused.")
    weight: int = Field(default=1, ge=1, le=100, description="Its part beside other firms that this hub serves.")
    systems: dict[Name, SystemPart] = Field(min_length=1, description="The connected systems.")


class Document(Part):
    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("tieline"), description="Where the hub keeps its files."
    )
    database: Database = Database()
    listen: Listen = Listen()
    worker: Worker = Worker()
    webhooks: Webhooks = Webhooks()
    audit: Audit = Audit()
    clock: ClockPart = ClockPart()
    tenants: dict[Name, TenantPart] = Field(default_factory=dict, description="One firm each.")
