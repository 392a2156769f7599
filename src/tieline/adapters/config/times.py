"""The parts of `tieline.yaml` that speak of time: a legal entity's calendar, schedules, and the clock of rehearsals."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from tieline.adapters.config.parts import Part
from tieline.kit.calendars import Through
from tieline.kit.whens import when

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _when(value: str) -> str:
    when(value)
    return value


When = Annotated[str, AfterValidator(_when)]


class YearPart(Part):
    """Twelve months from `first_month`, or with `weeks` a year of whole weeks (4-4-5 and its sisters)."""

    first_month: int = Field(default=1, ge=1, le=12, description="The month in which the year begins.")
    weeks: Literal["4-4-5", "4-5-4", "5-4-4"] | None = Field(default=None, description="Weeks of a quarter's periods.")
    ends_on: Weekday = Field(default="saturday", description="With weeks: the weekday on which the year ends.")
    last_month: int = Field(default=12, ge=1, le=12, description="With weeks: the month in which the year ends.")
    nearest: bool = Field(
        default=False, description="With weeks: the weekday nearest to the month's end, not the last one in it."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> YearPart:
        told = sorted(self.model_fields_set & {"ends_on", "last_month", "nearest"})
        if self.weeks is None and told:
            raise ValueError(f"{told[0]} goes with weeks only: add weeks: 4-4-5, or leave {told[0]} out")
        if self.weeks is not None and "first_month" in self.model_fields_set:
            raise ValueError("first_month does not go with weeks: say in which month the year ends, with last_month")
        return self


class CalendarPart(Part):
    holidays: tuple[date, ...] = Field(default=(), description="Days on which nobody works.", examples=["2026-12-25"])
    weekend: tuple[Weekday, ...] = Field(default=("saturday", "sunday"), description="Weekdays that are closed.")
    year: YearPart = YearPart()

    @model_validator(mode="after")
    def _some_day_is_open(self) -> CalendarPart:
        if len(set(self.weekend)) == 7:
            raise ValueError("weekend must leave at least one weekday open")
        return self


class SchedulePart(Part):
    when: When = Field(
        description="When it is due, on the legal entity's clock.", examples=["last business day at 18:00"]
    )
    starts: Literal["census", "invoices", "planning"] = Field(
        description="What begins then: a census, the preparation of invoices, or a fresh look at every contract.",
        examples=["census"],
    )
    legal_entities: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="Where it holds; `*` is everywhere."
    )
    missed: Literal["all", "latest", "skip"] = Field(
        default="latest", description="What happens for instants that passed while the hub stood still."
    )
    role: str | None = Field(default=None, description="Census: of the system in this role.", examples=["erp"])
    kinds: tuple[str, ...] = Field(default=(), description="Census: kinds to list; none: all that the system lists.")
    mode: Literal["full", "changed"] = Field(default="full", description="Census: everything, or what changed since.")
    through: Through = Field(
        default="month",
        description="Invoices: of everything up to the end of the last month or fiscal period, or today.",
    )


class ClockPart(Part):
    movable: bool = Field(
        default=False,
        description="The business clock can be moved ahead with `tieline clock`: for rehearsals on this machine only.",
    )
