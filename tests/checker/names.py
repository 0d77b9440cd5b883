"""Names in certificates and lists, in every form of RFC 5280, as DER."""

from __future__ import annotations

from tests.der_writer import der_oid, name, seq, tlv


def common_name(text: str) -> bytes:
    """A Name of an organisation and a commonName."""
    return name(("C", "JP"), ("O", "RANDOM-PKI"), ("CN", text))


def otherwise(whole_name: bytes) -> bytes:
    """The same name by RFC 5280 section 7.1 in other octets: other case, two spaces, PrintableString."""
    written = []
    for _, rdn in _elements(_elements(whole_name)[0][1]):
        (_, pair), *_ = _elements(rdn)
        (_, oid), (tag, text) = _elements(pair)
        changed = text if tag == 0x13 else text.swapcase().replace(b" ", b"  ")
        written.append(tlv(0x31, seq(tlv(0x06, oid), tlv(0x13, changed))))
    return seq(*written)


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        header = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
        size = data[1] if header == 2 else int.from_bytes(data[2:header], "big")
        found.append((data[0], data[header : header + size]))
        data = data[header + size :]
    return found


def directory(whole_name: bytes) -> bytes:
    return tlv(0xA4, whole_name)


def uri(text: str) -> bytes:
    return tlv(0x86, text.encode("ascii"))


def full_name(*general_names: bytes) -> bytes:
    """DistributionPointName, first choice."""
    return tlv(0xA0, b"".join(general_names))


def last_rdn(text: str) -> bytes:
    """The content of an RDN of one commonName."""
    return seq(der_oid("2.5.4.3"), tlv(0x0C, text.encode()))


def relative_name(text: str) -> bytes:
    """DistributionPointName, second choice: one RDN below the list issuer's name."""
    return tlv(0xA1, last_rdn(text))


def below(parent: bytes, text: str) -> bytes:
    """The whole name that a relative one stands for."""
    return seq(_elements(parent)[0][1], tlv(0x31, last_rdn(text)))
