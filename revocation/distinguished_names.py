"""Comparing distinguished names as RFC 5280 section 7.1 wants it, from their DER.

Two names are equal when their RDNs are equal in order, whatever string type carries them: case folded,
compatibility forms mapped, spaces at the ends dropped and inner runs of spaces made one (RFC 4518).
What cannot be prepared (another type, prohibited code points) is compared octet by octet.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from revocation.der import OBJECT_IDENTIFIER, SEQUENCE, SET, DerReader, refused

#: A name in the form in which equality is equality; opaque to callers.
CanonicalName = tuple[tuple[tuple[bytes, bytes], ...], ...]

_PRINTABLE_STRING: Final = 0x13
_IA5_STRING: Final = 0x16
_UTF8_STRING: Final = 0x0C
_TELETEX_STRING: Final = 0x14
_UNIVERSAL_STRING: Final = 0x1C
_BMP_STRING: Final = 0x1E

_CODECS: Final = {
    _PRINTABLE_STRING: "ascii",
    _IA5_STRING: "ascii",
    _UTF8_STRING: "utf-8",
    # RFC 5280 section 4.1.2.4 permits it for old names only; Latin-1 is what the field means by it.
    _TELETEX_STRING: "latin-1",
    _UNIVERSAL_STRING: "utf-32-be",
    _BMP_STRING: "utf-16-be",
}


#: Names of lists that nobody has verified yet are remembered too; this bounds what they can cost us.
_MAX_OCTETS: Final = 4096


@lru_cache(maxsize=8192)
def canonical_name(name: bytes) -> CanonicalName:
    """The comparison form of a DER Name; refuses what is not a Name."""
    if len(name) > _MAX_OCTETS:
        raise refused("DER_NAME", "Name", 0, f"at most {_MAX_OCTETS} octets", f"{len(name)} octets")
    outer = DerReader(name)
    rdns = outer.enter(SEQUENCE, "Name")
    outer.finish("Name")
    result = []
    while rdns.peek() != -1:
        attributes = []
        rdn = rdns.enter(SET, "RelativeDistinguishedName")
        while rdn.peek() != -1:
            attribute = rdn.enter(SEQUENCE, "AttributeTypeAndValue")
            kind = attribute.raw(OBJECT_IDENTIFIER, "AttributeType")
            at = attribute.at
            tag, start, end = attribute.header("AttributeValue")
            attribute.finish("AttributeTypeAndValue")
            attributes.append((kind, _prepared(tag, name[start:end]) or name[at:end]))
        if not attributes:
            raise refused("DER_NAME", "RelativeDistinguishedName", rdn.at, "an attribute", "an empty SET")
        result.append(tuple(sorted(attributes)))
    return tuple(result)


def same_name(one: bytes, other: bytes) -> bool:
    """RFC 5280 section 7.1, on the DER of both names."""
    return one == other or canonical_name(one) == canonical_name(other)


def _prepared(tag: int, content: bytes) -> bytes | None:
    """RFC 4518 sections 2.1 to 2.6 for one value; None where it must be compared octet by octet."""
    codec = _CODECS.get(tag)
    if codec is None:
        return None
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        return None
    mapped = "".join(_mapped(character) for character in text)
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", mapped).casefold())
    if any(_prohibited(character) for character in normal):
        return None
    # Section 2.6.1 frames the value by one space each and doubles inner ones; any one fixed form will do.
    # The leading octet keeps a prepared value apart from every DER element.
    return b"\x00" + " ".join(part for part in normal.split(" ") if part).encode()


def _mapped(character: str) -> str:
    """RFC 4518 section 2.2: separators and white-space controls to space, format controls to nothing."""
    category = unicodedata.category(character)
    if category in {"Zs", "Zl", "Zp"} or character in "\t\n\x0b\x0c\r\x85":
        return " "
    return "" if category in {"Cc", "Cf"} or character in "\u00ad\u034f\u1806\ufffc" else character


def _prohibited(character: str) -> bool:
    """RFC 4518 section 2.4: unassigned, private use, surrogates, the replacement character."""
    return character == "\ufffd" or unicodedata.category(character) in {"Cn", "Co", "Cs"}
