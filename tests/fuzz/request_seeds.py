"""What changed requests start from: what clients send, one for each rule, the corpus in the repository."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.der_writer import der_int, der_oid, extension, seq, tlv
from tests.forged_requests import (
    ACCEPTABLE_RESPONSES,
    BASIC,
    EXPLICIT_V1,
    PREFERRED_ALGORITHMS,
    SERVICE_LOCATOR,
    algorithm,
    bare_nonce,
    nonce,
    request,
    requestor,
    signature_of,
    some_cert_id,
)

CORPUS: Final = Path(__file__).resolve().parent / "corpus" / "request"
_LONGEST: Final = 2048


def _unknown(number: int, *, critical: bool = False) -> bytes:
    return extension(f"1.2.3.{number}", b"\x05\x00", critical=critical)


def _short(serial: int | bytes = 9) -> bytes:
    return some_cert_id(serial, hash_name="1.2.3", parameters=b"", name_hash=b"n", key_hash=b"k")


def _ordinary() -> list[bytes]:
    one = some_cert_id(hash_name="sha1")
    certificate = seq(b"\x02\x01\x01")
    return [
        *(request(some_cert_id(hash_name=name)) for name in ("sha1", "sha256", "sha384", "sha512")),
        request(some_cert_id(parameters=b""), extensions=(nonce(b"n" * 16),)),
        request(one, some_cert_id(0x8F01), _short(), extensions=(nonce(b"n" * 32),)),
        request(*(_short(number) for number in range(32))),
        request(_short(), version=EXPLICIT_V1, requestor=requestor(tlv(0x82, b"a.example"))),
        request(_short(), requestor=requestor(tlv(0xA4, seq())), signature=signature_of()),
        request(_short(), signature=signature_of(certificates=(certificate, certificate))),
        request(_short(), signature=signature_of(certificates=())),
        request(_short(), signature=signature_of(signed_with=seq(der_oid("1.2.3"), b"\x05\x00"))),
        request(_short(), extensions=(bare_nonce(b"n" * 20),)),
        request(_short(), extensions=(nonce(b"n" * 128, critical=True),)),
        request(_short(), extensions=tuple(_unknown(number) for number in range(16))),
        request(_short(), extensions=(extension(ACCEPTABLE_RESPONSES, seq(der_oid(BASIC))),)),
        request(_short(), extensions=(extension(PREFERRED_ALGORITHMS, seq(), critical=True),)),
        request(_short(), single=(extension(SERVICE_LOCATOR, seq()),)),
        request(_short(b"\x01" * 21), single=(_unknown(1), _unknown(2)), extensions=(_unknown(3),)),
        request(_short(b"\x01" * 300)),
    ]


def _refused() -> list[bytes]:
    one = request(_short())
    certificate = seq(b"\x02\x01\x01")
    return [
        request(),
        request(*(_short(number) for number in range(33))),
        request(_short(), version=tlv(0xA0, der_int(1))),
        request(_short(), requestor=requestor(b"")),
        request(_short(), requestor=requestor(tlv(0xA9, b""))),
        request(some_cert_id(parameters=der_int(1))),
        request(some_cert_id(name_hash=b"n" * 20)),
        request(some_cert_id(hash_name="1.2.3", name_hash=b"", key_hash=b"")),
        *(request(_short(serial)) for serial in (b"", b"\0\x05", b"\xff\x80")),
        *(request(_short(), extensions=(bare_nonce(value),)) for value in (b"", b"\4\0", b"n" * 129)),
        request(_short(), extensions=(nonce(b"a"), nonce(b"b"))),
        request(_short(), extensions=tuple(_unknown(number) for number in range(17))),
        request(_short(), extensions=(_unknown(1, critical=True),)),
        request(_short(), extensions=(extension("1.2.3", b"", explicit_false=True),)),
        request(_short(), extensions=(seq(der_oid("1.2.3"), b"\1\1\1", tlv(4, b"")),)),
        request(_short(), extensions=(seq(der_oid("1.2.3"), der_int(1)),)),
        request(_short(), extensions=(seq(tlv(6, b"\x80\1"), tlv(4, b"")),)),
        request(_short(), extensions=(der_int(1),)),
        request(_short(), single=(_unknown(1, critical=True),)),
        seq(seq(seq(seq(_short(), tlv(0xA0, seq()))), tlv(0xA2, der_int(1)))),
        request(_short(), extensions=(extension(ACCEPTABLE_RESPONSES, seq(der_oid("1.2.3"))),)),
        request(_short(), extensions=(extension(ACCEPTABLE_RESPONSES, seq(der_int(1))),)),
        request(_short(), signature=tlv(0xA0, der_int(1))),
        request(_short(), signature=signature_of(signed_with=seq())),
        request(_short(), signature=signature_of(signed_with=seq(der_oid("1.2.3"), b"\x1f\0"))),
        request(_short(), signature=signature_of(b"\1x")),
        request(_short(), signature=signature_of(certificates=(certificate,) * 17)),
        request(_short(), signature=signature_of(certificates=(der_int(1),))),
        seq(seq(der_int(1))),
        seq(seq(seq(der_int(1)))),
        seq(seq(seq(seq(der_int(1))))),
        seq(seq(seq(seq(seq(der_int(1)))))),
        *(seq(seq(seq(seq(seq(algorithm(), *rest))))) for rest in ((), (tlv(4, b"n" * 32),))),
        seq(seq(seq(seq(seq(algorithm(), tlv(4, b"n" * 32), tlv(4, b"k" * 32)))))),
        seq(der_int(1)),
        b"\x31" + one[1:],
        b"\x30\x80" + one[2:] + b"\0\0",
        b"\x30\x81" + one[1:],
        b"\x30\x82\0" + one[1:],
        b"\x30\x81" + request(_short(b"\x01" * 105))[1:],
        b"\x30\x84\xff\xff\xff\xff" + one[2:],
        one + b"\0",
        one[:-1],
    ]


def stored() -> list[bytes]:
    """The corpus in the repository, in the order of its names."""
    return [path.read_bytes() for path in sorted(CORPUS.glob("*.seed"))]


def seeds() -> list[bytes]:
    return [one for one in dict.fromkeys((*_ordinary(), *_refused(), *stored())) if 0 < len(one) <= _LONGEST]


def store(octets: bytes) -> Path:
    """One more corpus file, named for its content."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    path = CORPUS / f"{sha256(octets).hexdigest()[:16]}.seed"
    path.write_bytes(octets)
    return path
