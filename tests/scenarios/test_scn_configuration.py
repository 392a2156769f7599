"""What only an administrator can put right: a word in `tieline.yaml`, a restart, and everything goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from scn_papers import agreement, contract_number, day
from stage import Stage, contract_of, created_once

from conftest import NORTHWIND, Theatre
from tieline import bootstrap
from tieline.kit.errors import Rejected
from tieline.twins.process import Served

Doc = dict[str, Any]
GB01: Doc = {"country": "GB", "currency": "USD", "zone": "Europe/London", "taxes": {"STANDARD": "0.20"}}


class Held:
    """Three contracts that wait for configuration, and the stage as it is after the administrator's restart."""

    def __init__(self, theatre: Theatre) -> None:
        with closing(theatre.stage(NORTHWIND)) as stage:
            self.word = agreement(line1ServiceLine="ADVICE")
            self.entity = agreement(legalEntity="GB01")
            self.person = agreement()
            for paper in (self.word, self.entity, self.person):
                stage.sign(paper)
            stage.until_in_step(contract_of(self.person))
            stage.approve_hours(contract_of(self.person), "8", day(-3), who="res_zed")
            self.about_word = stage.hold_about(self.word, "MAPPING_MISSING")
            self.about_entity = stage.hold_about(self.entity, "LEGAL_ENTITY_UNKNOWN")
            self.about_person = stage.hold_of(contract_of(self.person), "MAPPING_MISSING")
            self.known_before = stage.known(contract_of(self.word))
        self.stage: Stage


def put_right(tenant: Doc) -> None:
    """The lines that an administrator adds to `tieline.yaml`."""
    tenant["legal_entities"] = {**tenant["legal_entities"], "GB01": GB01}
    tenant["systems"]["ironclad"]["overlay"]["service_line"]["ADVICE"] = "DATA"
    tenant["systems"]["netsuite"]["subsidiaries"]["GB01"] = "4"
    tenant["systems"]["netsuite"]["employees"]["res_zed"] = "57"


@pytest.fixture(scope="module")
def held(theatre: Theatre, netsuite_twin: Served) -> Iterator[Held]:
    subsidiary = {"id": "4", "name": "Northwind GB", "currency": {"id": "1"}}
    netsuite_twin.control("seed", {"subsidiary": [subsidiary], "employee": [{"id": "57", "name": "Zed Example"}]})
    waiting = Held(theatre)
    with theatre.reconfigured(put_right), closing(theatre.stage(NORTHWIND)) as waiting.stage:
        yield waiting


def test_a_word_that_is_not_mapped_goes_on_once_it_is_in_the_overlay(held: Held, erp: Served) -> None:
    hold = held.about_word
    assert hold["owner"] == "integration" and held.known_before is None
    assert "'ADVICE'" in hold["sentence"] and "overlay.service_line" in hold["sentence"]
    assert "overlay of the system in tieline.yaml" in hold["way_out"] and "retry the hold" in hold["way_out"]
    held.stage.retry(hold)
    created_once(erp, held.stage.until_in_step(contract_of(held.word)))
    held.stage.until_lifted(hold)


def test_a_contract_of_a_company_that_is_not_configured_goes_on_by_itself_once_it_is(held: Held, erp: Served) -> None:
    hold = held.about_entity
    assert hold["owner"] == "finance"
    assert contract_number(held.entity) in hold["sentence"] and "GB01" in hold["sentence"]
    assert "known are DE01, US01" in hold["sentence"] and "legal_entities in tieline.yaml" in hold["way_out"]
    created_once(erp, held.stage.until_in_step(contract_of(held.entity)))
    held.stage.until_lifted(hold)


def test_hours_of_a_person_whom_the_ERP_does_not_know_go_on_once_the_person_is_mapped(held: Held, erp: Served) -> None:
    hold = held.about_person
    assert hold["owner"] == "integration"
    assert "NetSuite has no employee for 'res_zed'" in hold["sentence"] and "add it to employees" in hold["sentence"]
    assert "tieline.yaml" in hold["way_out"] and "retry the hold" in hold["way_out"]
    held.stage.retry(hold)
    created_once(erp, held.stage.until_charged(contract_of(held.person), 1))
    held.stage.until_lifted(hold)


def test_a_company_without_an_ERP_is_refused_before_the_hub_starts(theatre: Theatre) -> None:
    tenants = json.loads(json.dumps(theatre.tenants))
    tenants[NORTHWIND]["roles"]["erp"] = {"US01": "netsuite"}
    path = theatre.place.folder / "without.yaml"
    path.write_text(json.dumps({"home": str(theatre.place.folder), "tenants": tenants}, indent=1))
    with pytest.raises(Rejected) as refusal:
        bootstrap.read_settings(path)
    assert "legal entity DE01 has no system in the role 'erp'" in refusal.value.detail
    assert f"{path}:" in refusal.value.detail and refusal.value.detail.rstrip().endswith("add it")
