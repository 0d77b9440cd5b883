"""The four items inside a signing certificate: six otherNames of the subjectAltName, in any order.

The arc 1.2.392.200149.8.5.5 carries name, its substitute-character flags, gender, date of birth,
address and its flags, each a UTF8String. Texts are kept byte-exact. OIDs that we do not know (furigana
is coming) are tolerated and counted; one item given twice is refused, because either could be the lie.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from cryptography import x509

from platform_api.certificates.birth_date import BirthDate, birth_date
from revocation.errors import InputRefused

ARC: Final = "1.2.392.200149.8.5.5."
NAME, NAME_FLAGS, GENDER, BIRTH, ADDRESS, ADDRESS_FLAGS = (ARC + digit for digit in "123456")
KNOWN: Final = frozenset((NAME, NAME_FLAGS, GENDER, BIRTH, ADDRESS, ADDRESS_FLAGS))

#: The names of the items in the API, in consents and at J-LIS, in the order we list them.
ITEMS: Final = ("name", "address", "date_of_birth", "gender")

#: 1 male, 2 female; sources disagree about the digit for "not known", so every other digit is.
_GENDER_CODES: Final = {"1": "male", "2": "female"}

_UTF8_STRING: Final = 0x0C


@dataclass(frozen=True, slots=True, repr=False)
class TextItem:
    """A text and, per character, whether it is a substitute (JIS X 0208 + 0212 lack the real one)."""

    value: str
    substitute_characters: str | None

    @property
    def reliable(self) -> bool:
        """One flag, 0 or 1, for each character; anything else says nothing about any character."""
        flags = self.substitute_characters
        return flags is not None and len(flags) == len(self.value) and set(flags) <= {"0", "1"}

    def __repr__(self) -> str:
        return "TextItem(hidden)"


@dataclass(frozen=True, slots=True, repr=False)
class Gender:
    """The digit as written and what it says."""

    raw: str
    code: str

    def __repr__(self) -> str:
        return "Gender(hidden)"


@dataclass(frozen=True, slots=True, repr=False)
class FourInformation:
    """Up to four items; an item that was not given or not consented is None.

    ``name_furigana`` goes with the item name (from 2026-05-26), ``moved_abroad_on`` (国外転出予定日) with the
    address: where it is given, the holder has left or will leave the country on that day.
    """

    name: TextItem | None = None
    address: TextItem | None = None
    date_of_birth: BirthDate | None = None
    gender: Gender | None = None
    name_furigana: str | None = None
    moved_abroad_on: date | None = None

    def given(self) -> tuple[str, ...]:
        return tuple(item for item in ITEMS if getattr(self, item) is not None)

    def __repr__(self) -> str:
        return f"FourInformation(given={self.given()}, values hidden)"


def gender(raw: str) -> Gender:
    return Gender(raw, _GENDER_CODES.get(raw, "not_known"))


def items_of_names(names: Iterable[x509.OtherName]) -> FourInformation | None:
    """The items among these otherNames, or None where there is none at all (authentication certificate)."""
    found: dict[str, str] = {}
    for other in names:
        oid = other.type_id.dotted_string
        if oid not in KNOWN:
            continue
        if oid in found:
            raise _refused("each item once", "one item twice")
        found[oid] = _utf8_string(other.value)
    if not found:
        return None
    if NAME not in found or ADDRESS not in found or BIRTH not in found or GENDER not in found:
        raise _refused("name, address, date of birth and gender together", "some of them missing")
    return FourInformation(
        name=TextItem(found[NAME], found.get(NAME_FLAGS)),
        address=TextItem(found[ADDRESS], found.get(ADDRESS_FLAGS)),
        date_of_birth=birth_date(found[BIRTH]),
        gender=gender(found[GENDER]),
    )


def _utf8_string(der: bytes) -> str:
    """The one UTF8String in an otherName's value; short texts, so definite lengths of up to 2 octets."""
    if len(der) < 2 or der[0] != _UTF8_STRING:
        raise _refused("a UTF8String in each item", "another type")
    length, start = der[1], 2
    if length == 0x81 and len(der) >= 3:
        length, start = der[2], 3
    elif length == 0x82 and len(der) >= 4:
        length, start = int.from_bytes(der[2:4], "big"), 4
    elif length >= 0x80:
        raise _refused("a length of at most 65535 octets", "another length form")
    if len(der) != start + length:
        raise _refused("an item that fills its value", "another length")
    try:
        return der[start:].decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("UTF-8 text", "octets that are not UTF-8") from None


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "CERTIFICATE_ITEMS_MALFORMED",
        expected=expected,
        got=got,
        remedy="send the signing certificate exactly as the card gave it",
    )
