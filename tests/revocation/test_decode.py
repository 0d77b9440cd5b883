"""Decoding of the whole: every field, every envelope; what is wrong is refused with its byte offset."""

from __future__ import annotations

import mmap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from revocation.crl.decode import decode_certificate_list
from revocation.errors import InputRefused
from revocation.reasons import REASON_ABSENT
from tests import pki
from tests.pki import T0, entry, extension, seq, tlv
from tests.revocation.decoding import decode, offset_of, quick_signer, refusal


@pytest.fixture(scope="module")
def signer() -> pki.SigningGeneration:
    """Quick: nothing here depends on the signature."""
    return quick_signer()


def test_every_field_of_an_ordinary_list(signer: pki.SigningGeneration) -> None:
    """What J-LIS would publish comes out whole, entry by entry, in the list's order."""
    der = pki.build_crl(
        signer,
        number=1 << 152,
        distribution_point=pki.point(1),
        entries=[
            entry(0xBFCD, T0, 3),
            entry(b"\xff", T0 - timedelta(days=1)),
            entry(b"\x7f" + bytes(19), T0, 6, invalidity_date=datetime(1999, 12, 31, tzinfo=UTC)),
        ],
    )
    found = decode_certificate_list(der)
    assert found.version == 2
    assert found.issuer == pki.name(*pki.SIGN_DN)
    assert (found.this_update, found.next_update) == (T0, T0 + timedelta(days=2))
    assert found.crl_number == 1 << 152
    assert found.delta_base is None
    assert found.authority_key_identifier == signer.ski
    point = found.issuing_distribution_point
    assert point is not None
    assert (point.critical, point.full_names, point.indirect_crl) == (True, (pki.point(1),), False)
    assert [tuple(e) for e in found.entries] == [
        (b"\x00\xbf\xcd", T0, 3, False),
        (b"\xff", T0 - timedelta(days=1), REASON_ABSENT, False),
        (b"\x7f" + bytes(19), T0, 6, True),
    ]
    assert found.entries.count == len(found.entries) == 3
    assert len(found.entries.records) == 96
    assert der[4 : 4 + len(found.tbs)] == found.tbs
    assert found.size == len(der)
    assert "bf" not in repr(found.entries)


def test_a_mapped_file_and_a_view_decode_like_bytes(signer: pki.SigningGeneration, tmp_path: Path) -> None:
    """The three buffers that the contract names give one result."""
    der = pki.build_crl(signer, entries=[entry(n) for n in range(1, 100)])
    path = tmp_path / "list.crl"
    path.write_bytes(der)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    whole = decode_certificate_list(der)
    for buffer in (mapped, memoryview(der), bytearray(der)):
        other = decode_certificate_list(buffer)
        assert (other.entries, other.sha256) == (whole.entries, whole.sha256)


@pytest.mark.parametrize("entries", [None, [], [b""]])
def test_no_entries_absent_or_empty(signer: pki.SigningGeneration, entries: list[bytes] | None) -> None:
    """Bad input 69: an absent and an empty revokedCertificates say the same."""
    assert decode_certificate_list(pki.build_crl(signer, entries=entries)).entries.count == 0


def test_v1_without_extensions_is_read(signer: pki.SigningGeneration) -> None:
    """Bad input 70: a v1 list decodes; accepting it is another matter (it has no number)."""
    found = decode(signer, entry(1), version=None, extensions=[])
    assert (found.version, found.crl_number, found.entries.count) == (1, None, 1)


def test_a_v1_list_with_extensions_is_refused(signer: pki.SigningGeneration) -> None:
    """Bad input 70: in the list or in an entry; and versions other than v2 are refused."""
    assert refusal(pki.build_crl(signer, version=None)).code == "DER_VERSION"
    in_entry = pki.build_crl(signer, version=None, extensions=[], entries=[entry(1, reason=3)])
    assert refusal(in_entry).code == "DER_VERSION"
    for version in (0, 2, -1):
        assert refusal(pki.build_crl(signer, version=version)).code == "DER_VERSION"


def test_anything_left_over_is_refused(signer: pki.SigningGeneration) -> None:
    """Nothing after the list, nothing after the signed part's extensions, no two lists in one file."""
    der = pki.build_crl(signer, entries=[entry(1)])
    assert refusal(der + b"\x00").code == "DER_TRAILING"
    assert refusal(der + der).code == "DER_TRAILING"
    error = refusal(der + b"\x00")
    assert offset_of(error) == len(der)


def test_t02_a_list_cut_at_any_octet_is_refused(signer: pki.SigningGeneration) -> None:
    """No prefix of a list is a list."""
    der = pki.build_crl(signer, entries=[entry(n, reason=3) for n in range(1, 6)])
    for size in range(len(der)):
        refusal(der[:size])


def test_signature_value_is_whole_octets(signer: pki.SigningGeneration) -> None:
    """RFC 5280 section 5.1.1.3: no unused bits; and not empty."""
    good = pki.build_crl(signer)
    tbs = bytes(decode_certificate_list(good).tbs)
    algorithm = pki.default_algorithm(signer.private)
    for bits in (b"", b"\x00", b"\x01\x02", b"\x07\x80"):
        assert refusal(seq(tbs, algorithm, tlv(0x03, bits))).code == "DER_SIGNATURE"


def test_t16_a_list_over_the_limit_is_not_read(signer: pki.SigningGeneration) -> None:
    """The size is asked before anything else."""
    der = pki.build_crl(signer)
    with pytest.raises(InputRefused) as error:
        decode_certificate_list(der, max_octets=len(der) - 1)
    assert error.value.code == "TOO_LARGE"
    decode_certificate_list(der, max_octets=len(der))


def test_item_73_deep_nesting_costs_nothing(signer: pki.SigningGeneration) -> None:
    """10^5 levels inside an extension are octets, not recursion."""
    nested = b""
    for _ in range(300):
        nested = seq(nested)
    nested = b"\x30\x80" * 100_000 + nested
    assert refusal(nested).code == "DER_LENGTH"
    decode(signer, entry(1, extensions=[extension("1.2.3", nested)]))


def test_refusals_never_carry_a_serial(signer: pki.SigningGeneration) -> None:
    """Design 12, 7: a refusal ends in a log."""
    serial = 0x5EC4E75E41A1
    bad = extension("1.2.3", b"", critical=True)
    error = refusal(pki.build_crl(signer, entries=[entry(serial, extensions=[bad])]))
    assert f"{serial:x}" not in str(error).lower()
    assert str(serial) not in str(error)
