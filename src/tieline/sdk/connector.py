"""The base of every connector and the manifest that says what it is. Documentation, limits and the exam derive from it."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from tieline.ports.http import Http
from tieline.ports.limits import Limits, Sighting
from tieline.ports.systems import Operation
from tieline.ports.vault import Secret
from tieline.sdk.limits import limits_seen


class ConnectorSettings(BaseModel):
    """Settings of one connection. Each field carries help, default and example; unknown keys are errors.

    Secrets are references (`env:…`, `file:…`) in fields whose name ends in `_ref`; the connector receives the values
    in `secrets` under the field's name without `_ref`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="Address of the system's API.", examples=["https://acme.example.com"])
    allow_private_addresses: bool = Field(
        False, description="Permit loopback and private addresses: for rehearsals only."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a connector is and promises. `operations` is keyed by (kind, verb).

    `limits` are the vendor's usual ones (none: `concurrency` alone); a firm's own stand in tieline.yaml. `throttled_by`:
    codes that, in the body of an error of whatever status, mean "too many, nothing was done".
    """

    name: str
    title: str
    owner: str
    api_version: str
    roles: tuple[str, ...]
    operations: Mapping[tuple[str, str], Operation] = field(default_factory=dict)
    concurrency: int = 4
    limits: Limits | None = None
    throttled_by: tuple[str, ...] = ()
    refused_503: bool = False  # this vendor's 503 always means "not even started"
    mapping_version: str = "1"


class Connector(ABC):
    """Constructed by the composition root with its settings, its bound HTTP client and its revealed secrets.

    `http` already carries the base address and the guard; a connector adds authentication headers per call.
    `overlay` is the tenant's declarative value mapping, for example {"service_line": {"Data": "DATA"}}.
    """

    manifest: ClassVar[Manifest]
    settings_type: ClassVar[type[ConnectorSettings]] = ConnectorSettings

    def __init__(
        self,
        settings: Any,
        http: Http,
        secrets: Mapping[str, Secret],
        overlay: Mapping[str, Mapping[str, str]],
    ) -> None:
        self.settings = settings
        self.http = http
        self.secrets = secrets
        self.overlay = overlay

    @staticmethod
    def limits_seen(headers: Mapping[str, str]) -> Sighting | None:
        """What the headers of an answer say of the vendor's own count (lower-case names); usual spellings are known."""
        return limits_seen(headers)
