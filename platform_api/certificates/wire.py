"""How certificates, octets and items look in the JSON API; and refusals of theirs as problems."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date as calendar_date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from platform_api.certificates.four_items import FourInformation, TextItem
from platform_api.certificates.refusals_in_japanese import in_japanese
from platform_api.differences import normalised_address, normalised_name
from platform_api.operations import ResponseModel
from platform_api.problems import Problem
from revocation.errors import InputRefused


def _octets(value: Any) -> bytes:
    """Strict base64 (RFC 4648 section 4) with padding; no line breaks, no other alphabet."""
    if not isinstance(value, str):
        raise ValueError("expected a text in base64")  # noqa: TRY004 - pydantic wants ValueError
    try:
        return b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("expected base64 with padding") from None


#: Octets in a JSON body.
Base64 = Annotated[
    bytes,
    BeforeValidator(_octets),
    Field(max_length=24_576),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "maxLength": 32_768}),
]


def _each_once(items: list[str]) -> list[str]:
    if len(set(items)) != len(items):
        raise ValueError("expected each item once")
    return items


Item = Literal["name", "address", "date_of_birth", "gender"]

#: One or more of the four items, each once.
Items = Annotated[list[Item], Field(min_length=1, max_length=4), AfterValidator(_each_once)]


class TextItemBody(ResponseModel):
    """Byte-exact text, and one spelling of it; per character whether it is a substitute, and whether that can
    be relied on."""

    value: str
    #: Widths, spaces, hyphens, block numbers in one way; kanji stay. For matching, not for keeping.
    normalised: str
    substitute_characters: str | None
    substitute_characters_reliable: bool


class BirthDateBody(ResponseModel):
    """EYYYYMMDD as written, how exact it is, and the day where it is exact."""

    raw: str
    precision: str
    date: calendar_date | None


class GenderBody(ResponseModel):
    """The digit as written and what it says."""

    raw: str
    code: str


class FourInformationBody(ResponseModel):
    """The items that were given; null for the others."""

    name: TextItemBody | None
    address: TextItemBody | None
    date_of_birth: BirthDateBody | None
    gender: GenderBody | None
    #: With the item name, where J-LIS has it; and with the item address: 国外転出予定日.
    name_furigana: str | None = None
    moved_abroad_on: calendar_date | None = None


def four_information_body(items: FourInformation) -> FourInformationBody:
    birth, sex = items.date_of_birth, items.gender
    return FourInformationBody(
        name=_text(items.name, normalised_name),
        address=_text(items.address, normalised_address),
        date_of_birth=None
        if birth is None
        else BirthDateBody(raw=birth.raw, precision=birth.precision.value, date=birth.date),
        gender=None if sex is None else GenderBody(raw=sex.raw, code=sex.code),
        name_furigana=items.name_furigana,
        moved_abroad_on=items.moved_abroad_on,
    )


def _text(item: TextItem | None, normalised: Callable[[str], str]) -> TextItemBody | None:
    if item is None:
        return None
    return TextItemBody(
        value=item.value,
        normalised=normalised(item.value),
        substitute_characters=item.substitute_characters,
        substitute_characters_reliable=item.reliable,
    )


@contextmanager
def refusals_as_problems() -> Iterator[None]:
    """``InputRefused`` becomes 422 with its own code; its texts never carry what was sent."""
    try:
        yield
    except InputRefused as refused:
        raise Problem(
            422,
            refused.code,
            en=f"Expected {refused.expected}; got {refused.got}; {refused.remedy}.",
            ja=in_japanese(refused),
        ) from None
