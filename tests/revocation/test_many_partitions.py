"""The bar of the design: of 1,900 partitions one is expired, or was never taken in.

No bare serial of that CA is GOOD then; whoever is known to belong to another partition is not affected; what
is listed anywhere is REVOKED. By the same tests: 60 signed lists through whole cycles, 1,900 lists through a
real publish, and (slow) 1,900 signed lists through whole cycles.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from platform_api.health import lists_readiness
from revocation.answers import AfterNextUpdate
from revocation.authorities import Authorities, Authority
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.ingest import Outcome, ingest_cycle
from revocation.metrics import Freshness, set_freshness
from revocation.ocsp.responder import Responder, ResponderPolicy, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from revocation.snapshot.current import Snapshot
from revocation.status import CertificateStatus, Status, UnknownReason, certificate_status
from tests import pki
from tests.revocation.ocsp_world import cert_id, request, responder_certificate
from tests.revocation.sets import DAY, T0, accepted, ca, identity, store

SECOND = timedelta(seconds=1)
#: The list of this partition comes late, and lives one day; every other one lives two.
ODD = 37
OTHER = 11
UNLISTED = 9
NOW = T0 + timedelta(hours=2)
OVER = T0 + DAY


def listed_in(partition: int) -> int:
    return 10_000 + partition


def life(partition: int) -> timedelta:
    return DAY if partition == ODD else 2 * DAY


@dataclass(frozen=True)
class Many:
    """A CA of one key, its first set without one list, and the next one with it."""

    authorities: Authorities
    authority: Authority
    lacking: Snapshot
    whole: Snapshot

    def ask(
        self, serial: int, *, at: datetime = NOW, partition: int | None = None, lacking: bool = False
    ) -> CertificateStatus:
        return certificate_status(
            identity(self.authority, serial),
            authorities=self.authorities,
            snapshot=self.lacking if lacking else self.whole,
            now=at,
            partition=partition,
        )

    def said(
        self, serial: int, *, at: datetime = NOW, partition: int | None = None, lacking: bool = False
    ) -> tuple[str, str | None]:
        found = self.ask(serial, at=at, partition=partition, lacking=lacking)
        return found.status.value, found.unknown_reason

    def ocsp(self, serial: int, *, at: datetime = NOW, lacking: bool = False, strict: bool = False) -> str:
        key = pki.key("p256", 60)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signer = LocallyTrustedSigner(responder_certificate(key, None, start=T0 - DAY, life=90 * DAY), key)
        responder = Responder(
            self.authorities,
            {TrustMode.LOCAL: signer},
            FixedClock(at),
            policy=ResponderPolicy(AfterNextUpdate.UNAUTHORIZED if strict else AfterNextUpdate.TRY_LATER),
        )
        answer = responder.respond(request(cert_id(serial)), self.lacking if lacking else self.whole)
        if answer.response_status != "successful":
            return answer.response_status
        return ocsp.load_der_ocsp_response(answer.der).certificate_status.name.lower()


def one_key() -> pki.CA:
    return pki.CA(ca().dn, ca().generations[:1], ca().kind)


def by_cycles(folder: Path, partitions: int) -> Many:
    """Signed lists in a folder, two whole cycles; the odd list appears between them."""
    issuer = one_key()
    authority = issuer.authority(partitions=partitions)
    files = {}
    for scope in authority.expected_lists():
        number = scope.partition_number
        files[scope] = folder / f"{number}.crl"
        entries = [pki.entry(listed_in(number), reason=3)]
        der = pki.crl_for(issuer, scope, entries, this_update=T0, next_update=T0 + life(number))
        files[scope].write_bytes(der)
    writer, archive = store(folder / "sets"), ListArchive(folder / "archive")
    authorities = Authorities([authority])

    def cycle(at: datetime) -> Snapshot:
        report = asyncio.run(
            ingest_cycle(authorities, FolderSource(files), writer, FixedClock(at), archive=archive)
        )
        complete = (folder / f"{ODD}.crl").exists()
        assert report.outcome is (Outcome.PUBLISHED if complete else Outcome.PARTIAL)
        assert (report.lists_expected, report.lists_absent) == (partitions, 0 if complete else 1)
        snapshot = writer.current()
        assert snapshot is not None
        return snapshot

    odd = folder / f"{ODD}.crl"
    odd.rename(folder / "late")
    lacking = cycle(T0 + timedelta(hours=1))
    (folder / "late").rename(odd)
    return Many(authorities, authority, lacking, cycle(T0 + timedelta(hours=1, minutes=30)))


def by_publish(folder: Path, partitions: int) -> Many:
    """The same two sets without signatures around the lists."""
    authority = one_key().authority(partitions=partitions)
    lists = {
        scope: accepted({listed_in(scope.partition_number): 3}, lives=life(scope.partition_number))
        for scope in authority.expected_lists()
    }
    late = {scope: lists.pop(scope) for scope in list(lists) if scope.partition_number == ODD}
    writer, authorities = store(folder / "sets"), Authorities([authority])
    lacking = writer.publish(lists, authorities, now=T0 + timedelta(hours=1))
    whole = writer.publish(late, authorities, now=T0 + timedelta(hours=1, minutes=30), confirmed=list(lists))
    return Many(authorities, authority, lacking, whole)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((by_cycles, 60), id="60-signed"),
        pytest.param((by_publish, 1900), id="1900-published"),
        pytest.param((by_cycles, 1900), id="1900-signed", marks=pytest.mark.slow),
    ],
)
def many(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Many:
    make, partitions = request.param
    made: Many = make(tmp_path_factory.mktemp("many"), partitions)
    return made


def test_with_every_list_in_force_bare_serials_are_good(many: Many) -> None:
    """Coverage ca: the oldest thisUpdate, the earliest nextUpdate (the odd list's), no number of one list."""
    for at in (NOW, OVER - SECOND):
        found = many.ask(UNLISTED, at=at)
        assert found.status is Status.GOOD
        assert found.evidence is not None
        assert (found.evidence.coverage, found.evidence.crl_number) == ("ca", None)
        assert (found.evidence.this_update, found.evidence.next_update) == (T0, T0 + DAY)
        assert many.ocsp(UNLISTED, at=at) == "good"
        assert many.ocsp(listed_in(ODD), at=at) == "revoked"


def test_one_expired_partition_takes_good_from_bare_serials(many: Many) -> None:
    """By serial alone UNKNOWN/PARTITION_STALE, last known GOOD; OCSP tryLater, or unauthorized if strict."""
    found = many.ask(UNLISTED, at=OVER)
    assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.PARTITION_STALE)
    assert found.last_known is Status.GOOD
    assert many.ocsp(UNLISTED, at=OVER) == "try_later"
    assert many.ocsp(UNLISTED, at=OVER, strict=True) == "unauthorized"


