"""Time passes, steps back, steps ahead: what is said of the same sets at each moment, as JSON and as OCSP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from platform_api.health import lists_readiness
from revocation.answers import AfterNextUpdate
from revocation.authorities import Authorities
from revocation.clock import FixedClock, jst_day
from revocation.coverage import CLOCK_TOLERANCE
from revocation.metrics import set_freshness
from revocation.ocsp.responder import Responder, ResponderPolicy, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from revocation.snapshot.current import Snapshot
from revocation.status import CertificateStatus, Status, UnknownReason, certificate_status
from tests import pki
from tests.revocation.ocsp_world import cert_id, request, responder_certificate
from tests.revocation.removing import Removing
from tests.revocation.sets import DAY, T0, accepted, every_list, identity, scope, store, world

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
REVOKED, HELD, TODAY, UNLISTED = 1, 2, 3, 9
END = T0 + DAY


class Service:
    """Both faces and the readiness of one CA with two keys and two partitions, by one clock."""

    def __init__(self, folder: Path, *, strict: bool = False) -> None:
        self.authorities, self.authority = world()
        self.clock = FixedClock(T0 + HOUR)
        self.writer = store(folder)
        self.snapshot: Snapshot = self.publish(0, {REVOKED: 3, HELD: 6})
        key = pki.key("p256", 60)
        signer = LocallyTrustedSigner(responder_certificate(key, None, start=T0 - 5 * DAY), key)
        self.responder = Responder(
            self.authorities,
            {TrustMode.LOCAL: signer},
            self.clock,
            policy=ResponderPolicy(AfterNextUpdate.UNAUTHORIZED if strict else AfterNextUpdate.TRY_LATER),
        )

    def publish(self, day: int, listing: dict[int, int]) -> Snapshot:
        """Every list of a day lives one day."""
        lists = every_list(self.authority, day, lives=DAY)
        first = accepted(listing, number=day + 1, this_update=T0 + day * DAY, lives=DAY)
        lists[scope(self.authority, 1)] = first
        return self.writer.publish(lists, self.authorities, now=T0 + day * DAY + HOUR)

    def ask(self, serial: int, *, partition: int | None = None) -> CertificateStatus:
        return certificate_status(
            identity(self.authority, serial),
            authorities=self.authorities,
            snapshot=self.snapshot,
            now=self.clock.now(),
            partition=partition,
        )

    def json(self, serial: int) -> tuple[str, str | None, str | None]:
        found = self.ask(serial)
        return found.status.value, found.unknown_reason, found.last_known

    def ocsp(self, serial: int) -> str:
        answer = self.responder.respond(request(cert_id(serial)), self.snapshot)
        if answer.response_status != "successful":
            assert not answer.cacheable
            return answer.response_status
        assert answer.this_update is not None
        assert answer.next_update is not None
        # Nobody may keep it beyond the list, and it is not older than the list.
        assert (answer.this_update, answer.next_update) == (T0, END)
        assert self.clock.now() < answer.next_update
        return ocsp.load_der_ocsp_response(answer.der).certificate_status.name.lower()

    def ready(self) -> tuple[list[str], list[str]]:
        whole = set_freshness(self.snapshot, self.authorities, self.clock.now())
        reasons, warnings = lists_readiness(whole)
        return list(reasons), list(warnings)


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


GOOD = ("GOOD", None, None)


@pytest.mark.parametrize("strict", [False, True])
def test_t05_next_update_passes_second_by_second(tmp_path: Path, strict: bool) -> None:
    """Until the last second good, revoked, on hold, by both faces. From nextUpdate on: OCSP unsigned for all
    serials, JSON still REVOKED, the rest UNKNOWN/STALE with what was last known, readiness false."""
    service = Service(tmp_path, strict=strict)
    unsigned = "unauthorized" if strict else "try_later"
    for step in range(-3, 4):
        service.clock.set(END + step * SECOND)
        if step < 0:
            assert service.json(UNLISTED) == GOOD
            assert service.json(REVOKED) == ("REVOKED", None, None)
            assert service.json(HELD) == ("ON_HOLD", None, None)
            assert [service.ocsp(s) for s in (UNLISTED, REVOKED, HELD)] == ["good", "revoked", "revoked"]
            assert service.ready() == ([], ["LISTS_STALE_SOON"])
        else:
            assert service.json(UNLISTED) == ("UNKNOWN", "STALE", "GOOD")
            assert service.json(REVOKED) == ("REVOKED", None, None)
            assert service.json(HELD) == ("UNKNOWN", "STALE", "ON_HOLD")
            assert [service.ocsp(s) for s in (UNLISTED, REVOKED, HELD)] == [unsigned] * 3
            assert service.ready() == (["LISTS_EXPIRED"], [])


def test_t05_the_alarm_comes_at_75_percent(service: Service) -> None:
    """While every answer is still as good: from 18 of 24 hours on a warning, not a second earlier."""
    for at, warnings in (
        (T0 + 0.75 * DAY - SECOND, []),
        (T0 + 0.75 * DAY, ["LISTS_STALE_SOON"]),
        (T0 + 0.75 * DAY + SECOND, ["LISTS_STALE_SOON"]),
    ):
        service.clock.set(at)
        assert service.ready() == ([], warnings)
        assert service.json(UNLISTED) == GOOD


@pytest.mark.parametrize("back", [HOUR, DAY])
def test_t28_the_clock_steps_back_and_forth(service: Service, back: timedelta) -> None:
    """Each answer is that of its moment, however the clock came there; no age is below 0; nothing expires but
    by the clock: after a day ahead and back the list is in force again, as it really is."""
    moments = [T0 + 12 * HOUR, T0 + 12 * HOUR - back, T0 + 12 * HOUR, T0 + 12 * HOUR + back, T0 + 12 * HOUR]
    for at in moments:
        service.clock.set(at)
        in_force = T0 - CLOCK_TOLERANCE <= at < END
        assert service.json(UNLISTED) == (GOOD if in_force else ("UNKNOWN", "STALE", "GOOD"))
        assert service.json(REVOKED) == ("REVOKED", None, None)
        assert service.ocsp(UNLISTED) == ("good" if in_force else "try_later")
        evidence = service.ask(UNLISTED).evidence
        assert evidence is not None
        assert evidence.age_s == max(0, (at - T0).total_seconds())
        (fresh,) = set_freshness(service.snapshot, service.authorities, at).authorities
        assert fresh.age_s == evidence.age_s


def test_t28_a_small_step_back_right_after_the_list(service: Service) -> None:
    """Up to five minutes before thisUpdate the list is in force with an age of 0, which satisfies any
    max_age_s; a second more and nothing is said by it."""
    service.clock.set(T0 - CLOCK_TOLERANCE)
    found = service.ask(UNLISTED)
    assert found.status is Status.GOOD
    assert found.evidence is not None
    assert found.evidence.age_s == 0
    assert service.ocsp(UNLISTED) == "good"
    service.clock.advance(-SECOND)
    assert service.json(UNLISTED) == ("UNKNOWN", "STALE", "GOOD")
    assert service.ocsp(UNLISTED) == service.ocsp(REVOKED) == "try_later"
    assert service.ready() == (["LISTS_EXPIRED"], [])


def test_item_76_a_clock_that_steps_back_resurrects_no_list(service: Service) -> None:
    """Day 1 is published, the clock falls back into day 0: today's list is of a time to come and says
    nothing, and yesterday's, by which today's revoked was good, does not answer in its place."""
    service.snapshot = service.publish(1, {REVOKED: 3, HELD: 6, TODAY: 1})
    service.clock.set(T0 + 12 * HOUR)
    assert service.json(UNLISTED) == ("UNKNOWN", "STALE", "GOOD")
    assert service.json(TODAY) == ("REVOKED", None, None)
    assert service.ocsp(UNLISTED) == service.ocsp(TODAY) == "try_later"
    current = service.writer.current()
    assert current is not None
    assert current.seq == 2
    for serial in (UNLISTED, TODAY):
        for partition in (1, 2):
            assert service.ask(serial, partition=partition).status is not Status.GOOD


def test_item_76_a_clock_ahead_says_less_never_more(service: Service) -> None:
    """A year ahead: nothing but REVOKED; back again: as before."""
    service.clock.set(T0 + 365 * DAY)
    assert service.json(UNLISTED) == ("UNKNOWN", "STALE", "GOOD")
    assert service.json(REVOKED) == ("REVOKED", None, None)
    assert service.ocsp(REVOKED) == "try_later"
    service.clock.set(T0 + HOUR)
    assert service.json(UNLISTED) == GOOD


@pytest.mark.parametrize(
    "lives",
    [None, timedelta(0), -DAY, HOUR],
    ids=["no-nextUpdate", "ends-as-it-begins", "ends-before-it-begins", "over"],
)
def test_item_52_a_list_past_its_end_never_says_good(tmp_path: Path, lives: timedelta | None) -> None:
    """Acceptance refuses these; if one stood in a set all the same, unlisted are UNKNOWN/STALE and OCSP
    says tryLater; what it lists is REVOKED."""
    service = Service(tmp_path)
    lists = every_list(service.authority, 5, this_update=T0 + HOUR, lives=lives)
    listing = accepted({REVOKED: 3}, number=9, this_update=T0 + HOUR, lives=lives)
    lists[scope(service.authority, 1)] = listing
    service.snapshot = service.writer.publish(lists, service.authorities, now=T0 + HOUR)
    for at in (T0, T0 + HOUR, T0 + 2 * HOUR, T0 + 3 * HOUR):
        if lives == HOUR and at < T0 + 2 * HOUR:
            continue  # before its end
        service.clock.set(at)
        for partition in (None, 1, 2):
            found = service.ask(UNLISTED, partition=partition)
            assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.STALE)
        assert service.json(REVOKED) == ("REVOKED", None, None)
        assert service.ocsp(UNLISTED) == service.ocsp(REVOKED) == "try_later"


@pytest.mark.parametrize("left", range(5))
def test_item_77_a_ca_removed_while_a_request_is_answered(service: Service, left: int) -> None:
    """Wherever in the request it goes: a whole answer of before, or unauthorized and ISSUER_UNKNOWN; never an
    exception, never a good without its CA."""
    key = pki.key("p256", 60)
    signer = LocallyTrustedSigner(responder_certificate(key, None, start=T0 - 5 * DAY), key)
    removing = Removing(service.authorities, 99)
    responder = Responder(removing, {TrustMode.LOCAL: signer}, service.clock)
    for serial, word in ((UNLISTED, "GOOD"), (REVOKED, "REVOKED")):
        removing.left = left
        answer = responder.respond(request(cert_id(serial)), service.snapshot)
        if answer.response_status == "successful":
            said = ocsp.load_der_ocsp_response(answer.der).certificate_status.name
            assert (said, removing.left >= 0) == (word, True)
        else:
            assert (answer.response_status, removing.left < 0) == ("unauthorized", True)
        removing.left = left
        found = certificate_status(
            identity(service.authority, serial),
            authorities=removing,
            snapshot=service.snapshot,
            now=service.clock.now(),
        )
        assert found.unknown_reason == (UnknownReason.ISSUER_UNKNOWN if left == 0 else None)


def test_item_77_a_key_that_is_removed_is_unknown(service: Service) -> None:
    """The other generation goes on; even what was listed is unknown under a key that is not ours any more."""
    only_second = Authorities([replace(service.authority, generations=service.authority.generations[1:])])
    for serial in (UNLISTED, REVOKED):
        found = certificate_status(
            identity(service.authority, serial),
            authorities=only_second,
            snapshot=service.snapshot,
            now=service.clock.now(),
        )
        assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.ISSUER_UNKNOWN)
    second = certificate_status(
        identity(service.authority, UNLISTED, 1),
        authorities=only_second,
        snapshot=service.snapshot,
        now=service.clock.now(),
    )
    assert second.status is Status.GOOD


def test_item_77_an_expired_ca_certificate_takes_back_nothing(service: Service) -> None:
    """A trust anchor counts by its key (RFC 5280 section 6.1.1 (d)): its last lists hold until nextUpdate,
    none is expected after, and then unlisted certificates are STALE, never GOOD."""
    key = service.authority.generations[0]
    assert key.certificate.not_valid_after_utc < T0 + 4000 * DAY
    after = jst_day(key.certificate.not_valid_after_utc) + DAY
    aged = service.authorities.on(after)
    assert len(aged.expected_lists()) < len(service.authorities.expected_lists())

    def ask(serial: int, at: datetime) -> Status:
        return certificate_status(
            identity(service.authority, serial), authorities=aged, snapshot=service.snapshot, now=at
        ).status

    assert [ask(s, T0 + HOUR) for s in (UNLISTED, REVOKED)] == [Status.GOOD, Status.REVOKED]
    assert [ask(s, END) for s in (UNLISTED, REVOKED)] == [Status.UNKNOWN, Status.REVOKED]
