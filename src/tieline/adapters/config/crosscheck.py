"""What two places of one tenant's configuration say must fit together; each fault names both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tieline.adapters.config.complaints import fault, nearest
from tieline.adapters.config.criticality import check_criticality
from tieline.adapters.config.marks import Marked, Path
from tieline.adapters.config.model import TenantPart
from tieline.adapters.config.systems import Connectors
from tieline.domain.firm import ANY, HUB
from tieline.kit.errors import Fault

_NEEDED = ("erp",)


def crosscheck(tenant: str, part: TenantPart, connectors: Connectors, marked: Marked) -> Iterator[Fault]:
    base: Path = ("tenants", tenant)
    yield from _roles(base, part, connectors, marked)
    yield from check_criticality(base, part, marked)
    for section in ("biller", "rater", "project_homes"):
        yield from _known_entities((*base, section), list(getattr(part, section)), part, marked)
    for section in ("biller", "rater"):
        yield from _one_each(base, section, getattr(part, section), part, marked)
    for entity, homes in part.project_homes.items():
        for number, role in enumerate(homes):
            if role not in part.roles:
                message = f"project home '{role}' is a role that no system plays{nearest(role, list(part.roles))}"
                yield fault(marked, (*base, "project_homes", entity, number), message)
    for entity in part.legal_entities:
        for role in _NEEDED:
            if _player(part, role, entity) is None:
                message = (
                    f"legal entity {entity} has no system in the role '{role}', which every legal entity needs: add it"
                )
                yield fault(marked, (*base, "roles", role), message, key=True)
    if not {part.activation.approval, "inbox"} & set(part.roles):  # an inbox may hand in a CRM's approvals
        message = (
            f"contracts are activated by the approval of the role '{part.activation.approval}', which no system plays"
            f"{nearest(part.activation.approval, list(part.roles))}"
        )
        yield fault(marked, (*base, "activation", "approval"), message)


def _roles(base: Path, part: TenantPart, connectors: Connectors, marked: Marked) -> Iterator[Fault]:
    for role, players in part.roles.items():
        path = (*base, "roles", role)
        if isinstance(players, Mapping):
            yield from _known_entities(path, list(players), part, marked)
        for place, system in [(path, players)] if isinstance(players, str) else _places(path, players):
            yield from _player_fits(place, role, system, part, connectors, marked)


def _places(path: Path, players: Mapping[str, str]) -> list[tuple[Path, str]]:
    return [((*path, entity), system) for entity, system in players.items()]


def _player_fits(
    path: Path, role: str, system: str, part: TenantPart, connectors: Connectors, marked: Marked
) -> Iterator[Fault]:
    given = part.systems.get(system)
    if given is None:
        yield fault(marked, path, f"there is no system '{system}'{nearest(system, list(part.systems))}")
        return
    connector = connectors.get(given.connector)
    if connector is not None and role not in connector.manifest.roles:
        can = ", ".join(connector.manifest.roles) or "no role"
        yield fault(
            marked,
            path,
            f"system '{system}' cannot play the role '{role}': its connector {given.connector} offers {can}",
        )


def _known_entities(path: Path, entities: list[str], part: TenantPart, marked: Marked) -> Iterator[Fault]:
    for entity in entities:
        if entity != ANY and entity not in part.legal_entities:
            allowed = [*part.legal_entities, ANY]
            yield fault(
                marked, (*path, entity), f"there is no legal entity '{entity}'{nearest(entity, allowed)}", key=True
            )


def _one_each(base: Path, section: str, given: Mapping[str, str], part: TenantPart, marked: Marked) -> Iterator[Fault]:
    """The biller and the rater of a legal entity must exist there; that there is exactly one, ownership checks."""
    for entity in part.legal_entities:
        chosen = given.get(entity, given.get(ANY))
        if chosen is not None and chosen != HUB and _player(part, chosen, entity) is None:
            place = entity if entity in given else ANY
            message = f"the {section} of {entity} is '{chosen}', but no system plays that role there"
            yield fault(marked, (*base, section, place), message)


def _player(part: TenantPart, role: str, entity: str) -> str | None:
    players = part.roles.get(role)
    return players if isinstance(players, str) else (players or {}).get(entity, (players or {}).get(ANY))
