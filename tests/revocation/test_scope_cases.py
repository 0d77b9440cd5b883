"""Lists that do not speak for everybody, and two keys of one name: who is unknown by that, who is not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from revocation.authorities import Authorities
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.ingest import ingest_cycle
from revocation.ocsp.responder import TrustMode
from revocation.status import Status, UnknownReason, certificate_status
from tests import pki
from tests.revocation.ocsp_world import GOOD, HELD, REVOKED, World, cert_id, make_world, parsed, request
from tests.revocation.sets import T0, ca, identity, store

LISTED, UNLISTED = 5, 9
#: RFC 5280 section 5.2.5: what the issuingDistributionPoint says beside the point.
LIMITS = {
    "onlyContainsCACerts": b"\x82\x01\xff",
    "onlySomeReasons": b"\x83\x02\x06\x40",
    "indirectCRL": b"\x84\x01\xff",
    "onlyContainsAttributeCerts": b"\x85\x01\xff",
}


@pytest.mark.parametrize("limit", list(LIMITS))
def test_item_58_unlisted_in_the_partition_of_a_limited_list_are_unknown(tmp_path: Path, limit: str) -> None:
    """Partition 2's list is limited in what it speaks for: refused, and whoever belongs there is UNKNOWN, as
    are bare serials; partition 1 answers as ever, and what it lists is REVOKED."""
    authority = ca().authority()
    authorities = Authorities([authority])
    files = {}
    for scope in authority.expected_lists():
        number = scope.partition_number
        files[scope] = tmp_path / f"{scope.signing_key[:8]}-{number}.crl"
        forged = {}
        if number == 2:
            forged["idp"] = pki.issuing_distribution_point(pki.point(2), LIMITS[limit])
        files[scope].write_bytes(pki.crl_for(ca(), scope, [pki.entry(LISTED, reason=3)], **forged))
    now = T0 + timedelta(hours=1)
    writer, archive = store(tmp_path / "sets"), ListArchive(tmp_path / "archive")
    report = asyncio.run(
        ingest_cycle(authorities, FolderSource(files), writer, FixedClock(now), archive=archive)
    )
    assert (report.lists_accepted, report.lists_absent, len(report.refusals)) == (2, 2, 2)
    snapshot = writer.current()

    def ask(serial: int, partition: int | None) -> tuple[Status, UnknownReason | None]:
        found = certificate_status(
            identity(authority, serial),
            authorities=authorities,
            snapshot=snapshot,
            now=now,
            partition=partition,
        )
        return found.status, found.unknown_reason

    for partition in (None, 2):
        assert ask(UNLISTED, partition) == (Status.UNKNOWN, UnknownReason.NO_CRL)
    assert ask(UNLISTED, 1) == (Status.GOOD, None)
    assert ask(LISTED, 1) == (Status.REVOKED, None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("sets"))


@pytest.mark.parametrize("mode", list(TrustMode))
@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_t10_two_keys_of_one_name_are_both_served(made: World, mode: TrustMode, hash_name: str) -> None:
    """The DN is the same, so the name hash is: the key hash alone says which key's lists answer."""

    def said(serial: int, generation: int) -> str:
        asked = cert_id(serial, hash_name=hash_name, generation=generation)
        return parsed(made.ask(request(asked), mode)).certificate_status.name

    assert [said(serial, 0) for serial in (GOOD, REVOKED, HELD)] == ["GOOD", "REVOKED", "REVOKED"]
    # The second key's lists name nobody.
    assert [said(serial, 1) for serial in (GOOD, REVOKED, HELD)] == ["GOOD", "GOOD", "GOOD"]


@pytest.mark.parametrize("mode", list(TrustMode))
def test_t10_a_third_key_of_that_name_is_unauthorized(made: World, mode: TrustMode) -> None:
    """Right name hash, a key hash that is none of ours, or one digit off: unsigned, never another key's
    answer."""
    known = ca().generations[0].key_id
    asked = request(cert_id(REVOKED))
    assert known in asked
    for foreign in (bytes(32), known[:-1] + bytes([known[-1] ^ 1]), pki.key_hash(pki.key("p256", 77))):
        answer = made.ask(asked.replace(known, foreign), mode)
        assert (answer.response_status, answer.status, answer.cacheable) == ("unauthorized", None, False)
    exchanged = asked.replace(known, ca().generations[1].key_id)
    assert parsed(made.ask(exchanged, mode)).certificate_status.name == "GOOD"
