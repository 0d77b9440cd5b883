"""OCSP asked through the gateway to J-LIS: the client's own rules stay, the gateway's come before them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from platform_api.breaker import State
from platform_api.config import load_settings
from platform_api.jlis.failures import closed_until
from platform_api.jlis.gateway import GatewayRefused
from platform_api.keys import JLIS, METRICS, UPSTREAM
from platform_api.logs import Dropped, make_log
from platform_api.metrics import Metrics
from platform_api.upstream_ocsp.asking import Upstream
from platform_api.upstream_ocsp.outcomes import Outcome
from platform_api.upstream_ocsp.settings import UpstreamSettings, upstream_settings
from platform_api.upstream_ocsp.through_gateway import ThroughGateway
from platform_api.upstream_ocsp.transport import OcspTransport
from revocation.authorities import Authorities
from revocation.clock import FixedClock
from revocation.errors import OutsideFailed, RevocationError
from revocation.ocsp.upstream_word import CertStatus
from tests.base.application import running, settings_for
from tests.base.postgres import TestDatabase
from tests.features.gateways import FakeJlis
from tests.features.upstream import INSTITUTION, answers, identity_of, responding
from tests.revocation.forged_answers import AUTHORITY, HOUR, NOW

pytestmark = pytest.mark.timeout(60)


@dataclass
class JlisWithOcsp(FakeJlis):
    """Answers OCSP as a responder should, or fails as it is told; by its CA's id."""

    fails: RevocationError | None = None
    asked: list[str] = field(default_factory=list)

    async def ask_ocsp(self, ca_id: str, request: bytes) -> bytes:
        self.asked.append(ca_id)
        if self.fails is not None:
            raise self.fails
        found = answers()(request)
        assert isinstance(found, bytes)
        return found


@asynccontextmanager
async def asking(jlis: FakeJlis, **settings: Any) -> AsyncIterator[Upstream]:
    made = UpstreamSettings(failures=2, **settings)
    async with OcspTransport(concurrency=2, timeout_s=5, prefer_get=False) as by_http:
        upstream = Upstream(
            made,
            ThroughGateway(by_http, jlis),
            Authorities([AUTHORITY]),
            FixedClock(NOW),
            log=make_log(io.StringIO(), dropped=Dropped()),
            metrics=Metrics(),
        )
        try:
            yield upstream
        finally:
            await upstream.close()


async def test_a_word_through_the_gateway_is_verified_and_kept() -> None:
    """Asked once, by the CA's id; the second question is answered from the kept word."""
    jlis = JlisWithOcsp(FixedClock(NOW))
    async with asking(jlis, url="jlis") as upstream:
        for _ in range(2):
            asked = await upstream.ask(identity_of(), upstream.budget_for(INSTITUTION))
            assert (asked.outcome, asked.word and asked.word.status) == (Outcome.ANSWERED, CertStatus.good)
    assert jlis.asked == [AUTHORITY.ca_id]


async def test_closed_hours_are_no_failure_of_a_responder() -> None:
    """However often it is closed, the breaker stays closed; a failure and a refusal count."""
    jlis = JlisWithOcsp(FixedClock(NOW), fails=closed_until(NOW + HOUR))
    async with asking(jlis, url="jlis") as upstream:

        async def outcome() -> Outcome:
            return (await upstream.ask(identity_of(), upstream.budget_for(INSTITUTION))).outcome

        for _ in range(4):
            assert await outcome() is Outcome.FAILED
        assert upstream.state_of(AUTHORITY.ca_id) is State.CLOSED
        jlis.fails = GatewayRefused("JLIS_CA_UNKNOWN", expected="a", got="b", remedy="c")
        assert await outcome() is Outcome.FAILED
        jlis.fails = OutsideFailed("JLIS_TIMEOUT", expected="a", got="b", remedy="c")
        assert await outcome() is Outcome.FAILED
        assert await outcome() is Outcome.PAUSED


async def test_one_ca_through_the_gateway_and_others_by_their_address() -> None:
    """What has an address goes there."""
    jlis = JlisWithOcsp(FixedClock(NOW))
    async with responding(answers()) as responder:
        urls: dict[str, str] = {AUTHORITY.ca_id: responder.url}
        async with asking(jlis, url="jlis", urls=urls) as upstream:
            asked = await upstream.ask(identity_of(), upstream.budget_for(INSTITUTION))
    assert asked.outcome is Outcome.ANSWERED
    assert (jlis.asked, len(responder.asked)) == ([], 1)


def test_by_the_settings() -> None:
    """``jlis`` in the place of an address, for all CAs or for one."""
    made = upstream_settings(load_settings(jlis_url="http://127.0.0.1:9", upstream_ocsp_url="jlis"))
    assert made is not None
    assert (made.url_of("card-sign"), made.asks_j_lis) == ("jlis:card-sign", True)
    urls = {"card-sign": "jlis", "mobile-sign": "http://127.0.0.1:9/ocsp"}
    made = upstream_settings(load_settings(jlis_url="http://127.0.0.1:9", upstream_ocsp_urls=urls))
    assert made is not None
    assert made.url_of("mobile-sign") == "http://127.0.0.1:9/ocsp"
    assert (made.url_of("card-auth"), made.asks_j_lis) == (None, True)


async def test_the_application_opens_it(database: TestDatabase, tmp_path: Path) -> None:
    """The contexts give the client the gateway of this process."""
    given = {"jlis_url": "http://127.0.0.1:9", "upstream_ocsp_url": "jlis"}
    async with running(await settings_for(database, tmp_path, **given)) as here:
        assert here.app[JLIS] is not None
        found = await here.app[UPSTREAM].ask(identity_of(), here.app[UPSTREAM].budget_for(INSTITUTION))
        assert found.outcome is Outcome.NOT_ASKED  # no CA is known here
        assert 'jpki_jlis_open{kind="ocsp"} 1.0' in here.app[METRICS].render().decode()
