"""Everything that the story plays on: the real ERP, two look-alikes, a mailbox and the hub; ended in reverse order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.hub import Hub
from tieline.entrypoints.demo.narration import Narrator
from tieline.entrypoints.demo.netsuite import NetSuiteWitness
from tieline.entrypoints.demo.tryton import TrytonWitness
from tieline.entrypoints.rehearsal import process, tryton
from tieline.twins.process import Served, served

HOOK_WAITS_MS = ",".join(["250"] * 120)  # the look-alike asks again four times a second while the hub is away

CALL_LIFE_S = 4  # on loopback no call lives longer, so an unknown outcome is looked into soon


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    hub: Hub
    erp: tryton.Tryton
    erp_witness: TrytonWitness
    clm: Served
    netsuite: Served
    netsuite_witness: NetSuiteWitness
    inbox_secret: str
    mailbox: Served


@contextmanager
def staged(folder: Path, narrator: Narrator) -> Iterator[Stage]:
    with ExitStack() as stack:
        erp = stack.enter_context(tryton.started(folder / "tryton", on_step=narrator.step))
        narrator.say(f"Tryton runs at {erp.url}: a real ERP with the books of two legal entities.")
        clm = stack.enter_context(served("ironclad", folder / "ironclad", hook_backoff_ms=HOOK_WAITS_MS))
        netsuite = stack.enter_context(served("netsuite", folder / "netsuite", account=firm.ACCOUNT))
        mailbox_secret = firm.signing_secret()
        mailbox = stack.enter_context(served("mailbox", folder / "mailbox", secret=mailbox_secret))
        narrator.say(
            f"Look-alikes run of Ironclad ({clm.url}) and NetSuite ({netsuite.url}), and a mailbox ({mailbox.url})."
        )
        stage = arranged(folder, erp, clm, netsuite, mailbox, mailbox_secret)
        stack.callback(stage.hub.stop)
        stage.hub.start()
        register_webhook(stage)
        narrator.say(f"The hub runs at {stage.hub.url} as process {stage.hub.pid}, on a PostgreSQL of its own.")
        yield stage


def arranged(
    folder: Path, erp: tryton.Tryton, clm: Served, netsuite: Served, mailbox: Served, mailbox_secret: str
) -> Stage:
    """Writes the firm's configuration for exactly these systems."""
    own, watching = firm.certificate("tieline"), firm.certificate("witness")
    netsuite.control("seed", {"integration": [own.seed(), watching.seed()]})
    inbox_secret = firm.signing_secret()
    key_ref = firm.keep_secret(folder, "tryton", erp.seed["key"])
    values = {
        "ironclad_url": clm.url,
        "ironclad_secret_ref": firm.keep_secret(folder, "ironclad", firm.CLM_SECRET),
        "ironclad_key_ref": firm.keep_secret(folder, "ironclad.pem", verification_key(clm)),
        "netsuite_url": netsuite.url,
        "netsuite_client_id": own.client_id,
        "netsuite_certificate_id": own.certificate_id,
        "netsuite_key_ref": firm.keep_secret(folder, "netsuite.pem", own.private_pem),
        "inbox_secret_ref": firm.keep_secret(folder, "inbox", inbox_secret),
        "mailbox_url": mailbox.url,
        "mailbox_secret_ref": firm.keep_secret(folder, "mailbox", mailbox_secret),
        "tryton": {
            "connector": "tryton",
            "call_life_s": CALL_LIFE_S,
            **tryton.settings_from_seed(erp.seed, erp.url, key_ref=key_ref),
        },
    }
    german = erp.seed["companies"]["DE01"]["id"]
    return Stage(
        hub=Hub(folder, firm.write_configuration(folder, values), process.free_port()),
        erp=erp,
        erp_witness=TrytonWitness(erp.url, erp.seed["keys"]["DE01"], german, erp.database),
        clm=clm,
        netsuite=netsuite,
        netsuite_witness=NetSuiteWitness(netsuite.url, watching),
        inbox_secret=inbox_secret,
        mailbox=mailbox,
    )


def verification_key(clm: Served) -> str:
    return _clm(clm, "GET", "/webhooks/verification-key").text


def register_webhook(stage: Stage) -> None:
    """What the firm's CLM administrator does once: tell it where the hub listens. The CLM keeps it over a restart."""
    register_receiver(stage.clm, f"{stage.hub.url}/hooks/northwind/ironclad")


def register_receiver(clm: Served, target: str) -> None:
    _clm(clm, "POST", "/webhooks", {"targetURL": target, "events": ["record_contract_status_changed"]})


def clm_record(clm: Served, record_id: str) -> dict[str, Any]:
    """A record as the CLM itself shows it."""
    found: dict[str, Any] = _clm(clm, "GET", f"/records/{record_id}").json()
    return found


def _clm(clm: Served, method: str, path: str, body: dict[str, object] | None = None) -> httpx2.Response:
    form = {"grant_type": "client_credentials", "client_id": firm.CLM_CLIENT, "client_secret": firm.CLM_SECRET}
    token = httpx2.post(f"{clm.url}/oauth/token", data=form, timeout=10.0).raise_for_status().json()["access_token"]
    headers = {"authorization": f"Bearer {token}", "x-as-user-email": "admin@northwind.example"}
    address = f"{clm.url}/public/api/v1{path}"
    return httpx2.request(method, address, json=body, headers=headers, timeout=10.0).raise_for_status()
