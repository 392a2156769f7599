"""What requests may say. Unknown members are refused; quantities and amounts are text, since JSON numbers are floats."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:@-]+$")]
Identifier = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
DecimalText = Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})?$", examples=["7.50"])]
DigestText = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


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


class NothingAsked(Asked):
    """An order that needs no words: `{}` or no body at all."""
