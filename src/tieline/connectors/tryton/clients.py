"""Clients are parties. Our id is the party's code, which Tryton keeps unique: a second one with it cannot come to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieline import sdk
from tieline.connectors.tryton.books import Books, only_one
from tieline.connectors.tryton.mapping import Row, from_address, invoice_address, missing, to_client
from tieline.connectors.tryton.wire import Domain, like

PARTY = "party.party"
FIELDS = (
    "name", "code", "active", "identifiers.code",
    "addresses.invoice", "addresses.street", "addresses.city", "addresses.postal_code", "addresses.country.code",
)  # fmt: skip
ALSO_ARCHIVED: Domain = ["active", "in", [True, False]]


class Clients(Books, sdk.WritesClients):
    async def put_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        company, client = self.company(envelope), envelope.doc
        if client["tax_code"] not in company.taxes:
            where = f"companies.{client['legal_entity']}.taxes"
            raise missing("tax", f"tax code {client['tax_code']}", where)
        country = await self._country(company.id, client["address"]["country"])
        party = await self._party(company.id, envelope)
        if party is not None:
            return _ref(await self._update_party(company.id, party, envelope, country))
        return _ref(await self._create_party(company.id, envelope, country))

    async def find_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        party = await self._marked_party(self.company(envelope).id, envelope.marker)
        return None if party is None else _ref(party)

    async def read_client(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        return await self.read_all(PARTY, FIELDS, envelopes, client_seen)

    async def _party(self, company: int, envelope: sdk.Envelope) -> Row | None:
        """Where this client lives: by reference, by our code, or the one unmarked party that it clearly is."""
        if envelope.ref is not None:
            known = await self.wire.by_ids(company, PARTY, [int(envelope.ref.id)], FIELDS)
            if known:
                return known[int(envelope.ref.id)]
        return await self._marked_party(company, envelope.marker) or await self._same_client(company, envelope)

    async def _marked_party(self, company: int, marker: str) -> Row | None:
        either: Domain = ["OR", ["code", "=", marker], ["identifiers.code", "=", marker]]
        rows = await self.wire.search(company, PARTY, [either, ALSO_ARCHIVED], FIELDS)
        party = only_one(rows, marker, "parties")
        if party is not None and not party["active"]:
            raise sdk.Blocked(
                f"The party {party['name']} is archived in Tryton: activate it there, or choose another client.",
                code="CLIENT_INACTIVE",
            )
        return party

    async def _same_client(self, company: int, envelope: sdk.Envelope) -> Row | None:
        """A party that the firm made itself. One clear match is adopted; two are a person's decision."""
        client = envelope.doc
        wanted: Domain = ["OR", ["name", "ilike", like(client["name"])]]
        if client.get("tax_registration"):
            wanted.append(["identifiers.code", "=", client["tax_registration"]])
        rows = await self.wire.search(company, PARTY, [wanted], FIELDS)
        candidates = [row for row in rows if not _ours(row, envelope.marker) and not _contradicts(row, client)]
        if len(candidates) > 1:
            found = ", ".join(f"{row['name']} ({row['code']})" for row in candidates)
            raise sdk.Blocked(
                f"Tryton has {len(candidates)} parties that may be {client['name']}: {found}. Add the identifier "
                f"{envelope.marker} to the right one, or merge them in Tryton.",
                code="CLIENT_AMBIGUOUS",
            )
        return candidates[0] if candidates else None

    async def _create_party(self, company: int, envelope: sdk.Envelope, country: int) -> Row:
        client = envelope.doc
        values: Row = {
            "name": client["name"],
            "code": envelope.marker,
            "addresses": [["create", [from_address(client["address"], country)]]],
        }
        if client.get("tax_registration"):
            values["identifiers"] = [["create", [{"code": client["tax_registration"]}]]]
        try:
            return await self.wire.create(company, PARTY, values, FIELDS)
        except sdk.Conflict:
            # The same status and kind of text for a taken code and for a bad value: what is there decides.
            party = await self._marked_party(company, envelope.marker)
            if party is None:
                raise
            return party

    async def _update_party(self, company: int, party: Row, envelope: sdk.Envelope, country: int) -> Row:
        """Name, invoice address and registration. An adopted party keeps its own code; ours becomes an identifier."""
        client, address = envelope.doc, invoice_address(party)
        wanted = from_address(client["address"], country)
        change: list[Any] = ["create", [wanted]] if address is None else ["write", [address["id"]], wanted]
        values: Row = {"name": client["name"], "addresses": [change]}
        have = {party["code"], *(identifier["code"] for identifier in party["identifiers"] or ())}
        new = [code for code in (client.get("tax_registration"), envelope.marker) if code and code not in have]
        if new:
            values["identifiers"] = [["create", [{"code": code} for code in new]]]
        return await self.wire.write(company, PARTY, party["id"], values, FIELDS)

    async def _country(self, company: int, code: str) -> int:
        rows = await self.wire.search(company, "country.country", [["code", "=", code]], ["code"], 1)
        if not rows:
            raise sdk.Blocked(
                f"Tryton does not know the country {code}: correct the client's address, or add the country in Tryton.",
                code="MAPPING_MISSING",
            )
        return int(rows[0]["id"])


def client_seen(row: Row, envelope: sdk.Envelope) -> Row:
    codes = [identifier["code"] for identifier in row["identifiers"] or ()]
    ours = envelope.doc.get("tax_registration")
    return to_client(row) | {"tax_registration": ours if ours in codes or not codes else codes[0]}


def _ref(party: Row) -> sdk.ExternalRef:
    address = invoice_address(party)
    return sdk.ExternalRef(
        id=str(party["id"]), extra={"code": party["code"] or "", "address": str(address["id"]) if address else ""}
    )


def _ours(party: Row, marker: str) -> bool:
    """Carries the id of another of our documents: the same firm as client of another legal entity."""
    kind = marker.partition("_")[0] + "_"
    codes = [party["code"] or "", *(identifier["code"] for identifier in party["identifiers"] or ())]
    return any(code.startswith(kind) and len(code) == len(marker) for code in codes)


def _contradicts(party: Row, client: Row) -> bool:
    """Same name, other tax registration: another firm."""
    codes = [identifier["code"] for identifier in party["identifiers"] or ()]
    return bool(client.get("tax_registration") and codes and client["tax_registration"] not in codes)
