"""The invariants, judged from the evidence alone. Each answers what is wrong; nothing wrong means that it held."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tieline.entrypoints.chaos import books
from tieline.entrypoints.chaos.evidence import Evidence, Row
from tieline.kit.canonical import digest_of

Judge = Callable[[Evidence], list[str]]
ENDS = ("applied", "superseded", "rejected", "dead", "ambiguous")
ACCEPTED_ENDS = ("in_step", "ended")


def l1_durable_before_ack(e: Evidence) -> list[str]:
    """Every yes that a sender saw has its input, and every spoiled webhook was refused."""
    dedups = {row["dedup"] for row in e.store["inputs"]}
    correlations = {row["correlation_id"] for row in e.store["inputs"]}
    approved = {row["subject"] for row in e.store["approvals"]}
    told = [d for d in e.deliveries if d["state"] == "delivered"]
    wrong = [f"webhook {d['event_id']} was taken and is gone" for d in told if _hook(d) not in dedups]
    wrong += [f"spoiled webhook {d['event_id']} ({d['variant']}) was taken" for d in told if d["variant"] != "good"]
    for yes in e.heard:
        if yes.what == "release":
            kept = f"invoice:{yes.key.removeprefix('release-')}" in approved
        elif yes.what == "event":
            kept = digest_of("webhook", "inbox", yes.key).hex() in dedups
        else:
            kept = yes.correlation in correlations
        wrong += [] if kept else [f"{yes.what} {yes.key} was answered yes and is gone"]
    return wrong or ([] if told and e.heard else ["nothing was handed in"])


def _hook(delivery: Row) -> str:
    return digest_of("webhook", "ironclad", delivery["event_id"]).hex()


def l2_conservation(e: Evidence) -> list[str]:
    """Each input in exactly one end, none in progress, each that was not applied with its reason and its owner."""
    inputs, held = e.store["inputs"], {row["input_id"] for row in e.store["holds"] if row["owner"]}
    wrong = [f"input {row['input_id']} is still {row['status']}" for row in inputs if row["status"] not in ENDS]
    wrong += [f"input {row['input_id']} waits" for row in e.store["waiting"]]
    for row in inputs:
        if row["status"] in ("rejected", "dead", "ambiguous"):
            owned = row["owner"] or row["input_id"] in held
            wrong += [] if row["reason"] and owned else [f"input {row['input_id']} has no reason or owner"]
    refused = [row for row in inputs if row["status"] == "rejected"]
    return wrong or ([] if refused else ["the unmappable contract was not refused"])


def l3_set_equality(e: Evidence) -> list[str]:
    """Contracts whose webhook was spoiled or never sent are known all the same."""
    known = {row["record_id"] for row in e.store["records"] if row["kind"] == "contract"}
    amended = sum(row["kind"] == "amendment" for row in e.store["records"])
    wrong = [f"contract {paper.id} is not known" for paper in e.papers if paper.id not in known]
    expected = sum(len(paper.changes) for paper in e.papers)
    return wrong + ([] if amended == expected else [f"{amended} amendments instead of {expected}"])


def d1_one_effect_per_key(e: Evidence) -> list[str]:
    """One object per external id, one client per name, and no more different writes than planned revisions."""
    wrong = []
    for name in ("customers", "projects", "elements", "schedules", "time", "invoices"):
        counts = Counter(row.get("externalid") for row in e.erp[name])
        wrong += [f"{n} {name} with id {key}" for key, n in counts.items() if n > 1 or key is None]
    names = Counter(row["companyname"] for row in e.erp["customers"])
    wrong += [f"{n} customers are called {name}" for name, n in names.items() if n > 1]
    planned = Counter((row["kind"], row["key"]) for row in _done(e))
    for (kind, key), payloads in _written(e).items():
        different = len(set(payloads))
        wrong += [f"{different} different writes of {kind} {key}"] if different > planned[kind, key] else []
    return wrong + _postings(e)


def _postings(e: Evidence) -> list[str]:
    """Posted exactly once: one number, one set of ledger lines, for each released invoice and for no other."""
    released = {invoice for invoice, _ in e.releases}
    posted = {row["externalid"] for row in e.erp["invoices"] if row["posting"] == "T"}
    numbers = Counter(row.get("tranid") for row in e.erp["invoices"] if row["posting"] == "T")
    wrong = [f"number {number} was given {n} times" for number, n in numbers.items() if n > 1]
    sides = Counter((row["transaction"], row["account"]) for row in e.erp["ledger"])
    wrong += [f"account {account} stands {n} times in {move}" for (move, account), n in sides.items() if n > 1]
    return wrong + [f"invoice {one} was released or posted, not both" for one in sorted(released ^ posted)]


def d2_same_key_same_bytes(e: Evidence) -> list[str]:
    """A key keeps its payload for ever; the same event id with other content was refused and left nothing."""
    kept = {row["key"]: row["payload_hash"] for row in e.store["effect_keys"]}
    wrong = [
        f"effect {row['key']} changed" for row in e.store["effects"] if kept.get(row["key"]) != row["payload_hash"]
    ]
    return wrong + ([] if e.reused_id == (409, 0) else [f"a used event id with other content: {e.reused_id}"])


def d3_one_row_per_input(e: Evidence) -> list[str]:
    counts = Counter(row["dedup"] for row in e.store["inputs"])
    wrong = [f"{n} rows of input {key}" for key, n in counts.items() if n > 1]
    lonely = counts.keys() ^ {row["digest"] for row in e.store["keys"]}
    copies = Counter(d["event_id"] for d in e.deliveries)
    return wrong + [f"key {key} has no row, or the other way round" for key in lonely] + (
        [] if max(copies.values(), default=0) > 1 else ["no webhook was delivered twice"]
    )  # fmt: skip


def d4_unknown_is_settled(e: Evidence) -> list[str]:
    """Every outcome is known in the end, and what counts as done is in the ERP. Failed may stay only what was overtaken."""
    newest = {row["replica_id"]: row["revision"] for row in e.store["replicas"]}
    written, effects = _written(e), e.store["effects"]
    wrong = [
        f"effect of {row['replica_id']} is {row['state']}"
        for row in effects
        if row["state"] not in ("ok", "superseded")
        and not (row["state"] == "failed" and row["revision"] < newest[row["replica_id"]])
    ]
    missing = {(row["kind"], row["key"]) for row in _done(e)} - written.keys()
    wrong += [f"{kind} {key} counts as done and is not in the ERP" for kind, key in missing]
    return wrong + ([] if any(row["attempt"] > 1 for row in effects) else ["no effect was ever repeated"])


def o1_in_order(e: Evidence) -> list[str]:
    """Once another payload took its place, an earlier one never comes back."""
    wrong = []
    for (kind, key), payloads in _written(e).items():
        changes = [payloads[0], *(new for old, new in pairwise(payloads) if new != old)]
        wrong += [f"{kind} {key} went back to an older version"] if len(set(changes)) < len(changes) else []
    revised = [row for row in e.store["replicas"] if row["revision"] > 1]
    newest = {row["key"]: row for row in e.store["replicas"]}
    names = {row["externalid"]: row["companyname"] for row in e.erp["projects"]}
    stale = [key for key, name in names.items() if newest[key]["doc"]["name"] != name]
    return wrong + [f"project {key} is not the newest" for key in stale] + ([] if revised else ["nothing was revised"])


def m1_to_the_cent(e: Evidence) -> list[str]:
    """The ledger against the reference, invoice by invoice and in total; debits equal credits in every posting."""
    by_invoice: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    ids = {row["id"]: row["externalid"] for row in e.erp["invoices"] if row["posting"] == "T"}
    for line in e.erp["ledger"]:
        side = Decimal(line.get("debit") or 0) - Decimal(line.get("credit") or 0)
        by_invoice[ids.get(line["transaction"], "?")][
            "net" if line["account"].startswith("4") else line["account"]
        ] -= side
    wrong = [f"invoice {one} does not balance" for one, move in by_invoice.items() if sum(move.values()) != 0]
    for paper in e.papers:
        for number in (0, 1):
            seen, expected = by_invoice.get(e.invoices.get((paper.id, number), ""), {}), books.bill(paper, number)
            found = (seen.get("net", Decimal(0)), seen.get("2200", Decimal(0)), -seen.get("1200", Decimal(0)))
            if found != (expected.net, expected.tax, expected.total):
                wrong.append(f"invoice {number} of {paper.id}: {found} instead of {expected}")
    whole = sum((move["net"] for move in by_invoice.values()), Decimal(0))
    return wrong + ([] if whole == books.totals(e.papers).net else [f"revenue is {whole}"])


def m2_every_hour_once(e: Evidence) -> list[str]:
    """Every approved hour became one charge, and the charge one time entry of the ERP."""
    approved = sum(len(paper.hours) for paper in e.papers)
    charges = [row["record_id"] for row in e.store["movements"] if row["kind"] == "charge"]
    booked = {row["externalid"] for row in e.erp["time"]}
    wrong = [] if len(charges) == len(set(charges)) == approved else [f"{len(charges)} charges for {approved} entries"]
    return wrong + [f"charge {one} is not in the ERP, or not ours" for one in sorted(booked ^ set(charges))]


def c1_everything_in_step(e: Evidence) -> list[str]:
    """Every replica was read back in its newest revision, and nobody waits for a person."""
    wrong = [
        f"{row['replica_id']} is {row['status']} (revision {row['revision']}, confirmed {row['confirmed_revision']})"
        for row in e.store["replicas"]
        if row["status"] not in ACCEPTED_ENDS or row["confirmed_revision"] != row["revision"]
    ]
    holds = [row for row in e.store["holds"] if row["code"] != "MAPPING_MISSING"]
    return wrong + [f"hold {row['code']} on {row['subject']}: {row['sentence']}" for row in holds]


def a1_bijection(e: Evidence) -> list[str]:
    """Whatever the ERP did for us has its intent and outcome, and the other way round, each with actor and origin."""
    intended = {(row["kind"], row["key"]) for row in _done(e)}
    wrong = [f"{kind} {key} was written without an intent" for kind, key in _written(e).keys() - intended]
    wrong += [f"{kind} {key} was intended and never written" for kind, key in intended - _written(e).keys()]
    bare = [r for r in e.store["effects"] if not (r["actor"] and r["correlation_id"] and r["mapping_version"])]
    wrong += [f"effect of {row['replica_id']} does not say whose it is" for row in bare]
    unapproved = [r for r in e.store["effects"] if r["kind"] == "invoice_posting" and not r["approver"]]
    foreign = {entry["principal"] for entry in e.truth} - {"tieline"}
    wrong += [f"principal {name} wrote into the ERP" for name in foreign]
    return wrong + [f"posting {row['replica_id']} has no approver" for row in unapproved]


def t2_no_tenant_no_rows(e: Evidence) -> list[str]:
    wrong = [f"{place}: {n} rows" for place, n in e.seen_without_tenant.items() if n]
    return wrong or ([] if len(e.seen_without_tenant) > 100 else ["too few places were looked at"])


def v1_quiet_in_time(e: Evidence) -> list[str]:
    return [] if e.in_time else [f"not quiet within {e.quiet_s:.0f} s"]


INVARIANTS: Mapping[str, Judge] = {
    "L1": l1_durable_before_ack, "L2": l2_conservation, "L3": l3_set_equality, "D1": d1_one_effect_per_key,
    "D2": d2_same_key_same_bytes, "D3": d3_one_row_per_input, "D4": d4_unknown_is_settled, "O1": o1_in_order,
    "M1": m1_to_the_cent, "M2": m2_every_hour_once, "C1": c1_everything_in_step, "A1": a1_bijection,
    "T2": t2_no_tenant_no_rows, "V1": v1_quiet_in_time,
}  # fmt: skip

# What each planned kind leaves in the ERP's own journal: (its record type, which of our ids it bears).
_RECORDS: Mapping[str, str] = {
    "client": "customer", "project": "job", "work_element": "projectTask", "billing_rule": "billingSchedule",
    "time_charge": "timeBill", "invoice": "invoice", "invoice_posting": "invoice",
}  # fmt: skip


def _done(e: Evidence) -> list[dict[str, Any]]:
    """Settled effects as (kind of write, key in the ERP). A billing rule is two writes: the price and the schedule."""
    replicas = {row["replica_id"]: row for row in e.store["replicas"]}
    found = []
    for row in e.store["effects"]:
        if row["state"] != "ok":
            continue
        replica = replicas[row["replica_id"]]
        key = replica["doc"]["invoice_id"] if row["kind"] == "invoice_posting" else replica["key"]
        found.append({"kind": row["kind"], "key": key})
        if row["kind"] == "billing_rule":
            found.append({"kind": "price", "key": replica["doc"]["work_element_id"]})
    return found


def _written(e: Evidence) -> dict[tuple[str, str], list[str]]:
    """The ERP's journal: payloads per (kind of write, key), oldest first."""
    kinds = {record: kind for kind, record in _RECORDS.items() if kind != "invoice_posting"}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in e.truth:
        kind, payload = kinds[entry["kind"]], entry["payload"]
        if kind == "work_element" and "assignee" in payload:
            kind = "price"
        if kind == "invoice" and "approvalStatus" in payload and "item" not in payload:
            kind = "invoice_posting"
        found[kind, entry["natural_key"]].append(entry["payload_hash"])
    return dict(found)
