"""One activation, as calls: what is read from the agreement, what is written into the ERP, what is read back. Pure.

The documents are the product's own (the same records, the same fields, two work elements and two billing rules each), so
that every candidate asks the same look-alikes for the same effects. They refer to each other by external id, so that a
repeated call needs nothing of the answer that was lost. `dbos_activation.py` uses this; the nodes of
`n8n_activation.json` spell out the same.
"""

from __future__ import annotations

from typing import Any

RECORD = "/services/rest/record/v1"
SUITEQL = "/services/rest/query/v1/suiteql?limit=1000&offset=0"
TYPE = "application/vnd.oracle.resource+json; type=singular"
SUBSIDIARY, CURRENCY, RESOURCE = "2", "1", "900"
ITEMS = {"DATA": "501", "CLOUD": "502"}
Doc = dict[str, Any]


def ids(record_id: str) -> Doc:
    """External ids of everything that one agreement leads to: the same at every repetition."""
    stem = record_id.replace("-", "")[:24]
    return {
        "client": f"cli_{stem}", "project": f"prj_{stem}",
        "elements": [f"wel_{stem}_{n}" for n in (1, 2)], "rules": [f"bru_{stem}_{n}" for n in (1, 2)],
    }  # fmt: skip


def agreement(record: Doc) -> Doc:
    """What is needed of a CLM record; raises KeyError when something is missing."""
    given = {name: one["value"] for name, one in record["properties"].items()}
    return {
        "title": record["name"], "client": given["counterpartyName"], "address": given["counterpartyAddress"],
        "starts_on": given["effectiveDate"][:10], "last_day": given["expirationDate"][:10],
        "lines": [
            {
                "name": given[f"line{n}Name"], "item": ITEMS[given[f"line{n}ServiceLine"]],
                "hours": given[f"line{n}PlannedHours"], "rate": given[f"line{n}HourlyRate"]["amount"],
            }
            for n in (1, 2)
        ],
    }  # fmt: skip


def same_client(terms: Doc) -> str:
    """The search that comes before the creation of a client."""
    return (
        "SELECT c.id, c.externalid, c.companyname, c.defaulttaxreg FROM customer c "
        f"JOIN customersubsidiaryrelationship s ON s.entity = c.id AND s.subsidiary = {literal(SUBSIDIARY)} "
        f"WHERE c.isinactive = 'F' AND c.companyname = {literal(terms['client'])} ORDER BY c.id"
    )


def client(terms: Doc) -> Doc:
    address = terms["address"]
    line = {
        "addr1": address["lines"][0], "city": address["locality"], "zip": address["postcode"],
        "country": {"id": address["country"]},
    }  # fmt: skip
    return {
        "companyName": terms["client"], "isPerson": False, "subsidiary": {"id": SUBSIDIARY},
        "currency": {"id": CURRENCY}, "defaultTaxReg": None,
        "addressBook": {"items": [{"label": "Billing", "defaultBilling": True, "addressBookAddress": line}]},
    }  # fmt: skip


def project(terms: Doc, client: str) -> Doc:
    return {
        "companyName": terms["title"], "parent": {"externalId": client}, "subsidiary": {"id": SUBSIDIARY},
        "currency": {"id": CURRENCY}, "startDate": terms["starts_on"], "projectedEndDate": terms["last_day"],
        "jobBillingType": {"id": "4"}, "allowTime": True,
    }  # fmt: skip


def work_element(terms: Doc, line: Doc, project: str) -> Doc:
    return {
        "title": line["name"], "project": {"externalId": project}, "estimatedWork": line["hours"],
        "constraintType": {"id": "FIXEDSTART"}, "startDateTime": f"{terms['starts_on']}T00:00:00Z",
        "finishByDate": terms["last_day"],
    }  # fmt: skip


def price(line: Doc) -> Doc:
    one = {"resource": {"id": RESOURCE}, "serviceItem": {"id": line["item"]}, "unitPrice": line["rate"]}
    return {"assignee": {"items": [one]}}


def billing_rule(terms: Doc, element: str, project: str) -> Doc:
    return {
        "name": element, "job": {"externalId": project}, "scheduleType": {"id": "5"}, "billForActuals": True,
        "seriesStartDate": terms["starts_on"],
    }  # fmt: skip


def read_back(names: Doc) -> list[str]:
    """One query for each kind of document."""
    return [
        "SELECT c.id, c.externalid, c.companyname FROM customer c "
        f"WHERE c.externalid IN ({literal(names['client'])}) ORDER BY c.id",
        "SELECT j.id, j.externalid, j.companyname, c.externalid AS clientid FROM job j "
        f"LEFT JOIN customer c ON c.id = j.parent WHERE j.externalid IN ({literal(names['project'])}) ORDER BY j.id",
        "SELECT t.id, t.externalid, t.title, t.estimatedwork, j.externalid AS projectid FROM projecttask t "
        f"LEFT JOIN job j ON j.id = t.project WHERE t.externalid IN ({several(names['elements'])}) ORDER BY t.id",
        "SELECT s.id, s.externalid, s.name, j.externalid AS projectid, a.unitprice FROM billingschedule s "
        "LEFT JOIN job j ON j.id = s.job LEFT JOIN projecttask t ON t.externalid = s.name "
        f"LEFT JOIN projecttaskassignee a ON a.projecttask = t.id AND a.resource = {literal(RESOURCE)} "
        f"WHERE s.externalid IN ({several(names['rules'])}) ORDER BY s.id",
    ]


def differences(terms: Doc, names: Doc, seen: list[list[Doc]]) -> list[str]:
    """What the ERP does not show as it was sent; empty when the activation is whole."""
    wanted = [
        [(names["client"], terms["client"])],
        [(names["project"], terms["title"], names["client"])],
        [
            (e, line["name"], float(line["hours"]), names["project"])
            for e, line in zip(names["elements"], terms["lines"], strict=True)
        ],
        [
            (r, e, names["project"], float(line["rate"]))
            for r, e, line in zip(names["rules"], names["elements"], terms["lines"], strict=True)
        ],
    ]
    clients, projects, elements, rules = seen
    found = [
        [(row["externalid"], row["companyname"]) for row in clients],
        [(row["externalid"], row["companyname"], row["clientid"]) for row in projects],
        sorted((row["externalid"], row["title"], float(row["estimatedwork"]), row["projectid"]) for row in elements),
        sorted((row["externalid"], row["name"], row["projectid"], float(row["unitprice"])) for row in rules),
    ]
    return [f"{want} is {have}" for want, have in zip(wanted, found, strict=True) if want != have]


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def several(values: list[str]) -> str:
    return ", ".join(map(literal, values))
