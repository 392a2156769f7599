"""What one NetSuite connection must be told, and the two-way tables between the firm's words and NetSuite's ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from tieline import sdk

NetSuiteId = Annotated[str, Field(pattern=r"^-?[0-9]{1,15}$")]


class NetSuiteSettings(sdk.ConnectorSettings):
    """One account, one integration record, and the internal ids that stand for the firm's words."""

    account: str = Field(
        pattern=r"^[A-Za-z0-9]+([_-][A-Za-z0-9]+)?$",
        description="Account id as NetSuite shows it; sandboxes end in _SB1.",
        examples=["123456_SB1"],
    )
    client_id: str = Field(min_length=1, description="Client id of the integration record.", examples=["6794a3086e4f"])
    certificate_id: str = Field(
        min_length=1,
        description="Id of the uploaded certificate; it is valid for a year at most.",
        examples=["kid-2026"],
    )
    private_key_ref: str = Field(
        description="Reference to the certificate's RSA private key (PEM).", examples=["file:/run/secrets/netsuite.pem"]
    )
    subsidiaries: dict[str, NetSuiteId] = Field(
        description="Legal entity to subsidiary id; each subsidiary stands for one legal entity.",
        examples=[{"US01": "2"}],
    )
    currencies: dict[str, NetSuiteId] = Field(
        description="ISO 4217 code to currency id.", examples=[{"USD": "1", "EUR": "4"}]
    )
    items: dict[str, NetSuiteId] = Field(
        description="Service line to the id of the service item that is billed for it.",
        examples=[{"DATA": "501", "CLOUD": "502"}],
    )
    tax_codes: dict[str, NetSuiteId] = Field(
        description="Tax code to NetSuite tax code id; `US01/STANDARD` goes before `STANDARD`.",
        examples=[{"STANDARD": "7", "EXEMPT": "8"}],
    )
    employees: dict[str, NetSuiteId] = Field(
        default_factory=dict, description="Resource to employee id.", examples=[{"res_ada": "55"}]
    )
    billing_resource: NetSuiteId = Field(
        description="Generic resource whose line on a project task carries the task's bill rate.", examples=["900"]
    )
    project_billing_type: NetSuiteId = Field(
        "4", description="jobBillingType id that means time and materials in this account.", examples=["4"]
    )
    schedule_type: NetSuiteId = Field(
        "5", description="scheduleType id that means time and materials in this account.", examples=["5"]
    )
    concurrency: int = Field(
        4, ge=1, le=50, description="Calls in flight; at most the account's share minus one.", examples=[4]
    )

    @model_validator(mode="after")
    def _one_word_per_id(self) -> NetSuiteSettings:
        for name in ("subsidiaries", "currencies", "items", "employees"):
            table: dict[str, str] = getattr(self, name)
            if len(set(table.values())) < len(table):
                raise ValueError(f"{name}: two words name the same NetSuite id, so that reading back cannot tell them")
        return self

    @property
    def token_audience(self) -> str:
        """The account's own token address: what a client assertion must be made out to, whatever host is called."""
        host = self.account.lower().replace("_", "-")
        return f"https://{host}.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token"


@dataclass(frozen=True, slots=True)
class Table:
    """One two-way table. A missing word is a hold; a missing id is told as it is, so that it never compares equal."""

    what: str
    setting: str
    ids: Mapping[str, str]

    def id_of(self, word: str, *, entity: str = "") -> str:
        """Raises Blocked MAPPING_MISSING."""
        found = self.ids.get(f"{entity}/{word}") or self.ids.get(word)
        if found is None:
            raise sdk.Blocked(
                f"NetSuite has no {self.what} for {word!r}: add it to {self.setting} in this system's settings.",
                code="MAPPING_MISSING",
                faults=[sdk.Fault(f"/{self.setting}/{word}", "no NetSuite id is configured")],
            )
        return found

    def word_of(self, id: str | None, *, entity: str = "") -> str | None:
        if id is None:
            return None
        words = [word for word, known in self.ids.items() if known == id]
        own = [word for word in words if word.startswith(f"{entity}/")]
        shared = [word for word in words if "/" not in word]
        return (own or shared or [f"NetSuite {self.what} {id}"])[0].rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of a connection: settings first, then the tenant's overlay (`{field: {NetSuite id: our word}}`)."""

    subsidiaries: Table
    currencies: Table
    items: Table
    tax_codes: Table
    employees: Table


def tables(settings: NetSuiteSettings, overlay: Mapping[str, Mapping[str, str]]) -> Tables:
    def table(what: str, setting: str, ids: Mapping[str, str], field: str) -> Table:
        return Table(what, setting, {**{ours: id for id, ours in overlay.get(field, {}).items()}, **ids})

    return Tables(
        subsidiaries=table("subsidiary", "subsidiaries", settings.subsidiaries, "legal_entity"),
        currencies=table("currency", "currencies", settings.currencies, "currency"),
        items=table("service item", "items", settings.items, "service_line"),
        tax_codes=table("tax code", "tax_codes", settings.tax_codes, "tax_code"),
        employees=table("employee", "employees", settings.employees, "resource_id"),
    )
