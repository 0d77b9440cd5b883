"""All items of a person, and the one class that weighs most."""

from __future__ import annotations

from platform_api.differences.addresses import compare_addresses
from platform_api.differences.births import (
    births_contradict,
    compare_births,
    compare_genders,
    genders_contradict,
)
from platform_api.differences.model import Compared, Difference, Differences, Note, Person, greatest
from platform_api.differences.names import compare_furigana, compare_names

_NOTHING = Compared(Difference.NOT_COMPUTED)


def differences(old: Person, new: Person) -> Differences:
    """What became of ``old`` in ``new``; only what both say is compared."""
    name = _NOTHING if old.name is None or new.name is None else compare_names(old.name, new.name)
    births = _NOTHING
    if old.date_of_birth is not None and new.date_of_birth is not None:
        births = compare_births(old.date_of_birth, new.date_of_birth)
    gender = _NOTHING
    if old.gender is not None and new.gender is not None:
        gender = compare_genders(old.gender, new.gender)
    furigana = _NOTHING
    if old.name_furigana is not None and new.name_furigana is not None:
        furigana = compare_furigana(old.name_furigana, new.name_furigana)
    address = _address(old, new)
    items = (name, address, births, gender, furigana)
    overall = greatest(item.difference for item in items)
    if _another_person(old, new, name):
        overall = Difference.PERSON_MISMATCH
    return Differences(name, address, births, gender, furigana, overall)


def _address(old: Person, new: Person) -> Compared:
    """Who leaves the country keeps his last address in the register: the date says it, not the text."""
    if new.moved_abroad_on is not None and new.moved_abroad_on != old.moved_abroad_on:
        return Compared(Difference.MOVED_ABROAD)
    if old.address is None or new.address is None:
        return _NOTHING
    return compare_addresses(old.address, new.address)


def _another_person(old: Person, new: Person, name: Compared) -> bool:
    """Births differ, and sex or the whole name with it."""
    if old.date_of_birth is None or new.date_of_birth is None:
        return False
    if not births_contradict(old.date_of_birth, new.date_of_birth):
        return False
    sexes = old.gender is not None and new.gender is not None and genders_contradict(old.gender, new.gender)
    return sexes or Note.WHOLE_NAME in name.notes
