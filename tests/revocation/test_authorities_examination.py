"""``jpki authority check``: each finding by its code, severity and remedy, and silence where all is right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.authorities import Authorities, Authority
from revocation.authority_certificates import authority_from_certificates, generation_of
from revocation.authority_examination import SOON, Finding, Severity, examine
from revocation.errors import InputRefused
from tests import pki
from tests.revocation.acting import DAY, NOW, TODAY, authority_of, file_in, founded, load, partition, small_ca

LIKELY = Severity.WARNING
QUIET = replace(authority_of(), serial_ceiling=0xFFFFFF)


def found_in(*authorities: Authority, now: datetime = NOW) -> dict[str, Finding]:
    findings = examine(Authorities(authorities), now)
    assert all(finding.found and finding.remedy for finding in findings)
    return {finding.code: finding for finding in findings}


def test_where_all_is_right_nothing_is_said() -> None:
    """Two living keys, kinds, open partitions, a ceiling."""
    assert found_in(QUIET) == {}


def test_no_ca_is_an_error() -> None:
    """An empty file answers nobody."""
    assert found_in()["NO_AUTHORITY"].severity is Severity.ERROR


def test_a_key_that_ends_soon_or_is_over() -> None:
    """180 days ahead it is a warning, not a second earlier; after its last JST day a note; if it was the last
    key, an error.
    """
    first, last = (g.certificate.not_valid_after_utc for g in QUIET.generations)
    assert found_in(QUIET, now=first - SOON) == {}
    soon = found_in(QUIET, now=first - SOON + timedelta(seconds=1))["KEY_EXPIRES_SOON"]
    assert (soon.severity, soon.ca_id) == (Severity.WARNING, "card-sign")
    assert soon.found == "g1: expires in 179 days"
    over = found_in(QUIET, now=first + DAY)
    assert {code: one.severity for code, one in over.items()} == {"KEY_EXPIRED": Severity.NOTE}
    assert over["KEY_EXPIRED"].found.startswith("g1: ")
    ended = found_in(QUIET, now=last + DAY)
    assert ended["EVERY_KEY_EXPIRED"].severity is Severity.ERROR


def test_a_key_that_is_not_valid_yet() -> None:
    """A warning about this machine's clock as much as about the file."""
    begins = QUIET.generations[1].certificate.not_valid_before_utc
    assert found_in(QUIET, now=begins) == {}
    early = found_in(QUIET, now=begins - timedelta(seconds=1))["KEY_NOT_YET_VALID"]
    assert (early.severity, early.found[:3]) == (Severity.WARNING, "g2:")


def test_a_certificate_without_key_usage() -> None:
    """Accepted (RFC 5280 section 6.3.3 (f)), and yet no certificate as a CA makes it."""
    private = pki.key("p256")
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.x509_name(*pki.SIGN_DN))
        .issuer_name(pki.x509_name(("C", "JP"), ("O", "Root")))
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    certificate = builder.sign(private, hashes.SHA256())
    authority = authority_from_certificates(
        "card-sign", [certificate], partitions=QUIET.partitions, kinds=QUIET.kinds, serial_ceiling=1
    )
    found = found_in(authority)
    assert {code: one.severity for code, one in found.items()} == {
        "NO_KEY_USAGE": Severity.WARNING,
        "NOT_SELF_ISSUED": Severity.NOTE,
    }


