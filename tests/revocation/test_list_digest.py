"""The list digest: one for each file, whatever stands in it, and no file has that of another."""

from __future__ import annotations

import hashlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from revocation.crl.decode import decode_certificate_list
from revocation.crl.digest import list_digest
from tests import pki
from tests.pki import entry, seq, tlv
from tests.revocation.decoding import quick_signer


def unreadable(octets: bytes) -> bytes:
    return hashlib.sha256(b"unreadable" + octets).digest()


def test_it_is_what_its_definition_says() -> None:
    """SHA-256 over the SHA-256 of tbsCertList and all octets after it; from any buffer."""
    tbs, after = seq(b"signed"), seq(b"algorithm") + tlv(3, b"\x00signature")
    octets = seq(tbs, after)
    expected = hashlib.sha256(hashlib.sha256(tbs).digest() + after).digest()
    for buffer in (octets, bytearray(octets), memoryview(octets)):
        assert list_digest(buffer) == expected


def test_decoding_finds_the_same() -> None:
    """The decoder has hashed the signed part anyway."""
    for entries in ([], [entry(1)], [entry(n) for n in range(2000)]):
        der = pki.build_crl(quick_signer(), entries=entries)
        assert decode_certificate_list(der).sha256 == list_digest(der)


def test_octets_without_an_envelope() -> None:
    """Empty, text, cut short, with something behind, a length not in its shortest form: all their octets."""
    whole = seq(seq(b"signed"), b"\x05\x00")
    for octets in (
        b"",
        b"no list",
        whole[:-1],
        whole + b"\x00",
        b"\x30\x81" + whole[1:],
        b"\x30\x80" + whole[2:] + b"\x00\x00",
        seq(tlv(0x31, b"signed"), b"\x05\x00"),
        seq(),
    ):
        assert list_digest(octets) == unreadable(octets)


def test_no_changed_octet_keeps_the_digest() -> None:
    """Every octet of a list replaced, every prefix, every octet inserted: each its own digest."""
    der = pki.build_crl(quick_signer(), entries=[entry(1, reason=3)])
    variants = [der]
    for at in range(len(der)):
        variants += [der[:at], der[:at] + bytes([der[at] ^ 0x01]) + der[at + 1 :]]
        variants.append(der[:at] + bytes([der[at] ^ 0x80]) + der[at:])
    digests = sorted(map(list_digest, variants))
    assert len(variants) == 1 + 3 * len(der)
    assert all(one != other for one, other in pairwise(digests))


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40), st.integers(0, 40))
def test_moving_the_end_of_the_signed_part_is_another_file(
    signed: bytes, after: bytes, more: bytes, cut: int
) -> None:
    """The same octets, divided otherwise between what is signed and what is not."""
    one = seq(seq(signed), after + more)
    other = seq(seq(signed + after[:cut]), after[cut:] + more)
    assert (list_digest(one) == list_digest(other)) is (one == other)
