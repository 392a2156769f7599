"""What all parts of the connector share: the wire, and which Tryton company a document belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tieline import sdk
from tieline.connectors.tryton.mapping import Row, missing
from tieline.connectors.tryton.settings import CompanySettings, TrytonSettings
from tieline.connectors.tryton.wire import Domain, Wire


class Books(sdk.Connector):
    """The base of the parts. One wire, no state."""

    settings: TrytonSettings

    def __init__(
        self,
        settings: TrytonSettings,
        http: sdk.Http,
        secrets: Mapping[str, sdk.Secret],
        overlay: Mapping[str, Mapping[str, str]],
    ) -> None:
        super().__init__(settings, http, secrets, overlay)
        if "api_key" not in secrets:
            raise sdk.CredentialInvalid("The Tryton connection has no key: set api_key_ref in its settings.")
        self.wire = Wire(http, settings.database, secrets["api_key"])

    def company_of(self, legal_entity: str) -> CompanySettings:
        company = self.settings.companies.get(legal_entity)
        if company is None:
            raise missing("company", f"legal entity {legal_entity}", "companies")
        return company

    def company(self, envelope: sdk.Envelope) -> CompanySettings:
        return self.company_of(envelope.legal_entity or envelope.doc["legal_entity"])

    async def marked(self, company: int, model: str, domain: Domain, fields: Sequence[str]) -> list[Row]:
        """What carries our marker. Nothing counts as certain absence only if the key may use the company."""
        rows = await self.wire.search(company, model, domain, fields)
        if not rows:
            await self._certainly_visible(company)
        return rows

    async def _certainly_visible(self, company: int) -> None:
        """Tryton hides the records of a company that the key may not use instead of refusing."""
        if not await self.wire.search(company, "account.account", [["company", "=", company]], ["company.id"], 1):
            raise sdk.Blocked(
                f"Tryton hides company {company} from the key: add the company to the key's user and set the user's "
                "company filter to all.",
                code="WRONG_LEGAL_ENTITY",
            )

    async def read_all(
        self,
        model: str,
        fields: Sequence[str],
        envelopes: Sequence[sdk.Envelope],
        to_doc: Callable[[Row, sdk.Envelope], Row],
    ) -> list[sdk.Observed | None]:
        """Read many back by reference, one call per company and hundred."""
        rows: dict[tuple[int, int], Row] = {}
        for company in {self.company(envelope).id for envelope in envelopes}:
            ids = [int(e.ref.id) for e in envelopes if e.ref is not None and self.company(e).id == company]
            found = await self.wire.by_ids(company, model, ids, fields)
            rows.update({(company, record): row for record, row in found.items()})
        seen: list[sdk.Observed | None] = []
        for envelope in envelopes:
            row = rows.get((self.company(envelope).id, int(envelope.ref.id))) if envelope.ref else None
            seen.append(self._observed(row, envelope, to_doc))
        return seen

    def _observed(
        self, row: Row | None, envelope: sdk.Envelope, to_doc: Callable[[Row, sdk.Envelope], Row]
    ) -> sdk.Observed | None:
        if row is None or envelope.ref is None:
            return None
        return sdk.Observed(doc=to_doc(row, envelope), ref=envelope.ref)


def linked(envelope: sdk.Envelope, name: str) -> int:
    """Tryton's id of a document that this one hangs on."""
    link = envelope.links.get(name)
    if link is None:
        raise sdk.Blocked(f"{name} is not in Tryton yet; this follows by itself once it is.", code="WAITS_FOR_OTHER")
    return int(link.id)


def only_one(rows: Sequence[Row], marker: str, what: str) -> Row | None:
    """Two records with one marker mean that a person copied ours, or that money may be doubled: never pick one."""
    if len(rows) > 1:
        ids = ", ".join(str(row["id"]) for row in rows)
        raise sdk.Blocked(
            f"Tryton holds {len(rows)} records ({what} {ids}) with our mark {marker}: remove the mark from the copies "
            "or delete them in Tryton.",
            code="MARKER_TWICE",
        )
    return rows[0] if rows else None
