"""What a certificate's status is by the lists that were given, whatever form they have."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from revocation.errors import InputRefused
from tests import pki
from tests.checker.material import ATTRIBUTE, CA, INDIRECT, USER, about, full, named, some_reasons
from tests.pki import entry, seq
from tests.responder.running import GOOD, HELD, NOW, REVOKED, THIS_UPDATE, crl, pem
from tests.responder.worlds import DAY, given, made, of_key, without_list, word
from tests.revocation.ocsp_world import responder_certificate

HOUR = timedelta(hours=1)
UNDETERMINED = "PARTITION_UNDETERMINED"
ONE, OTHER = full(named("one")), full(named("other"))
COMPROMISE, REST = some_reasons(1, 2), some_reasons(3, 4, 5, 6, 7, 8)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    return pki.make_ca(generations=2, kind="p256", first_key=400)


def test_a_whole_list_says_everything(tmp_path: Path, ca: pki.CA) -> None:
    """Listed, on hold, not listed; and of the key without a list nothing."""
    world = made(given(tmp_path, [ca], {"ca.crl": crl(ca)}))
    assert [word(world, ca, serial) for serial in (REVOKED, HELD, GOOD)] == ["REVOKED", "ON_HOLD", "GOOD"]
    assert word(world, ca, GOOD, generation=0) == "NO_CRL"
    assert [(one.lists, one.entries, one.whole) for one in world.cas] == [(0, 0, False), (1, 2, True)]


def test_each_key_has_its_own_list(tmp_path: Path, ca: pki.CA) -> None:
    """Under one name two keys: what the list of one says is nothing about the other's certificates."""
    lists = {"new.crl": crl(ca), "old.crl": crl(ca, [entry(GOOD, THIS_UPDATE)], generation=0)}
    world = made(given(tmp_path, [ca], lists))
    assert (word(world, ca, REVOKED), word(world, ca, GOOD)) == ("REVOKED", "GOOD")
    assert word(world, ca, REVOKED, generation=0) == "GOOD"
    assert word(world, ca, GOOD, generation=0) == "REVOKED"


def test_the_newest_key_may_sign_for_all(tmp_path: Path, ca: pki.CA) -> None:
    """With the owner's word one list is for the certificates of both keys; without it of one."""
    for asserted, expected in ((True, "GOOD"), (False, "NO_CRL")):
        world = made(given(tmp_path, [ca], {"ca.crl": crl(ca)}, newest_signs_all=asserted))
        assert word(world, ca, GOOD) == "GOOD"
        assert word(world, ca, GOOD, generation=0) == expected
    world = made(given(tmp_path, [ca], {"ca.crl": crl(ca)}, newest_signs_all=True))
    assert word(world, ca, REVOKED, generation=0) == "REVOKED"


