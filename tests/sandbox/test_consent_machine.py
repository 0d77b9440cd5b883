"""Consents and withdrawals against a simple model, in any order; parsers fed with anything; broken writes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from platform_api.sandbox.app import make_app
from platform_api.sandbox.applications import (
    ITEMS,
    Application,
    parse_application,
    parse_withdrawal,
)
from platform_api.sandbox.consents import Consent, Consents, Standing
from platform_api.sandbox.dates import consent_period
from platform_api.sandbox.jlis_settings import JlisSettings
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.withdrawals import Withdrawals
from revocation.clock import FixedClock
from tests.sandbox.consenting import application, signed, withdrawal
from tests.sandbox.test_consents import CREATED, START, holders, poll, post
from tests.sandbox.worlds import NOW, copied_world, open_world

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DELAYS = st.sampled_from((0, 1, 3600, 86_400, 10 * 86_400))
PEOPLE = st.integers(1, 3)
SERVICES = st.sampled_from(("bank", "loans"))


class ConsentMachine(RuleBasedStateMachine):
    """People consent and withdraw in any order while J-LIS's delays change and an institution polls."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.settings = JlisSettings()
        self.records: list[dict[str, Any]] = []
        self.consents = Consents()
        self.withdrawals = Withdrawals(self.consents)
        #: consent_ref → (reflected_at, items), and the moment of its withdrawal.
        self.given: dict[str, Consent] = {}
        self.ended: dict[str, datetime] = {}
        self.told: list[str] = []
        self.cursor: str | None = None

    @rule(delay=DELAYS, other=DELAYS, counts_from=st.sampled_from(("received", "reflected")))
    def j_lis_changes(self, delay: int, other: int, counts_from: Any) -> None:
        self.settings = JlisSettings(delay, other, counts_from)

    @rule(seconds=st.sampled_from((1, 3599, 86_400, 11 * 86_400, 3660 * 86_400)))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(person=PEOPLE, service=SERVICES, items=st.sets(st.sampled_from(ITEMS), min_size=1))
    def consents_to(self, person: int, service: str, items: set[str]) -> None:
        octets = f"{len(self.records)}".encode()
        wanted = Application("bank", service, tuple(sorted(items)), "1", f"a-{len(self.records)}", self.now)
        assert self.consents.already(person, wanted, octets) is None
        self.records.append(self.consents.record_of(person, wanted, octets, self.now, self.settings))
        consent = self.consents.enter(self.records[-1])
        assert self.consents.already(person, wanted, octets) is consent
        assert consent.consent_ref not in self.given
        self.given[consent.consent_ref] = consent

    @rule(person=PEOPLE, service=SERVICES)
    def withdraws(self, person: int, service: str) -> None:
        standing = [
            ref
            for ref, consent in self.given.items()
            if (consent.resident, consent.service_code) == (person, service) and ref not in self.ended
        ]
        found = self.withdrawals.standing(person, service)
        assert [one.consent_ref for one in found] == standing
        if standing:
            self.records.append(self.withdrawals.record_of(person, service, self.now, self.settings))
            at = self.withdrawals.enter(self.records[-1]).reflected_at
            self.ended |= dict.fromkeys(standing, at)

    @rule(limit=st.integers(1, 3))
    def polls(self, limit: int) -> None:
        page = self.withdrawals.page("bank", self.cursor, limit, self.now)
        self.told += [row["consent_ref"] for row in page["withdrawals"]]
        self.cursor = page["cursor"]
        reflected = [ref for ref, at in self.ended.items() if at <= self.now]
        assert set(self.told) <= set(reflected)
        assert len(self.told) == len(set(self.told))
        assert page["more"] == (len(self.told) < len(reflected))
        assert [self.ended[ref] for ref in self.told] == sorted(self.ended[ref] for ref in self.told)

    @precondition(lambda self: self.records)
    @rule()
    def restarts(self) -> None:
        """The journal alone gives the same books: cursors stay good."""
        self.consents = Consents()
        self.withdrawals = Withdrawals(self.consents)
        for record in self.records:
            (self.consents if record["kind"] == "consent" else self.withdrawals).enter(record)
        self.given = {ref: self.consents.known(ref) for ref in self.given}

    @invariant()
    def each_stands_where_it_must(self) -> None:
        for person in (1, 2, 3):
            for service in ("bank", "loans"):
                deciding = self.consents.deciding(person, service, self.now)
                theirs = [c for c in self.given.values() if (c.resident, c.service_code) == (person, service)]
                assert (deciding is None) is (not theirs)
                effective = [one for one in theirs if self._standing(one) is Standing.EFFECTIVE]
                assert deciding is (effective or theirs or [None])[-1]
        for ref, consent in self.given.items():
            assert consent.standing(self.now) is self._standing(consent)
            answer = consent.answer(self.now)
            assert (answer["reflected_at"] is None) is (self.now < consent.reflected_at)
            withdrawn = ref in self.ended and self.ended[ref] <= self.now
            assert (answer["withdrawn_at"] is not None) is withdrawn

    def _standing(self, consent: Consent) -> Standing:
        record = next(r for r in self.records if r.get("consent_ref") == consent.consent_ref)
        counted = consent.received_at if record["counts_from"] == "received" else consent.reflected_at
        first, last = consent_period(counted)
        if consent.consent_ref in self.ended and self.ended[consent.consent_ref] <= self.now:
            return Standing.WITHDRAWN
        if self.now < consent.reflected_at:
            return Standing.NOT_REFLECTED
        if self.now < first:
            return Standing.NOT_YET_EFFECTIVE
        return Standing.EFFECTIVE if self.now <= last else Standing.EXPIRED