def test_other_partitions_are_not_affected(many: Many) -> None:
    """Each partition that is known (a registration, a presented certificate) but the expired one is GOOD."""
    numbers = [partition.number for partition in many.authority.partitions]
    good = {n for n in numbers if many.said(UNLISTED, at=OVER, partition=n) == ("GOOD", None)}
    assert good == set(numbers) - {ODD}
    found = many.ask(UNLISTED, at=OVER, partition=ODD)
    assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.STALE)
    assert found.last_known is Status.GOOD
    evidence = many.ask(UNLISTED, at=OVER, partition=OTHER).evidence
    assert evidence is not None
    assert (evidence.coverage, evidence.next_update) == ("partition", T0 + 2 * DAY)


@pytest.mark.parametrize("at", [NOW, OVER, T0 + 30 * DAY], ids=["in-force", "one-over", "all-over"])
def test_whatever_is_listed_is_revoked(many: Many, at: datetime) -> None:
    """In the expired list or elsewhere, by serial or under any partition; OCSP signs it while that list is
    in force, and nothing after."""
    for number in (ODD, OTHER):
        for partition in (None, number, OTHER, ODD):
            assert many.said(listed_in(number), at=at, partition=partition) == ("REVOKED", None)
        in_force = at < T0 + life(number)
        assert many.ocsp(listed_in(number), at=at) == ("revoked" if in_force else "try_later")
        assert many.ocsp(listed_in(number), at=at, strict=True) == ("revoked" if in_force else "unauthorized")


def test_one_absent_partition_takes_good_from_bare_serials(many: Many) -> None:
    """Published at the deadline without one list: NO_CRL for bare serials and for that partition; the others
    are GOOD, what they list is REVOKED; the late list's set makes all GOOD again."""
    assert many.lacking.partial
    assert many.said(UNLISTED, lacking=True) == ("UNKNOWN", "NO_CRL")
    assert many.ocsp(UNLISTED, lacking=True) == "try_later"
    assert many.ocsp(UNLISTED, lacking=True, strict=True) == "unauthorized"
    assert many.said(UNLISTED, partition=ODD, lacking=True) == ("UNKNOWN", "NO_CRL")
    assert many.said(UNLISTED, partition=OTHER, lacking=True) == ("GOOD", None)
    assert many.said(listed_in(OTHER), lacking=True) == ("REVOKED", None)
    assert many.ocsp(listed_in(OTHER), lacking=True) == "revoked"
    # What the absent list will name is not known yet, and for that very reason not good.
    assert many.said(listed_in(ODD), lacking=True) == ("UNKNOWN", "NO_CRL")
    assert not many.whole.partial
    assert many.said(UNLISTED) == ("GOOD", None)


def test_once_all_are_over_everything_is_stale(many: Many) -> None:
    """STALE, no longer PARTITION_STALE: no partition would help."""
    assert many.said(UNLISTED, at=T0 + 2 * DAY - SECOND) == ("UNKNOWN", "PARTITION_STALE")
    assert many.said(UNLISTED, at=T0 + 2 * DAY) == ("UNKNOWN", "STALE")
    assert many.said(UNLISTED, at=T0 + 2 * DAY, partition=OTHER) == ("UNKNOWN", "STALE")


def test_readiness_warns_of_one_and_stops_at_all(many: Many) -> None:
    """One list over: counted, warned of, the service stays ready for the others; all over: not ready."""

    def ready(at: datetime, snapshot: Snapshot) -> tuple[list[str], list[str]]:
        reasons, warnings = lists_readiness(set_freshness(snapshot, many.authorities, at))
        return list(reasons), list(warnings)

    (fresh,) = set_freshness(many.whole, many.authorities, OVER).authorities
    count = len(many.authority.partitions)
    assert fresh.lists == {"FRESH": count - 1, "STALE_SOON": 0, "EXPIRED": 1, "ABSENT": 0}
    assert (fresh.freshness, fresh.entries) == (Freshness.EXPIRED, count)
    assert ready(NOW, many.whole) == ([], [])
    assert ready(T0 + 0.75 * DAY, many.whole) == ([], ["LISTS_STALE_SOON"])
    assert ready(OVER, many.whole) == ([], ["LISTS_EXPIRED"])
    assert ready(NOW, many.lacking) == ([], ["LISTS_ABSENT"])
    assert ready(T0 + 2 * DAY, many.whole) == (["LISTS_EXPIRED"], [])