def test_keys_that_certify_each_other_are_one_ca(tmp_path: Path, ca: pki.CA) -> None:
    """After a key roll what the new key's list names is revoked, whichever key issued it; what it leaves out
    is not thereby good.
    """
    old, new = ca.generations
    linked = (
        x509.CertificateBuilder()
        .subject_name(new.certificate.subject)
        .issuer_name(old.certificate.subject)
        .public_key(new.private.public_key())
        .serial_number(99)
        .not_valid_before(new.certificate.not_valid_before_utc)
        .not_valid_after(old.certificate.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(old.private, hashes.SHA256())
    )
    lists = {"new.crl": crl(ca), "old.crl": crl(ca, [], generation=0)}
    wanted = given(tmp_path, [ca], lists)
    wanted.certificates[0].write_bytes(b"".join(map(pem, [*ca.certificates, linked])))
    world = made(wanted)
    assert len(world.authorities) == 2
    for generation in (0, 1):
        said = [word(world, ca, serial, generation=generation) for serial in (REVOKED, HELD, GOOD)]
        assert said == ["REVOKED", "ON_HOLD", "GOOD"]
    alone = made(without_list(wanted, "old.crl"))
    assert word(alone, ca, REVOKED, generation=0) == "REVOKED"
    assert word(alone, ca, GOOD, generation=0) == "NO_CRL"


#: Fields of issuingDistributionPoint of each list; whether the unlisted are good without, and with, the
#: owner's word that these are all lists.
SCOPES: dict[str, tuple[list[bytes | None], str, str]] = {
    "one point": ([seq(ONE)], UNDETERMINED, "GOOD"),
    "two points": ([seq(ONE), seq(OTHER)], UNDETERMINED, "GOOD"),
    "users only": ([seq(USER)], UNDETERMINED, "GOOD"),
    "CAs only": ([seq(CA)], UNDETERMINED, "GOOD"),
    "only users and only CAs": ([seq(USER, CA)], UNDETERMINED, UNDETERMINED),
    "users and CAs": ([seq(USER), seq(CA)], "GOOD", "GOOD"),
    "some reasons": ([seq(COMPROMISE)], UNDETERMINED, UNDETERMINED),
    "every reason": ([seq(COMPROMISE), seq(REST)], "GOOD", "GOOD"),
    "every reason of users": ([seq(USER, COMPROMISE), seq(USER, REST)], UNDETERMINED, "GOOD"),
    "every reason, of two points": ([seq(ONE, COMPROMISE), seq(OTHER, REST)], UNDETERMINED, UNDETERMINED),
    "indirect": ([seq(INDIRECT)], "GOOD", "GOOD"),
    "a point and everything": ([seq(ONE), None], "GOOD", "GOOD"),
}


@pytest.mark.parametrize("case", SCOPES)
def test_good_needs_lists_for_everything(tmp_path: Path, ca: pki.CA, case: str) -> None:
    """A CertID does not tell point or kind: unlisted is good only where no list can be missing.

    Listed in any of them is revoked all the same.
    """
    points, alone, asserted = SCOPES[case]
    lists = {
        f"{number}.crl": crl(ca, [entry(100 + number, THIS_UPDATE, reason=1)], idp=point)
        for number, point in enumerate(points)
    }
    for all_lists, expected in ((False, alone), (True, asserted)):
        world = made(given(tmp_path, [ca], lists, all_lists=all_lists))
        assert word(world, ca, GOOD) == expected
        assert {word(world, ca, 100 + number) for number in range(len(points))} == {"REVOKED"}


def test_every_needed_list_must_hold(tmp_path: Path, ca: pki.CA) -> None:
    """One of two points has lapsed: nobody unlisted is good, by whichever of them. Beside a list of
    everything a lapsed one is not missed; what it lists is not good.
    """
    lapsed = crl(ca, [entry(7, THIS_UPDATE)], idp=seq(ONE), next_update=NOW - timedelta(minutes=1))
    world = made(given(tmp_path, [ca], {"1.crl": lapsed, "2.crl": crl(ca)}))
    assert (word(world, ca, GOOD), word(world, ca, REVOKED)) == ("GOOD", "REVOKED")
    assert word(world, ca, 7) != "GOOD"
    both = {"1.crl": lapsed, "2.crl": crl(ca, idp=seq(OTHER)), "3.crl": crl(ca, idp=seq(full(named("x"))))}
    with pytest.raises(InputRefused, match="NEXT_UPDATE_PASSED"):
        made(given(tmp_path, [ca], both, all_lists=True))


def test_a_point_under_another_name_is_another(tmp_path: Path, ca: pki.CA) -> None:
    """Two lists of one point are one scope, of which the newer decides; so a release is a release."""
    older = crl(ca, idp=seq(ONE), number=2, this_update=THIS_UPDATE - HOUR)
    newer = crl(ca, [entry(REVOKED, THIS_UPDATE)], idp=seq(ONE))
    world = made(given(tmp_path, [ca], {"1.crl": older, "2.crl": newer}, all_lists=True))
    assert (word(world, ca, HELD), word(world, ca, REVOKED)) == ("GOOD", "REVOKED")


# --- Deltas (RFC 5280 section 5.2.4) ---


def delta(ca: pki.CA, listed: list[bytes], **forged: Any) -> bytes:
    return crl(ca, listed, **{"number": 4, "delta_base": 3, **forged})


def test_a_delta_brings_its_base_up_to_date(tmp_path: Path, ca: pki.CA) -> None:
    """New ones are revoked, a hold is released, what was revoked stays."""
    changes = [entry(7, THIS_UPDATE, reason=4), entry(HELD, THIS_UPDATE, reason=8)]
    wanted = given(tmp_path, [ca], {"ca.crl": crl(ca), "delta.crl": delta(ca, changes)})
    world = made(wanted)
    said = [word(world, ca, serial) for serial in (REVOKED, HELD, 7, GOOD)]
    assert said == ["REVOKED", "GOOD", "REVOKED", "GOOD"]
    assert world.cas[1].entries == 2


def test_a_delta_s_end_is_the_end(tmp_path: Path, ca: pki.CA) -> None:
    """After the delta's nextUpdate nobody is good until it is merged anew; then by its base alone, and what
    it had revoked stays, its hold is not known, its release is not believed.
    """
    changes = [
        entry(7, THIS_UPDATE, reason=4),
        entry(8, THIS_UPDATE, reason=6),
        entry(HELD, THIS_UPDATE, reason=8),
    ]
    ends = NOW + HOUR
    wanted = given(tmp_path, [ca], {"ca.crl": crl(ca), "delta.crl": delta(ca, changes, next_update=ends)})
    world = made(wanted)
    assert world.changes_at == ends
    assert [word(world, ca, serial) for serial in (GOOD, HELD, 8)] == ["GOOD", "GOOD", "ON_HOLD"]
    assert word(world, ca, GOOD, at=ends) == "STALE"
    later = made(wanted, ends, world)
    said = [word(later, ca, serial, at=ends) for serial in (GOOD, REVOKED, HELD, 7, 8)]
    assert said == ["GOOD", "REVOKED", "ON_HOLD", "REVOKED", "STALE"]


def test_a_delta_outlives_its_base(tmp_path: Path, ca: pki.CA) -> None:
    """A base that has lapsed goes on with a delta that holds (section 6.3.3 (a), (c))."""
    lists = {"ca.crl": crl(ca, next_update=NOW - timedelta(minutes=1)), "delta.crl": delta(ca, [])}
    world = made(given(tmp_path, [ca], lists))
    assert (word(world, ca, GOOD), word(world, ca, REVOKED)) == ("GOOD", "REVOKED")
    assert world.cas[1].next_update == NOW + DAY


def test_a_delta_whose_base_is_not_there_revokes(tmp_path: Path, ca: pki.CA) -> None:
    """Its releases are not believed, and what it revokes is never good."""
    changes = [entry(7, THIS_UPDATE, reason=4), entry(HELD, THIS_UPDATE, reason=8)]
    lists = {"ca.crl": crl(ca), "delta.crl": delta(ca, changes, number=9, delta_base=8)}
    world = made(given(tmp_path, [ca], lists))
    assert [word(world, ca, serial) for serial in (7, HELD, GOOD)] == ["REVOKED", "ON_HOLD", "GOOD"]


# --- Indirect lists (RFC 5280 section 5.3.3) ---


def test_an_entry_about_another_ca_s_certificate_is_not_this_one_s(tmp_path: Path, ca: pki.CA) -> None:
    """Its own entries count. Whether the other CA's certificate leaves its revocation to this list nobody can
    tell from a CertID: it is not good, and not said to be revoked.
    """
    other = pki.make_ca((("C", "JP"), ("CN", "another")), generations=1, kind="p256", first_key=410)
    listed = [entry(7, THIS_UPDATE), entry(8, THIS_UPDATE, extensions=[about(other.subject)])]
    lists = {"ca.crl": crl(ca, listed, idp=seq(INDIRECT)), "other.crl": crl(other)}
    world = made(given(tmp_path, [ca, other], lists))
    assert (word(world, ca, 7), word(world, ca, 8)) == ("REVOKED", "GOOD")
    assert (word(world, other, 7), word(world, other, 8)) == ("GOOD", "STALE")
    assert word(world, other, REVOKED) == "REVOKED"


# --- Refused (RFC 5280 sections named in each rule) ---

SHA1 = pki.ALGORITHMS["sha1WithRSAEncryption"]
REFUSED: dict[str, Callable[[pki.CA], dict[str, bytes]]] = {
    "DELTA_ALONE": lambda ca: {"d.crl": delta(ca, [])},
    "SCOPE_ATTRIBUTE_CERTIFICATES": lambda ca: {"a.crl": crl(ca, idp=seq(ATTRIBUTE))},
    "ALGORITHM_WEAK": lambda ca: {"a.crl": crl(ca, inner_algorithm=SHA1)},
    "ALGORITHM_MISMATCH": lambda ca: {"a.crl": crl(ca, outer_algorithm=SHA1)},
    "SIGNATURE_INVALID": lambda ca: {"a.crl": crl(ca, private=pki.key("p256", 1))},
    "ISSUER_UNKNOWN": lambda ca: {"a.crl": crl(ca, dn=named("nobody"))},
    "CRL_NUMBER_MISSING": lambda ca: {"a.crl": crl(ca, number=None)},
    "NEXT_UPDATE_MISSING": lambda ca: {"a.crl": crl(ca, next_update=None)},
    "NEXT_UPDATE_BEFORE_THIS_UPDATE": lambda ca: {"a.crl": crl(ca, next_update=THIS_UPDATE)},
    "NEXT_UPDATE_PASSED": lambda ca: {"a.crl": crl(ca, next_update=NOW)},
    "THIS_UPDATE_IN_FUTURE": lambda ca: {"a.crl": crl(ca, this_update=NOW + HOUR)},
    "UNKNOWN_CRITICAL_EXTENSION": lambda ca: {
        "a.crl": crl(ca, extra_extensions=[pki.extension("1.2.3.4", b"\x05\x00", critical=True)])
    },
    "LIST_IS_HTML": lambda _: {"a.crl": b"<html>"},
    "LIST_MISSING": lambda _: {},
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused_by_name(tmp_path: Path, ca: pki.CA, code: str) -> None:
    """Each rule by its code, with the name of the file."""
    lists = REFUSED[code](ca)
    with pytest.raises(InputRefused) as caught:
        made(given(tmp_path, [ca], lists))
    assert caught.value.code == code
    if code not in {"LIST_MISSING", "NEXT_UPDATE_PASSED"}:
        assert next(iter(lists)) in caught.value.got


def test_a_quirk_passes_when_it_is_tolerated(tmp_path: Path, ca: pki.CA) -> None:
    """A list without a number, by the owner's word."""
    lists = {"a.crl": crl(ca, number=None)}
    world = made(given(tmp_path, [ca], lists, tolerances=["missing_crl_number"]))
    assert word(world, ca, GOOD) == "GOOD"


def test_files_as_people_have_them(tmp_path: Path, ca: pki.CA) -> None:
    """PEM, DER, several lists in one file."""
    blocks = [
        b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(der) + b"-----END X509 CRL-----\n"
        for der in (crl(ca), crl(ca, [entry(GOOD, THIS_UPDATE)], generation=0))
    ]
    world = made(given(tmp_path, [ca], {"both.pem": b"Here they are.\n" + b"".join(blocks)}))
    assert (word(world, ca, REVOKED), word(world, ca, GOOD, generation=0)) == ("REVOKED", "REVOKED")


def test_somebody_must_be_able_to_sign(tmp_path: Path, ca: pki.CA) -> None:
    """Nobody; one who has not begun; and what may not sign at all."""
    wanted = given(tmp_path, [ca], {"ca.crl": crl(ca)})
    with pytest.raises(InputRefused, match="SIGNER_MISSING"):
        made(replace(wanted, signers=()))
    certificate, _ = wanted.signers[0]
    private = pki.key("p256", 399)
    certificate.write_bytes(pem(responder_certificate(private, None, start=NOW + HOUR)))
    with pytest.raises(InputRefused, match="SIGNER_NOT_VALID"):
        made(wanted)
    certificate.write_bytes(pem(pki.ca_certificate(private, (("CN", "x"),), NOW - DAY, ca=None)))
    with pytest.raises(InputRefused, match="digitalSignature"):
        made(wanted)


def test_the_next_signer_waits_for_its_day(tmp_path: Path, ca: pki.CA) -> None:
    """Two certificates for one key: the old one signs until the new one has begun, then the new one."""
    wanted = given(tmp_path, [ca], {"ca.crl": crl(ca)})
    private, days = pki.key("p256", 399), (NOW - DAY, NOW + 2 * DAY)
    found = []
    for number, start in enumerate(days):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(pem(responder_certificate(private, ca.generations[-1], start=start)))
        found.append((path, tmp_path / "ocsp.key"))
    signers = made(replace(wanted, signers=tuple(found))).signers
    generation = of_key(made(wanted), ca).newest

    def began(at: datetime) -> datetime:
        identity = signers.identity_for(generation, at)
        assert identity is not None
        return identity.not_before

    assert began(NOW) == days[0]
    assert began(NOW + 3 * DAY) == days[1]
    assert signers.of(generation)[0] == "delegated"


def test_one_ca_s_lapsed_list_keeps_no_other_from_being_answered(tmp_path: Path, ca: pki.CA) -> None:
    """The responder starts; of the one CA nothing is said, of the other everything."""
    other = pki.make_ca((("C", "JP"), ("CN", "another")), generations=1, kind="p256", first_key=410)
    world = made(given(tmp_path, [ca, other], {"a.crl": crl(ca, next_update=NOW), "b.crl": crl(other)}))
    assert (word(world, ca, GOOD), word(world, other, GOOD)) == ("STALE", "GOOD")


def test_nothing_is_left_on_the_disk(tmp_path: Path, ca: pki.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """The set's folder is gone before the first answer."""
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    world = made(given(tmp_path, [ca], {"ca.crl": crl(ca)}))
    assert list(room.iterdir()) == []
    assert word(world, ca, REVOKED) == "REVOKED"
