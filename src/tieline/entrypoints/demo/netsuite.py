"""What the NetSuite look-alike holds, asked in the vendor's own query language with an integration record of our own.

Shares nothing with the connector: other credentials, other statements, sums made here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

from tieline.entrypoints.demo.firm import ACCOUNT, Certificate
from tieline.kit.ids import uuid7

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105  a path
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Row = dict[str, str]


@dataclass(slots=True)
class NetSuiteWitness:
    url: str
    certificate: Certificate
    _token: str = field(default="", repr=False)

    def customer(self, name: str) -> list[Row]:
        return self.query(f"SELECT id, externalid, companyname FROM customer WHERE companyname = '{quoted(name)}'")

    def projects(self, customer_id: str) -> list[Row]:
        return self.query(f"SELECT id, externalid, companyname FROM job WHERE parent = {int(customer_id)}")

    def elements(self, project_id: str) -> list[Row]:
        return self.query(f"SELECT id, title, estimatedwork FROM projecttask WHERE project = {int(project_id)}")

    def rates(self, element_id: str) -> list[Row]:
        return self.query(f"SELECT unitprice FROM projecttaskassignee WHERE projecttask = {int(element_id)}")

    def hours(self, element_id: str) -> list[Row]:
        return self.query(f"SELECT hours, trandate FROM timebill WHERE casetaskevent = {int(element_id)}")

    def invoices(self, customer_id: str) -> list[Row]:
        where = f"entity = {int(customer_id)} AND type = 'CustInvc'"
        return self.query(f"SELECT id, tranid, externalid, posting, foreigntotal FROM transaction WHERE {where}")

    def ledger(self, invoice_id: str) -> list[Row]:
        """The posted lines with the account numbers that people know."""
        lines = self.query(
            f"SELECT account, debit, credit FROM transactionaccountingline WHERE transaction = {int(invoice_id)}"
        )
        numbers = {row["id"]: row["acctnumber"] for row in self.query("SELECT id, acctnumber FROM account")}
        return [{**line, "account": numbers.get(line["account"], line["account"])} for line in lines]

    def query(self, statement: str) -> list[Row]:
        headers = {"authorization": f"Bearer {self._bearer()}", "prefer": "transient"}
        address = f"{self.url}/services/rest/query/v1/suiteql"
        answer = httpx2.post(address, json={"q": statement}, headers=headers, timeout=10.0)
        answer.raise_for_status()
        return [{name: value for name, value in row.items() if name != "links"} for row in answer.json()["items"]]

    def _bearer(self) -> str:
        if not self._token:
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION,
                "client_assertion": self._assertion(),
            }
            answer = httpx2.post(f"{self.url}{TOKEN_PATH}", data=form, timeout=10.0).raise_for_status()
            self._token = answer.json()["access_token"]
        return self._token

    def _assertion(self) -> str:
        host = f"{ACCOUNT.lower().replace('_', '-')}.suitetalk.api.netsuite.com"
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.certificate.client_id,
            "scope": ["rest_webservices"],
            "aud": f"https://{host}{TOKEN_PATH}",
            "iat": now,
            "exp": now + 240,
            "jti": str(uuid7()),
        }
        header = {"alg": "PS256", "typ": "JWT", "kid": self.certificate.certificate_id}
        key = RSAKey.import_key(self.certificate.private_pem)
        return jwt.encode(header, claims, key, algorithms=["PS256"])


def quoted(text: str) -> str:
    return text.replace("'", "''")
