"""Who owns which field at this tenant: the usual declarations, what the file says instead, and what systems feed back."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.adapters.config.complaints import fault
from tieline.adapters.config.marks import Marked
from tieline.adapters.config.model import TenantPart
from tieline.domain.ownership import Declaration, Edge, Ownership, OwnershipError, Place, compile_ownership
from tieline.domain.ownership_defaults import DEFAULT_DECLARATIONS, DEFAULT_EDGES, REQUIRED_FIELDS
from tieline.kit.errors import Fault


def ownership_of(tenant: str, part: TenantPart, marked: Marked) -> tuple[Ownership | None, list[Fault]]:
    """The compiled ownership, or every contradiction at the place in the file that speaks of it."""
    given = [Declaration(**each.model_dump()) for each in part.ownership]
    replaced = {(d.entity, d.field, d.legal_entity, d.phase) for d in given}
    usual = [d for d in DEFAULT_DECLARATIONS if (d.entity, d.field, d.legal_entity, d.phase) not in replaced]
    edges = [Edge(source=_place(e.source), target=_place(e.target), legal_entity=e.legal_entity) for e in part.feeds]
    try:
        compiled = compile_ownership(
            [*usual, *given],
            part.biller,
            part.rater,
            [*DEFAULT_EDGES, *edges],
            required=REQUIRED_FIELDS,
            legal_entities=list(part.legal_entities),
        )
    except OwnershipError as error:
        return None, [*_placed(error, tenant, part, marked)]
    return compiled, []


def _place(text: str) -> Place:
    name, _, role = text.partition(" at ")
    entity, _, field = name.partition(".")
    return Place(entity, field, role or None)


def _placed(error: OwnershipError, tenant: str, part: TenantPart, marked: Marked) -> Iterator[Fault]:
    for each in error.faults:
        section = each.path.split("/")[1]
        if section not in ("biller", "rater"):
            section = "feeds" if each.message.startswith("cycle") else "ownership"
        yield fault(marked, ("tenants", tenant, section), each.message, key=True)
