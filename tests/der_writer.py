"""DER written by hand, in which every octet can be forged.

Nothing here is shared with the product: a fault in its DER code cannot hide in its own tests.
"""

from __future__ import annotations

from datetime import UTC, datetime

#: The moment around which test data is made.
T0 = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)


def tlv(tag: int, content: bytes) -> bytes:
    """One element with the shortest definite length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, b"".join(parts))


def der_int(value: int | bytes, tag: int = 0x02) -> bytes:
    """An INTEGER; bytes stand as they are, which is how wrong ones are made."""
    if isinstance(value, bytes):
        return tlv(tag, value)
    magnitude = value if value >= 0 else ~value
    return tlv(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def der_oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.append(0x80 | arc & 0x7F)
        content += bytes(reversed(octets))
    return tlv(0x06, content)


def der_time(at: datetime | bytes) -> bytes:
    """RFC 5280 section 4.1.2.5: UTCTime through 2049; bytes are a whole element, as they stand."""
    if isinstance(at, bytes):
        return at
    at = at.astimezone(UTC)
    if 1950 <= at.year < 2050:
        return tlv(0x17, f"{at:%y%m%d%H%M%S}Z".encode())
    return tlv(0x18, f"{at.year:04}{at:%m%d%H%M%S}Z".encode())


def extension(oid: str, value: bytes, *, critical: bool = False, explicit_false: bool = False) -> bytes:
    flag = b"\x01\x01\xff" if critical else (b"\x01\x01\x00" if explicit_false else b"")
    return seq(der_oid(oid), flag, tlv(0x04, value))


ATTRIBUTES = {"C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11", "L": "2.5.4.7", "CN": "2.5.4.3"}


def name(*attributes: tuple[str, str], string_tag: int = 0x0C) -> bytes:
    """DER Name, one attribute per RDN; country as PrintableString like J-LIS does, the rest UTF8String."""
    return seq(
        *(
            tlv(0x31, seq(der_oid(ATTRIBUTES[kind]), tlv(0x13 if kind == "C" else string_tag, text.encode())))
            for kind, text in attributes
        )
    )


SIGN_DN = (
    ("C", "JP"),
    ("O", "JPKI-TEST"),
    ("OU", "JPKI for digital signature"),
    ("OU", "Japan Agency for Local Authority Information Systems"),
)


def point(number: int) -> bytes:
    """Distribution point of the nth test municipality, in J-LIS's form."""
    return name(
        *SIGN_DN[:3], ("OU", "CRL Distribution Points"), ("OU", "Tokyo-to"), ("CN", f"City-{number} CRLDP")
    )
