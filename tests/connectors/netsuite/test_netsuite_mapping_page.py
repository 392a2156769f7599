"""MAPPING.md names every field of every document, and every table that is asked."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from tieline import sdk
from tieline.connectors import netsuite
from tieline.connectors.netsuite import queries

PAGE = (Path(inspect.getfile(netsuite)).parent / "MAPPING.md").read_text()
DOCUMENTS = {
    "client": sdk.Client,
    "project": sdk.Project,
    "work_element": sdk.WorkElement,
    "billing_rule": sdk.BillingRule,
    "time_charge": sdk.TimeCharge,
    "invoice": sdk.Invoice,
    "invoice_posting": sdk.InvoicePosting,
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_page_says_where_each_field_lives(kind: str) -> None:
    section = PAGE.split(f"## {kind} → ")[1].split("\n## ")[0]
    told = {name.strip() for row in re.findall(r"^\| ([a-z_, ]+) \|", section, re.M) for name in row.split(",")}
    assert {field.name for field in dataclasses.fields(DOCUMENTS[kind])} <= told


def test_the_page_names_every_table_that_is_asked() -> None:
    asked = set(re.findall(r"(?:FROM|JOIN) ([a-z]+)", inspect.getsource(queries)))
    assert asked <= set(re.findall(r"[a-z]+", PAGE))
