"""Who owns which field, declared once and compiled: two writers, missing owners, two billers and cycles do not compile.

A declaration names the role (not the system) that owns a field of an entity, for a legal entity or all (`*`), in a phase
or all. The nearer declaration wins: legal entity before `*`, then phase before `*`. What a target owns is never written
to it, and an input may change only what its system's role owns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.kit.errors import Fault, TielineError

ANY = "*"
BILLING_PLACES = ("erp", "psa", "hub")
Choice = str | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """`role` owns `entity`.`field`; the field `*` stands for every field that has no declaration of its own."""

    entity: str
    field: str
    role: str
    legal_entity: str = ANY
    phase: str = ANY


@dataclass(frozen=True, slots=True)
class Place:
    """A field of a record, or with `at` the same field as a replica in the system of that role."""

    entity: str
    field: str
    at: str | None = None

    def __str__(self) -> str:
        return f"{self.entity}.{self.field}" + (f" at {self.at}" if self.at else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`target` is derived from `source`. A record may feed a replica, and a system may feed a record back."""

    source: Place
    target: Place
    legal_entity: str = ANY


class OwnershipError(TielineError):
    """The configuration contradicts itself. `faults` lists every contradiction."""

    code = "ownership_invalid"


class Ownership:
    """The compiled answer. Built by `compile_ownership` only."""

    def __init__(
        self, owners: Mapping[tuple[str, str, str, str], str], biller: Mapping[str, str], rater: Mapping[str, str]
    ) -> None:
        self._owners = dict(owners)
        self._biller, self._rater = dict(biller), dict(rater)

    def owner(self, entity: str, field: str, legal_entity: str = ANY, phase: str = ANY) -> str | None:
        """The role that owns the field; None when nobody was declared."""
        return _nearest(self._owners, entity, field, legal_entity, phase)

    def may_write(self, role: str, entity: str, field: str, legal_entity: str = ANY, phase: str = ANY) -> bool:
        return self.owner(entity, field, legal_entity, phase) == role

    def refused(
        self, role: str, entity: str, fields: Iterable[str], legal_entity: str = ANY, phase: str = ANY
    ) -> list[str]:
        """The fields among `fields` that this role may not change, in order of name."""
        return sorted(f for f in fields if not self.may_write(role, entity, f, legal_entity, phase))

    def biller(self, legal_entity: str) -> str:
        return self._biller.get(legal_entity, self._biller.get(ANY, ""))

    def rater(self, legal_entity: str) -> str:
        return self._rater.get(legal_entity, self._rater.get(ANY, ""))


def compile_ownership(
    declarations: Iterable[Declaration],
    biller: Mapping[str, Choice],
    rater: Mapping[str, Choice],
    edges: Iterable[Edge] = (),
    *,
    required: Mapping[str, Collection[str]] | None = None,
    legal_entities: Collection[str] = (),
    phases: Collection[str] = (ANY,),
) -> Ownership:
    """Raises OwnershipError with every fault. `required`: entity -> fields that must have an owner everywhere."""
    declared, edges = tuple(declarations), tuple(edges)
    entities = sorted({*legal_entities, *(d.legal_entity for d in declared), *(e.legal_entity for e in edges)} - {ANY})
    everywhere = entities or [ANY]
    owners = {(d.entity, d.field, d.legal_entity, d.phase): d.role for d in declared}
    faults = [
        *_two_writers(declared),
        *_without_owner(owners, required or {}, everywhere, sorted({*phases, *(d.phase for d in declared)})),
        *_one_each("biller", biller, everywhere),
        *_one_each("rater", rater, everywhere),
        *_cycles(owners, edges, everywhere),
    ]
    if faults:
        listed = "; ".join(fault.message for fault in faults)
        raise OwnershipError(f"The ownership of fields contradicts itself: {listed}.", faults=faults)
    return Ownership(owners, _single(biller), _single(rater))


def _nearest(
    owners: Mapping[tuple[str, str, str, str], str], entity: str, field: str, legal_entity: str, phase: str
) -> str | None:
    for name in (field, ANY):
        for place in (legal_entity, ANY):
            for time in (phase, ANY):
                if (role := owners.get((entity, name, place, time))) is not None:
                    return role
    return None


