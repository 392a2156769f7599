"""C1: what stands in the ERP in the end, with everything that differs by nature left out: ids, numbers, instants.

Two runs over the same paper must come to the same state, whatever happened on the way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from tieline.entrypoints.demo.netsuite import NetSuiteWitness, Row

State = Counter[tuple[str, ...]]
WRONG_MAX = 20


def state(witness: NetSuiteWitness) -> State:
    """Every record once, named by what people see: the names of its client and project instead of ids."""
    rows = {name: witness.query(statement) for name, statement in _QUERIES.items()}
    clients = {row["id"]: row["companyname"] for row in rows["clients"]}
    projects = {row["id"]: f"{clients.get(row['parent'], '?')} / {row['companyname']}" for row in rows["projects"]}
    elements = {row["id"]: f"{projects.get(row['project'], '?')} / {row['title']}" for row in rows["elements"]}
    found: State = Counter()
    found.update(("client", name) for name in clients.values())
    found.update(("project", name) for name in projects.values())
    found.update(("element", name) for name in elements.values())
    found.update(("rate", elements.get(row["projecttask"], "?"), _amount(row["unitprice"])) for row in rows["rates"])
    found.update(
        ("time", elements.get(row["casetaskevent"], "?"), row["trandate"], _amount(row["hours"]), _amount(row["rate"]))
        for row in rows["time"]
    )
    found.update(_books(rows["invoices"], rows["ledger"], clients))
    return found


def _books(invoices: Sequence[Row], ledger: Sequence[Row], clients: dict[str, str]) -> list[tuple[str, ...]]:
    """An invoice with its posted lines; two equal ones count twice."""
    lines: dict[str, list[str]] = defaultdict(list)
    for row in ledger:
        lines[row["transaction"]].append(f"{row['account']} {_amount(row.get('debit'))} {_amount(row.get('credit'))}")
    return [
        (
            "invoice",
            clients.get(row["entity"], "?"),
            row["posting"],
            _amount(row["foreigntotal"]),
            *sorted(lines[row["id"]]),
        )
        for row in invoices
    ]


def differences(faulted: State, free: State) -> list[str]:
    """What only one of the two runs has."""
    more = [f"only with faults, {n} times: {' | '.join(what)}" for what, n in (faulted - free).items()]
    less = [f"only without faults, {n} times: {' | '.join(what)}" for what, n in (free - faulted).items()]
    return (sorted(more) + sorted(less))[:WRONG_MAX]


def _amount(value: str | None) -> str:
    """`5` and `5.00` are one amount."""
    text = str(value or "0")
    return text.rstrip("0").rstrip(".") if "." in text else text


_QUERIES = {
    "clients": "SELECT id, companyname FROM customer",
    "projects": "SELECT id, companyname, parent FROM job",
    "elements": "SELECT id, title, project FROM projecttask",
    "rates": "SELECT projecttask, unitprice FROM projecttaskassignee",
    "time": "SELECT id, casetaskevent, trandate, hours, rate FROM timebill",
    "invoices": "SELECT id, entity, posting, foreigntotal FROM transaction WHERE type = 'CustInvc'",
    "ledger": "SELECT transaction, account, debit, credit FROM transactionaccountingline",
}
