"""One token for many calls: fetched once, renewed before it dies, renewed once when NetSuite refuses it."""

from __future__ import annotations

import asyncio

import netsuite_documents as d
import pytest
from joserfc.jwk import RSAKey

from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.netsuite import NetSuite, NetSuiteSettings
from tieline.twins.process import Served

_COUNTING = {"fault": {"code": "F8", "delay_ms": 0}, "match": {"path_regex": "oauth2/v1/token"}}


def log_ins(twin: Served) -> int:
    (rule,) = twin.control("faults")["rules"]
    return int(rule["seen"])


def with_key(settings: NetSuiteSettings, http: GuardedHttp, key: RSAKey, now: list[float]) -> NetSuite:
    pem = key.as_pem(private=True).decode()
    return NetSuite(settings, http, {"private_key": sdk.Secret(pem)}, {}, now=lambda: now[0])


async def test_many_calls_at_once_log_in_once(netsuite: NetSuite, twin: Served) -> None:
    twin.faults([_COUNTING])
    await asyncio.gather(*(netsuite.find_client(d.envelope(d.client())) for _ in range(8)))
    assert log_ins(twin) == 1


async def test_a_token_is_renewed_before_its_hour_is_over(
    settings: NetSuiteSettings, http: GuardedHttp, key: RSAKey, twin: Served
) -> None:
    twin.faults([_COUNTING])
    now = [0.0]
    netsuite = with_key(settings, http, key, now)
    for moment, expected in ((0.0, 1), (3530.0, 1), (3541.0, 2)):
        now[0] = moment
        await netsuite.find_client(d.envelope(d.client()))
        assert log_ins(twin) == expected


async def test_F10_a_token_that_dies_on_the_way_is_renewed_once_for_all_callers(
    netsuite: NetSuite, twin: Served
) -> None:
    await netsuite.find_client(d.envelope(d.client()))
    twin.control("tokens/revoke", {})
    twin.faults([_COUNTING])
    answers = await asyncio.gather(*(netsuite.find_client(d.envelope(d.client())) for _ in range(6)))
    assert answers == [None] * 6
    assert log_ins(twin) == 1


async def test_a_revoked_certificate_stops_the_connection_and_names_it(
    settings: NetSuiteSettings, http: GuardedHttp
) -> None:
    stranger = with_key(settings, http, RSAKey.generate_key(2048), [0.0])
    with pytest.raises(sdk.CredentialInvalid, match="cert-1"):
        await stranger.find_client(d.envelope(d.client()))


async def test_a_key_that_is_none_stops_the_connection_without_showing_it(
    settings: NetSuiteSettings, http: GuardedHttp
) -> None:
    broken = NetSuite(settings, http, {"private_key": sdk.Secret("hunter2")}, {})
    with pytest.raises(sdk.CredentialInvalid) as refused:
        await broken.find_client(d.envelope(d.client()))
    assert "hunter2" not in refused.value.detail
