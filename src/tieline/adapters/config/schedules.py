"""Schedules as the file writes them become rules at places; what they name must exist, and each fault says where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tieline.adapters.config.complaints import fault, nearest
from tieline.adapters.config.marks import Marked
from tieline.adapters.config.marks import Path as Where
from tieline.adapters.config.model import LegalEntityPart, TenantPart
from tieline.adapters.config.settings import ScheduleSettings
from tieline.adapters.config.systems import Connectors
from tieline.adapters.config.times import CalendarPart, SchedulePart
from tieline.domain.firm import ANY, HUB
from tieline.kit.calendars import BusinessDays, FiscalCalendar, MonthlyYear, WeeklyYear
from tieline.kit.errors import Fault
from tieline.kit.schedules import Place, dues
from tieline.kit.whens import WEEKDAYS, when

_CENSUS, _INVOICES = ("role", "kinds", "mode"), ("through",)
_KEYS: Mapping[str, tuple[str, ...]] = {"census": _CENSUS, "invoices": _INVOICES, "planning": ()}
_WEEKS: Mapping[str, tuple[int, int, int]] = {"4-4-5": (4, 4, 5), "4-5-4": (4, 5, 4), "5-4-4": (5, 4, 4)}


def place_of(part: LegalEntityPart) -> Place:
    days = part.calendar
    closed = frozenset(WEEKDAYS.index(each) for each in days.weekend)
    business = BusinessDays(holidays=frozenset(days.holidays), weekend=closed)
    return Place(zone=part.zone, business=business, fiscal=_fiscal(days))


def _fiscal(days: CalendarPart) -> FiscalCalendar:
    year = days.year
    if year.weeks is None:
        return MonthlyYear(first_month=year.first_month)
    return WeeklyYear(
        weekday=WEEKDAYS.index(year.ends_on), last_month=year.last_month, weeks=_WEEKS[year.weeks],
        rule="nearest" if year.nearest else "last",
    )  # fmt: skip


def compile_schedules(
    tenant: str, part: TenantPart, connectors: Connectors, marked: Marked
) -> tuple[tuple[ScheduleSettings, ...], list[Fault]]:
    """Every schedule at every legal entity where it holds, and what is wrong with the others."""
    made: list[ScheduleSettings] = []
    faults: list[Fault] = []
    for name, given in part.schedules.items():
        path: Where = ("tenants", tenant, "schedules", name)
        wrong = [*_misplaced(path, given, marked), *_unknown(path, given, part, marked)]
        for entity in () if wrong else _entities(given, part):
            lists = _listed(given, entity, part, connectors)
            wrong += _impossible(path, given, entity, part, lists, marked)
            made += [] if wrong else [_made(name, given, entity, part, lists)]
        faults += wrong
    return tuple(made), faults


def _misplaced(path: Where, given: SchedulePart, marked: Marked) -> Iterator[Fault]:
    others = {key: what for what, keys in _KEYS.items() for key in keys if what != given.starts}
    for key in sorted(others.keys() & given.model_fields_set):
        message = f"{key} goes with starts: {others[key]}, not with {given.starts}: leave it out"
        yield fault(marked, (*path, key), message, key=True)
    if given.starts == "census" and given.role is None:
        yield fault(marked, path, "a census needs role: whose system is listed, for example role: erp", key=True)


def _unknown(path: Where, given: SchedulePart, part: TenantPart, marked: Marked) -> Iterator[Fault]:
    for number, entity in enumerate(given.legal_entities):
        if entity != ANY and entity not in part.legal_entities:
            message = f"there is no legal entity '{entity}'{nearest(entity, [*part.legal_entities, ANY])}"
            yield fault(marked, (*path, "legal_entities", number), message)
    if given.role is not None and given.role not in part.roles:
        yield fault(
            marked,
            (*path, "role"),
            f"the role '{given.role}' is played by no system{nearest(given.role, list(part.roles))}",
        )


def _entities(given: SchedulePart, part: TenantPart) -> list[str]:
    return [code for code in part.legal_entities if ANY in given.legal_entities or code in given.legal_entities]


def _impossible(
    path: Where, given: SchedulePart, entity: str, part: TenantPart, lists: tuple[str, list[str]], marked: Marked
) -> Iterator[Fault]:
    """What is written well and can still not be at this legal entity."""
    system, kinds = lists
    if given.starts == "census" and not kinds:
        known = f"system '{system}' lists nothing" if system else f"no system plays it for {entity}"
        yield fault(
            marked, (*path, "role"), f"a census of the role '{given.role}' finds nothing: {known}; name another"
        )
    elif given.starts == "census":
        for number, kind in enumerate(given.kinds):
            if kind not in kinds:
                message = f"system '{system}' does not list '{kind}'{nearest(kind, kinds)}"
                yield fault(marked, (*path, "kinds", number), message)
    biller = part.biller.get(entity, part.biller.get(ANY, HUB))
    if given.starts == "invoices" and biller != HUB:
        message = (
            f"invoices of {entity} are composed by its {biller}, not by the hub: leave {entity} out of legal_entities"
        )
        yield fault(marked, (*path, "starts"), message)
    try:
        next(dues(when(given.when), place_of(part.legal_entities[entity]), datetime(2026, 1, 1, tzinfo=UTC)))
    except ValueError as error:
        message = f"when never comes for {entity}: {error}; change when or the calendar of {entity}"
        yield fault(marked, (*path, "when"), message)


def _listed(given: SchedulePart, entity: str, part: TenantPart, connectors: Connectors) -> tuple[str, list[str]]:
    """The system in the schedule's role at a legal entity, and the kinds that it can list."""
    players = part.roles.get(given.role or "", {})
    system = players if isinstance(players, str) else players.get(entity, players.get(ANY, ""))
    connector = connectors.get(part.systems[system].connector) if system in part.systems else None
    kinds = list(getattr(connector, "listed_kinds", ()))
    if getattr(connector, "tells_all", False):
        kinds += [topic for topic in getattr(connector, "topics", ()) if topic not in kinds]
    return system, kinds


def _made(
    name: str, given: SchedulePart, entity: str, part: TenantPart, lists: tuple[str, list[str]]
) -> ScheduleSettings:
    system, kinds = lists
    return ScheduleSettings(
        name=f"{name}/{entity}", legal_entity=entity, when=given.when, rule=when(given.when),
        place=place_of(part.legal_entities[entity]), starts=given.starts, missed=given.missed,
        populations=tuple((system, kind) for kind in given.kinds or kinds) if given.starts == "census" else (),
        mode=given.mode, through=given.through,
    )  # fmt: skip
