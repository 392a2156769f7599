"""Between a canonical client and the vendor's item. Plain functions, tested without any double."""

from __future__ import annotations

from collections.abc import Mapping

from tieline import sdk


def from_client(doc: sdk.Json, tax_codes: Mapping[str, str]) -> sdk.Json:
    """The vendor's item. Raises Blocked for a tax code that the firm has not mapped: it is never guessed."""
    code = doc["tax_code"]
    if code not in tax_codes.values():
        known = ", ".join(sorted(tax_codes.values())) or "none yet"
        raise sdk.Blocked(
            f"tax_code is {code!r}, which has no counterpart in Example (known: {known});"
            " add it under overlay.tax_code of this system.",
            code="MAPPING_MISSING",
            faults=[sdk.Fault("/tax_code", f"{code!r} has no counterpart")],
        )
    theirs = next(vendor for vendor, ours in tax_codes.items() if ours == code)
    return {"key": doc["id"], "label": doc["name"], "entity": doc["legal_entity"], "tax": theirs}


def to_client(item: Mapping[str, sdk.Json], tax_codes: Mapping[str, str]) -> sdk.Json:
    """Only the fields that the vendor carries, spelled as the canonical document spells them."""
    # A vendor value that is not mapped stays as it is, so that it compares as different and is seen.
    tax_code = tax_codes.get(item["tax"], item["tax"])
    return {"id": item["key"], "name": item["label"], "legal_entity": item["entity"], "tax_code": tax_code}
