"""A small DER writer (X.690): what a revocation list needs, and nothing else.

``cryptography``'s list builder is quadratic in the number of entries, so lists are written here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

SEQUENCE: Final = 0x30
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = b"\x05\x00"
OBJECT_IDENTIFIER: Final = 0x06
ENUMERATED: Final = 0x0A
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
TRUE: Final = b"\x01\x01\xff"


def tlv(tag: int, content: bytes) -> bytes:
    """One value with a definite length in its shortest form (X.690 section 10.1)."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, b"".join(parts))


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Two's complement in the fewest octets: 00 stands before a set top bit (X.690 section 8.3.2)."""
    magnitude = value if value >= 0 else ~value
    return tlv(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def object_identifier(dotted: str) -> bytes:
    """X.690 section 8.19."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | (arc & 0x7F))
        content += bytes(reversed(groups))
    return tlv(OBJECT_IDENTIFIER, bytes(content))


def bit_string(octets: bytes) -> bytes:
    return tlv(BIT_STRING, b"\x00" + octets)


def time(moment: datetime) -> bytes:
    """UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 section 5.1.2.4)."""
    moment = moment.astimezone(UTC)
    if moment.year < 2050:
        return tlv(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return tlv(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """Extension ::= SEQUENCE { extnID, critical DEFAULT FALSE, extnValue } (RFC 5280 section 4.1)."""
    return sequence(object_identifier(dotted), TRUE if critical else b"", tlv(OCTET_STRING, value))
