"""``certificates:check`` with the CA's responder beside our lists: what is asked, said, and never said."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from platform_api.keys import LOG, METRICS, UPSTREAM
from platform_api.logs import make_log
from platform_api.metrics import Metrics
from platform_api.upstream_ocsp.asking import Upstream
from platform_api.upstream_ocsp.settings import UpstreamSettings
from platform_api.upstream_ocsp.transport import OcspTransport
from tests import pki
from tests.base.application import running, settings_for
from tests.base.postgres import TestDatabase, TestInstitution, make_institution
from tests.features.cards import make_card
from tests.features.service import Service, b64, serving
from tests.features.upstream import FakeResponder, Says, answers, responding
from tests.features.world import World
from tests.revocation import sets
from tests.revocation.forged_answers import GOOD, UNKNOWN, cert_id_of, error_response, revoked

pytestmark = pytest.mark.timeout(60)
MINUTE = timedelta(minutes=1)
CHECK = "/v1/certificates:check"


@dataclass
class Checking:
    """A service whose checks may ask a responder."""

    service: Service
    responder: FakeResponder
    institution: TestInstitution
    metrics: Metrics
    log: io.StringIO

    async def check(self, method: str | None, expect: int = 200, **form: Any) -> dict[str, Any]:
        body: dict[str, Any] = {"purpose": "current_status_check"} | form
        if method is not None:
            body["method"] = method
        return await self.service.call(self.institution, "POST", CHECK, body, expect=expect)

    def incidents(self) -> float:
        labels = {"ca": "card-sign"}
        found = self.metrics.registry.get_sample_value("jpki_upstream_ocsp_incidents_total", labels)
        return found or 0.0

    def events(self) -> list[str]:
        return [orjson.loads(line)["event"] for line in self.log.getvalue().splitlines()]


@asynccontextmanager
async def checking(
    world: World, institution: TestInstitution, says: Says, **settings: Any
) -> AsyncIterator[Checking]:
    """The world's first day is published; the responder's answers lie around its clock."""
    if world.days == 0:
        await world.day()
    log, metrics = io.StringIO(), Metrics()
    async with (
        responding(says) as responder,
        OcspTransport(concurrency=4, timeout_s=10.0, prefer_get=False) as transport,
    ):
        written = make_log(log)
        upstream = Upstream(
            UpstreamSettings(url=responder.url, **settings),
            transport,
            world.authorities,
            world.clock,
            log=written,
            metrics=metrics,
            monotonic=lambda: 0.0,
        )
        state: dict[web.AppKey[Any], Any] = {UPSTREAM: upstream, LOG: written, METRICS: metrics}
        async with serving(world, state=state) as service:
            yield Checking(service, responder, institution, metrics, log)
        await upstream.close()


def now_says(world: World, status: bytes = GOOD, *, back: timedelta = timedelta(0)) -> Says:
    """An answer of this moment, or of ``back`` before it."""

    def says(der: bytes) -> Any:
        at = world.clock.now() - back
        bent = answers(status, this_update=at, next_update=at + 180 * MINUTE, produced_at=at)
        return bent(der)

    return says


async def test_method_crl_asks_nobody(world: World, institution: TestInstitution) -> None:
    """The default: no request, ``upstream`` is null, the evidence is the list's."""
    card = make_card(sets.ca())
    async with checking(world, institution, now_says(world, revoked())) as here:
        for method in (None, "crl"):
            found = await here.check(method, certificate=b64(card.der))
            assert (found["status"]["status"], found["upstream"]) == ("GOOD", None)
            assert found["status"]["evidence"]["method"] == "crl"
    assert here.responder.asked == []


@pytest.mark.parametrize("method", ["crl_then_ocsp", "crl_and_ocsp"])
async def test_newer_revoked_wins(world: World, institution: TestInstitution, method: str) -> None:
    """By certificate: our list says GOOD, the responder knows better; the evidence is its word."""
    card = make_card(sets.ca(), serial=0x5EC2E7)
    async with checking(world, institution, now_says(world, revoked(3))) as here:
        found = await here.check(method, certificate=b64(card.der))
        now = here.service.world.clock.now()
    status, upstream = found["status"], found["upstream"]
    assert (status["status"], status["reason"], status["reason_code"]) == ("REVOKED", "affiliationChanged", 3)
    evidence = status["evidence"]
    assert (evidence["method"], evidence["coverage"], evidence["crl_number"]) == ("ocsp", "certificate", None)
    assert evidence["set_seq"] == 1
    assert evidence["this_update"] == f"{now:%Y-%m-%dT%H:%M:%S}Z"
    assert evidence["age_s"] == 0
    assert (upstream["outcome"], upstream["cert_status"], upstream["incident"]) == (
        "answered",
        "revoked",
        False,
    )
    text = here.log.getvalue() + here.metrics.render().decode() + str(found)
    assert "5ec2e7" not in text.lower()
    assert len(here.responder.asked) == 1


