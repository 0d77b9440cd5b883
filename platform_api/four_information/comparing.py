"""Between the library ``differences``, which knows nothing of ours, and items and bodies. In memory only."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from platform_api.certificates.four_items import FourInformation, TextItem
from platform_api.differences import Differences, Person, Text
from platform_api.operations import RequestModel, ResponseModel

_Text = Annotated[str, Field(max_length=1000)]
_Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class CompareWith(RequestModel):
    """What you know of the customer; used in memory, neither kept nor repeated. All of it may be left out."""

    name: _Text | None = None
    name_substitute_characters: _Text | None = None
    #: Empty: you know of none.
    name_furigana: _Text | None = None
    address: _Text | None = None
    address_substitute_characters: _Text | None = None
    moved_abroad_on: _Date | None = None
    #: EYYYYMMDD as the certificate has it, or YYYY-MM-DD.
    date_of_birth: Annotated[str, Field(pattern=r"^([0-5][0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2})$")] | None = (
        None
    )
    #: The certificate's digit, or the word.
    gender: Annotated[str, Field(pattern=r"^([0-9]|male|female)$")] | None = None

    def person(self) -> Person:
        return Person(
            name=None if self.name is None else Text(self.name, self.name_substitute_characters),
            address=None if self.address is None else Text(self.address, self.address_substitute_characters),
            date_of_birth=self.date_of_birth,
            gender=self.gender,
            name_furigana=self.name_furigana,
            moved_abroad_on=self.moved_abroad_on,
        )


class DifferencesBody(ResponseModel):
    """What became of each item and of the whole; NOT_COMPUTED where one side does not say it.

    ``notes``: how it was found, by item, in codes.
    """

    name: str
    address: str
    date_of_birth: str
    gender: str
    name_furigana: str
    overall: str
    notes: dict[str, list[str]]


def person_of(items: FourInformation) -> Person:
    """The items as J-LIS gave them; a name without a reading has none."""
    gone = items.moved_abroad_on
    return Person(
        name=_text(items.name),
        address=_text(items.address),
        date_of_birth=None if items.date_of_birth is None else items.date_of_birth.raw,
        gender=None if items.gender is None else items.gender.raw,
        name_furigana=None if items.name is None else items.name_furigana or "",
        moved_abroad_on=None if gone is None else gone.isoformat(),
    )


def _text(item: TextItem | None) -> Text | None:
    return None if item is None else Text(item.value, item.substitute_characters)


def differences_body(found: Differences) -> DifferencesBody:
    items = {
        "name": found.name,
        "address": found.address,
        "date_of_birth": found.date_of_birth,
        "gender": found.gender,
        "name_furigana": found.name_furigana,
    }
    return DifferencesBody(
        **{name: item.difference.value for name, item in items.items()},
        overall=found.overall.value,
        notes={name: [note.value for note in item.notes] for name, item in items.items() if item.notes},
    )