def test_a_damaged_certificate_is_an_error() -> None:
    """A self-issued certificate that does not stand under its own signature."""
    der = bytearray(small_ca(1).certificates[0].public_bytes(Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_certificate(bytes(der))
    authority = replace(
        authority_from_certificates("card-sign", [broken], partitions=QUIET.partitions, kinds=QUIET.kinds),
        serial_ceiling=1,
    )
    assert [*found_in(authority)] == ["SELF_SIGNATURE_WRONG"]
    assert found_in(authority)["SELF_SIGNATURE_WRONG"].severity is Severity.ERROR


def test_keys_that_we_do_not_verify_with_are_refused() -> None:
    """Ed448, and a certificate that carries one extension twice: by the code of a wrong certificate."""
    plain = (
        x509.CertificateBuilder()
        .subject_name(pki.x509_name(*pki.SIGN_DN))
        .issuer_name(pki.x509_name(*pki.SIGN_DN))
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    private = ed448.Ed448PrivateKey.generate()
    other = plain.public_key(private.public_key()).sign(private, None)
    twice = small_ca(1).certificates[0].public_bytes(Encoding.DER)
    # subjectKeyIdentifier becomes a second keyUsage: 2.5.29.14 and 2.5.29.15 differ in one octet.
    twice = twice.replace(bytes.fromhex("0603551d0e"), bytes.fromhex("0603551d0f"))
    for certificate in (other, x509.load_der_x509_certificate(twice)):
        with pytest.raises(InputRefused) as refused:
            generation_of(certificate, "g1")
        assert refused.value.code == "CA_CERTIFICATE_REFUSED"


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "ed25519"])
def test_an_allow_list_that_no_key_can_use(kind: str) -> None:
    """Every list of such a key would be refused: an error; what the key signs with by itself is none."""
    authority = replace(pki.make_ca(kind=kind, generations=1).authority(), serial_ceiling=1)
    assert found_in(authority) == {}
    other = "Ed25519" if kind != "ed25519" else "ecdsa-with-SHA256"
    wrong = found_in(replace(authority, signature_algorithms=frozenset({other})))
    assert wrong["KEY_WITHOUT_ALGORITHM"].severity is Severity.ERROR
    assert wrong["ALGORITHM_WITHOUT_KEY"].severity is Severity.NOTE
    assert other in wrong["ALGORITHM_WITHOUT_KEY"].found


def test_rsa_pss_is_usable_by_an_rsa_key() -> None:
    """Where somebody named it."""
    rsa = replace(pki.make_ca(generations=1).authority(), serial_ceiling=1)
    assert found_in(replace(rsa, signature_algorithms=frozenset({"rsassaPss-sha256"}))) == {}


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        ({"kinds": {}}, "NO_KINDS", Severity.WARNING),
        ({"tolerances": frozenset({"missing_crl_number"})}, "TOLERANCES_ON", Severity.NOTE),
        ({"purpose_limited": False}, "PURPOSE_NOT_LIMITED", Severity.NOTE),
        ({"serial_ceiling": None}, "NO_SERIAL_CEILING", Severity.NOTE),
        ({"partitions": (partition(1, closed=TODAY),)}, "NO_OPEN_PARTITION", Severity.WARNING),
        ({"partitions": (partition(1, opened=TODAY + DAY),)}, "NO_OPEN_PARTITION", Severity.WARNING),
        ({"partitions": (partition(1), partition(2, opened=TODAY + DAY))}, "PARTITIONS_LATER", Severity.NOTE),
        ({"partitions": (partition(1), partition(2, closed=TODAY + DAY))}, "PARTITIONS_LATER", Severity.NOTE),
        (
            {"partitions": (partition(1), partition(2, closed=TODAY))},
            "CLOSED_WITHOUT_SUCCESSOR",
            Severity.WARNING,
        ),
        (
            {"partitions": (partition(1), replace(partition(2), distribution_point=b""))},
            "UNDIVIDED_AND_DIVIDED",
            Severity.WARNING,
        ),
    ],
)
def test_policy_and_partitions(change: dict[str, object], code: str, severity: Severity) -> None:
    """Each of these alone is said."""
    found = found_in(replace(QUIET, **change))  # type: ignore[arg-type]
    assert found[code].severity is severity
    assert found[code].ca_id == "card-sign"


def test_a_closed_partition_with_an_open_successor_is_nothing_to_say() -> None:
    """Nor is one that opens or closed today."""
    rows = (partition(1, opened=TODAY), partition(2, closed=TODAY, successor=1))
    assert found_in(replace(QUIET, partitions=rows)) == {}


def test_a_change_past_the_acts_shows(tmp_path: Path) -> None:
    """An edit of what two people approved is an error; the file as the acts left it is none."""
    founded(tmp_path)
    assert not any(one.code == "CHANGED_PAST_THE_ACTS" for one in examine(load(tmp_path), NOW))
    path = file_in(tmp_path)
    path.write_text(path.read_text().replace('"tolerances": []', '"tolerances": ["missing_crl_number"]'))
    worst = examine(load(tmp_path), NOW)[0]
    assert (worst.code, worst.severity) == ("CHANGED_PAST_THE_ACTS", Severity.ERROR)
    assert "version 1" in worst.found
