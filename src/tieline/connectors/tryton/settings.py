"""What one connection to Tryton needs to know: where the firm's legal entities, accounts, taxes and prices live there."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from tieline import sdk


class CompanySettings(BaseModel):
    """One legal entity as a Tryton company. All numbers are Tryton's record ids."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int = Field(description="Tryton's company.", examples=[1])
    currency: str = Field(
        description="The company's currency; its projects and rates are kept in it.", examples=["EUR"]
    )
    receivable_account: int = Field(description="Receivable account that invoices are posted to.", examples=[12])
    revenue_account: int = Field(description="Revenue account of invoice lines.", examples=[40])
    journal: int = Field(description="Journal of customer invoices.", examples=[1])
    payment_term: int | None = Field(None, description="Payment term of invoices; none: due at once.", examples=[1])
    hour_unit: int | None = Field(None, description="The unit of measure for hours.", examples=[6])
    taxes: dict[str, list[int]] = Field(
        default_factory=dict,
        description="Our tax code to the taxes of an invoice line; an empty list means untaxed.",
        examples=[{"STANDARD": [1], "EXEMPT": []}],
    )
    products: dict[str, int] = Field(
        default_factory=dict, description="Our service line to the product of its tasks.", examples=[{"DATA": 1}]
    )
    employees: dict[str, int] = Field(
        default_factory=dict,
        description="Our resource id to the employee. Others are found by party code = resource id.",
        examples=[{"res_ada": 1}],
    )


class TrytonSettings(sdk.ConnectorSettings):
    """Connection to one Tryton database through its REST user application."""

    database: str = Field(description="Name of the database.", examples=["erp"], pattern=r"^[A-Za-z0-9_\-]+$")
    api_key_ref: str = Field(
        description="Reference to the key of a user application of kind REST.", examples=["env:TRYTON_KEY"]
    )
    companies: dict[str, CompanySettings] = Field(
        description="Legal entity to Tryton company.", examples=[{"DE01": {"id": 1, "currency": "EUR"}}]
    )
    concurrency: int = Field(
        1,
        ge=1,
        le=16,
        description="Calls at once. More than one only on PostgreSQL: on SQLite Tryton gives parallel postings one number.",
    )
    skip_warnings: bool = Field(
        False,
        description="Post although Tryton warns (invoice date in the future, line without tax). Audit finding if on.",
    )