async def test_good_by_both(world: World, institution: TestInstitution) -> None:
    """GOOD stays our lists' GOOD, with their evidence; how the responder answered stands beside it."""
    card = make_card(sets.ca())
    async with checking(world, institution, now_says(world)) as here:
        found = await here.check("crl_and_ocsp", certificate=b64(card.der))
    assert (found["status"]["status"], found["status"]["evidence"]["method"]) == ("GOOD", "crl")
    assert found["upstream"]["cert_status"] == "good"
    assert found["upstream"]["produced_at"].endswith("Z")


async def test_hold(world: World, institution: TestInstitution) -> None:
    """certificateHold of the responder is ON_HOLD, not REVOKED."""
    async with checking(world, institution, now_says(world, revoked(6))) as here:
        found = await here.check("crl_then_ocsp", certificate=b64(make_card(sets.ca()).der))
    assert (found["status"]["status"], found["status"]["reason_code"]) == ("ON_HOLD", 6)


async def test_good_after_revoked_is_an_incident(world: World, institution: TestInstitution) -> None:
    """It stays REVOKED; the caller sees it, the operator gets a count and a log line without a serial."""
    card = make_card(sets.ca())
    await world.day({card.serial: 3})
    async with checking(world, institution, now_says(world)) as here:
        found = await here.check("crl_then_ocsp", certificate=b64(card.der))
        assert (found["status"]["status"], found["status"]["evidence"]["method"]) == ("REVOKED", "crl")
        assert (found["upstream"]["incident"], here.incidents()) == (True, 1)
        assert here.events().count("upstream.incident") == 1


@pytest.mark.parametrize("said", [GOOD, UNKNOWN], ids=["good", "unknown"])
@pytest.mark.parametrize("method", ["crl_then_ocsp", "crl_and_ocsp"])
async def test_never_good_from_a_stale_list(
    world: World, institution: TestInstitution, method: str, said: bytes
) -> None:
    """Our list is over: whatever good the responder says, it is UNKNOWN/STALE as before."""
    card = make_card(sets.ca())
    await world.day()
    world.clock.advance(timedelta(days=9))
    async with checking(world, institution, now_says(world, said)) as here:
        found = await here.check(method, certificate=b64(card.der))
    assert (found["status"]["status"], found["status"]["unknown_reason"]) == ("UNKNOWN", "STALE")
    assert found["upstream"]["outcome"] == "answered"


async def test_revoked_beside_a_stale_list(world: World, institution: TestInstitution) -> None:
    """Where our lists cannot tell, a final word of the CA's responder is told."""
    card = make_card(sets.ca())
    await world.day()
    world.clock.advance(timedelta(days=9))
    async with checking(world, institution, now_says(world, revoked(1))) as here:
        found = await here.check("crl_then_ocsp", certificate=b64(card.der))
    assert (found["status"]["status"], found["status"]["evidence"]["method"]) == ("REVOKED", "ocsp")


async def test_a_failing_responder(world: World, institution: TestInstitution) -> None:
    """With ``crl_then_ocsp`` the answer of our lists, and why there is no more; UNKNOWN/UPSTREAM_ERROR to who
    wanted both, and only then.
    """
    card = make_card(sets.ca())
    async with checking(world, institution, lambda _: error_response(3)) as here:
        alone = await here.check("crl_then_ocsp", certificate=b64(card.der))
        assert alone["status"]["status"] == "GOOD"
        assert alone["upstream"] == {
            "outcome": "refused",
            "cert_status": None,
            "this_update": None,
            "next_update": None,
            "produced_at": None,
            "incident": False,
        }
        both = (await here.check("crl_and_ocsp", certificate=b64(card.der)))["status"]
        assert (both["status"], both["unknown_reason"], both["last_known"]) == (
            "UNKNOWN",
            "UPSTREAM_ERROR",
            "GOOD",
        )
        assert both["evidence"]["method"] == "crl"


async def test_a_failing_responder_hides_no_revocation(world: World, institution: TestInstitution) -> None:
    """REVOKED by our lists is REVOKED, also to who wanted both."""
    card = make_card(sets.ca())
    await world.day({card.serial: 4})
    async with checking(world, institution, lambda _: error_response(2)) as here:
        found = await here.check("crl_and_ocsp", certificate=b64(card.der))
    assert (found["status"]["status"], found["upstream"]["outcome"]) == ("REVOKED", "refused")


