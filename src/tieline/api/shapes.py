"""What requests may say. Unknown members are refused; quantities and amounts are text, since JSON numbers are floats."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:@-]+$")]
Identifier = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
DecimalText = Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})?$", examples=["7.50"])]
DigestText = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

CONFIGURATION_MAX = 256 * 1024


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class InvoiceAsked(Asked):
    """An invoice of everything unbilled up to and including `through`."""

    through: date
    invoice_date: date


class ReleaseAsked(Asked):
    """`digest` is of exactly the document that was looked at."""

    digest: DigestText


class TimeEntryAsked(Asked):
    """One worked and approved quantity."""

    contract_id: Word
    line_id: Word
    resource_id: Word
    work_date: date
    hours: DecimalText
    approved_by: Annotated[str, Field(min_length=1, max_length=200)]
    approved_at: AwareDatetime
    narrative: Text = ""


class ApplyAsked(Asked):
    """`digest`, when given, is of exactly the plan that was looked at."""

    digest: DigestText | None = None


class PlanAsked(Asked):
    """`configuration` is the text of another tieline.yaml to plan under; nothing is connected, no secret is read."""

    configuration: Annotated[str, Field(min_length=1, max_length=CONFIGURATION_MAX)] | None = None


class SettleAsked(Asked):
    """What a person saw: the document under its id in the system, or that the call certainly did not happen."""

    external_id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")] | None = None
    happened: Literal[False] | None = None

    @model_validator(mode="after")
    def _one_finding(self) -> SettleAsked:
        if (self.external_id is None) == (self.happened is None):
            raise ValueError(
                'say exactly one of the two: "external_id" when the document is there, "happened": false when it is not'
            )
        return self


class NothingAsked(Asked):
    """An order that needs no words: `{}` or no body at all."""
