"""People at work in NetSuite: they create, deactivate and look, by the vendor's API and with credentials of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2

from tieline.entrypoints.demo.netsuite import NetSuiteWitness


@dataclass(frozen=True, slots=True)
class ErpPeople:
    witness: NetSuiteWitness

    def customer(self, name: str, subsidiary: str = "2") -> str:
        """A customer that somebody created by hand; its internal id."""
        record = {"companyName": name, "subsidiary": {"id": subsidiary}, "currency": {"id": "1"}}
        answer = self._send("POST", "customer", record)
        return str(answer.headers["location"]).rpartition("/")[2]

    def deactivate(self, customer: str) -> None:
        self._send("PATCH", f"customer/{customer}", {"isInactive": True})

    def has_projects(self, customer: str) -> bool:
        return bool(self.witness.projects(customer))

    def _send(self, method: str, path: str, record: dict[str, Any]) -> httpx2.Response:
        address = f"{self.witness.url}/services/rest/record/v1/{path}"
        headers = {"authorization": f"Bearer {self.witness._bearer()}"}
        return httpx2.request(method, address, json=record, headers=headers, timeout=10).raise_for_status()