def _two_writers(declared: Sequence[Declaration]) -> Iterator[Fault]:
    roles: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for d in declared:
        roles[(d.entity, d.field, d.legal_entity, d.phase)].add(d.role)
    for (entity, field, legal_entity, phase), found in sorted(roles.items()):
        if len(found) > 1:
            where = _where(legal_entity, phase)
            yield Fault(f"/{entity}/{field}", f"{entity}.{field}{where} has two writers, {' and '.join(sorted(found))}")


def _without_owner(
    owners: Mapping[tuple[str, str, str, str], str],
    required: Mapping[str, Collection[str]],
    entities: Sequence[str],
    phases: Sequence[str],
) -> Iterator[Fault]:
    for entity in sorted(required):
        for field in sorted(required[entity]):
            for legal_entity in entities:
                for phase in phases:
                    if _nearest(owners, entity, field, legal_entity, phase) is None:
                        where = _where(legal_entity, phase)
                        yield Fault(f"/{entity}/{field}", f"{entity}.{field}{where} has no owner")


def _one_each(what: str, chosen: Mapping[str, Choice], entities: Sequence[str]) -> Iterator[Fault]:
    """Exactly one system composes invoices and exactly one prices work, per legal entity."""
    for place, choice in sorted(chosen.items()):
        names = _names(choice)
        if len(set(names)) > 1:
            yield Fault(f"/{what}/{place}", f"{_entity(place)} has two {what}s, {' and '.join(sorted(set(names)))}")
        for name in sorted(set(names) - set(BILLING_PLACES)):
            yield Fault(f"/{what}/{place}", f"{what} {name} of {_entity(place)} is none of {', '.join(BILLING_PLACES)}")
    for legal_entity in entities:
        if not _names(chosen.get(legal_entity, chosen.get(ANY, ()))):
            yield Fault(f"/{what}/{legal_entity}", f"{_entity(legal_entity)} has no {what}")


def _cycles(
    owners: Mapping[tuple[str, str, str, str], str], edges: Sequence[Edge], entities: Sequence[str]
) -> Iterator[Fault]:
    """A field that is fed from its own replica would run in circles. Each cycle is printed once, as a chain."""
    told: set[frozenset[Place]] = set()
    for legal_entity in entities:
        graph: dict[Place, list[Place]] = defaultdict(list)
        for edge in edges:
            if edge.legal_entity in (ANY, legal_entity):
                graph[edge.source].append(edge.target)
        for cycle in _circles(graph):
            if frozenset(cycle) not in told:
                told.add(frozenset(cycle))
                yield Fault(f"/{cycle[0].entity}/{cycle[0].field}", "cycle: " + _chain(cycle, owners, legal_entity))


def _circles(graph: Mapping[Place, Sequence[Place]]) -> Iterator[list[Place]]:
    """One cycle through each place that lies on one, the shortest, beginning at a record where there is one."""
    for start in sorted(graph, key=lambda p: (p.at is not None, str(p))):
        came_from: dict[Place, Place] = {}
        queue = list(graph.get(start, ()))
        came_from.update(dict.fromkeys(queue, start))
        while queue:
            place = queue.pop(0)
            if place == start:
                break
            for following in graph.get(place, ()):
                if following not in came_from:
                    came_from[following] = place
                    queue.append(following)
        if start in came_from:
            path = [came_from[start]]
            while path[-1] != start:
                path.append(came_from[path[-1]])
            yield path[::-1]


def _chain(cycle: Sequence[Place], owners: Mapping[tuple[str, str, str, str], str], legal_entity: str) -> str:
    first = cycle[0]
    role = _nearest(owners, first.entity, first.field, legal_entity, ANY) if first.at is None else None
    return " → ".join([f"{first} ({role})" if role else str(first), *map(str, cycle[1:]), str(first)])


def _single(chosen: Mapping[str, Choice]) -> dict[str, str]:
    return {place: names[0] for place, choice in chosen.items() if (names := _names(choice))}


def _names(choice: Choice) -> tuple[str, ...]:
    return (choice,) if isinstance(choice, str) else tuple(choice)


def _entity(place: str) -> str:
    return "every legal entity" if place == ANY else f"legal entity {place}"


def _where(legal_entity: str, phase: str) -> str:
    parts = [f" for {legal_entity}" if legal_entity != ANY else "", f" in phase {phase}" if phase != ANY else ""]
    return "".join(parts)