async def test_budget_of_an_institution(
    world: World, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """One question a minute for each: the second certificate is answered by our lists, another institution
    has its own; the first certificate's word is kept and costs nothing.
    """
    cards = [make_card(sets.ca()) for _ in range(3)]
    async with checking(world, institution, now_says(world), per_minute=1) as here:
        outcomes = []
        for card in (cards[0], cards[1], cards[0]):
            found = await here.check("crl_then_ocsp", certificate=b64(card.der))
            assert found["status"]["status"] == "GOOD"
            outcomes.append(found["upstream"]["outcome"])
        assert outcomes == ["answered", "over_budget", "answered"]
        here.institution = other_institution
        found = await here.check("crl_then_ocsp", certificate=b64(cards[2].der))
        assert found["upstream"]["outcome"] == "answered"
    assert len(here.responder.asked) == 2


async def test_the_three_forms(world: World, institution: TestInstitution) -> None:
    """By registration, by certificate and by serial number the same certificate is asked about."""
    card = make_card(sets.ca(), serial=0x2A)
    await world.day()
    registered = await world.register(institution, card)
    serial = {
        "ca_id": "card-sign",
        "issuer_key": world.known(card).identity.issuer_key.hex(),
        "serial_number": "2a",
    }
    forms: tuple[dict[str, Any], ...] = (
        {"registration_id": str(registered.registration.registration_id)},
        {"certificate": b64(card.der)},
        {"serial": serial},
    )
    async with checking(world, institution, now_says(world, revoked(4)), keep_for=timedelta(0)) as here:
        for form in forms:
            found = await here.check("crl_then_ocsp", **form)
            assert (found["status"]["status"], found["upstream"]["outcome"]) == ("REVOKED", "answered")
    assert len(here.responder.asked) == 3
    assert len({cert_id_of(sent) for sent in here.responder.asked}) == 1


async def test_what_needs_no_question(world: World, institution: TestInstitution) -> None:
    """A foreign certificate, and one whose own dates decide: nobody is asked."""
    foreign = make_card(sets.ca(), issuer_key=pki.key("p256", 70))
    over = make_card(sets.ca(), not_after=sets.T0 - sets.DAY)
    async with checking(world, institution, now_says(world)) as here:
        for card, status in ((foreign, "UNKNOWN"), (over, "EXPIRED")):
            found = await here.check("crl_and_ocsp", certificate=b64(card.der))
            assert (found["status"]["status"], found["upstream"]["outcome"]) == (status, "not_asked")
    assert here.responder.asked == []


async def test_the_answer_is_of_the_set_that_answers_then(world: World, institution: TestInstitution) -> None:
    """A set is published while the responder is asked: the answer is by the new one, not the one before."""
    card = make_card(sets.ca())

    async def says(der: bytes) -> Any:
        await world.day({card.serial: 3})
        return now_says(world)(der)

    async with checking(world, institution, says) as here:
        found = await here.check("crl_then_ocsp", certificate=b64(card.der))
    assert (found["status"]["status"], found["status"]["evidence"]["set_seq"]) == ("REVOKED", 2)


async def test_without_a_responder(world: World, institution: TestInstitution) -> None:
    """No address is set: told so; GOOD is not confirmed to who wanted both."""
    card = make_card(sets.ca())
    await world.day()
    async with serving(world) as service:
        body = {"purpose": "current_status_check", "certificate": b64(card.der)}
        alone = await service.call(institution, "POST", CHECK, body | {"method": "crl_then_ocsp"})
        both = await service.call(institution, "POST", CHECK, body | {"method": "crl_and_ocsp"})
        await service.call(institution, "POST", CHECK, body | {"method": "ocsp"}, expect=422)
    assert (alone["status"]["status"], alone["upstream"]["outcome"]) == ("GOOD", "not_configured")
    assert both["status"]["unknown_reason"] == "UPSTREAM_ERROR"


async def test_who_may_not_check_asks_nobody(world: World, database: TestDatabase) -> None:
    """Permissions come first: a kind that the key is not allowed sends nothing to the CA."""
    narrow = await make_institution(database, kinds=frozenset({"card-auth"}))
    async with checking(world, narrow, now_says(world)) as here:
        await here.check("crl_then_ocsp", expect=403, certificate=b64(make_card(sets.ca()).der))
    assert here.responder.asked == []


async def test_the_application_opens_and_closes_it(database: TestDatabase, tmp_path: Path) -> None:
    """``jpki serve`` has the client exactly where an address is set."""
    without = await settings_for(database, tmp_path)
    async with running(without) as app:
        assert UPSTREAM not in app.app
    settings = await settings_for(database, tmp_path, upstream_ocsp_url="http://127.0.0.1:9/ocsp")
    async with running(settings) as app:
        assert app.app[UPSTREAM].state_of("card-sign") == "closed"