TestConsentMachine = ConsentMachine.TestCase
TestConsentMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

GOOD = (application(created_at=CREATED), withdrawal(created_at=CREATED))


@settings(max_examples=300, deadline=None)
@given(
    octets=st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda good, at, size, put: good[:at] + put + good[at + size :],
            st.sampled_from(GOOD),
            st.integers(0, len(GOOD[0])),
            st.integers(0, 12),
            st.binary(max_size=12),
        ),
    )
)
def test_a_parser_reads_or_refuses(octets: bytes) -> None:
    """Whatever the octets: an application whose every text stands in them, or a refusal with a code."""
    for parse in (parse_application, parse_withdrawal):
        status = None
        try:
            found = parse(octets)
        except RequestRefused as refusal:
            status = refusal.status
        if status is not None:
            assert status == 422
            continue
        assert octets.decode("utf-8", "replace").count(found.application_id) >= 1 or b"&" in octets
        assert found.service_code.strip()


@pytest.mark.parametrize("persisted", [False, True])
async def test_a_write_that_fails_is_not_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, persisted: bool
) -> None:
    """A consent, then a withdrawal, whose journal line fails: not written, or written though an error was
    reported. Nobody is told a lie, and after a restart the same request again has the same end."""
    world = await asyncio.to_thread(copied_world, tmp_path, START)
    number = holders(world)[0]
    consent_body = signed(world, number, application(created_at=CREATED))
    withdrawal_body = {
        **signed(world, number, withdrawal(created_at=CREATED)),
        "consent_ref": "c-00000001",
    }
    for path, body in (("consents", consent_body), ("consents:withdraw", withdrawal_body)):
        with monkeypatch.context() as broken:
            _break(broken, world, persisted=persisted)
            async with TestClient(TestServer(make_app(world))) as client:
                assert (await post(client, f"/jlis/v1/{path}", body))[0] == 500
                assert len(world.consents.of(number)) == (path != "consents")
                assert (await poll(client))["withdrawals"] == []
        world.close()
        world = await asyncio.to_thread(open_world, tmp_path, clock=FixedClock(NOW))
        written = bool(world.consents.of(number)) if path == "consents" else _withdrawn(world, number)
        assert written is persisted
        async with TestClient(TestServer(make_app(world))) as client:
            status, answer = await post(client, f"/jlis/v1/{path}", body)
            assert (status, answer["consent_ref"]) == (201 if path == "consents" else 200, "c-00000001")
            assert (await post(client, f"/jlis/v1/{path}", body))[1] == answer
    assert len(world.consents.of(number)) == 1
    assert _withdrawn(world, number)


def _withdrawn(world: Any, number: int) -> bool:
    return world.consents.of(number)[0].withdrawn_from is not None


def _break(monkeypatch: pytest.MonkeyPatch, world: Any, *, persisted: bool) -> None:
    """The next line fails: before it is written, or in the fsync behind it."""
    if persisted:

        def fails(_: int) -> None:
            raise OSError("the disk said no")

        monkeypatch.setattr("platform_api.sandbox.journal.os.fsync", fails)
        return
    journal = world._journal
    written = journal._file

    class Full:
        closed = False

        def write(self, _: bytes) -> int:
            raise OSError("no space")

        def close(self) -> None:
            written.close()
            self.closed = True

    journal._file = Full()
