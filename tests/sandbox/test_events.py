"""Every life event: what ends, what is issued, what stays; and what must hold whatever befalls somebody."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from platform_api.sandbox.acts import Lived
from platform_api.sandbox.dates import JST
from platform_api.sandbox.kinds import ALL, CARD, MOBILE, OF_CARD
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.numbering import Numbering
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import Register, Resident
from platform_api.sandbox.revoked import ListKey
from tests.sandbox.registers import BEGINS, PROFILES, a_register, do


@pytest.fixture
def register() -> Register:
    return a_register()


def kinds_of(found: Any) -> list[str]:
    return sorted(one.kind for one in found)


def ended(lived: Lived) -> dict[str, int]:
    return {certificate.kind: reason for certificate, reason in lived.ended}


def somebody(register: Register, *kinds: str, child: bool = False) -> Resident:
    """The first with just these kinds in force for years to come."""
    later = BEGINS + timedelta(days=400)
    return next(
        one
        for one in register.residents.values()
        if {kind for kind in ALL if one.valid(kind, later)} == set(kinds)
        and one.person.birth.under_fifteen(BEGINS) is child
        and not one.struck
    )


NOON = BEGINS + timedelta(hours=1)
LATER = NOON + timedelta(hours=5)
NEXT_DAY = NOON + timedelta(days=1)


def test_a_move_ends_what_carries_the_address_and_nothing_else(register: Register) -> None:
    """Card and phone lose their signing certificates (3); both authentication certificates stay."""
    one = somebody(register, *ALL)
    lived = do(register, "move", one, NOON, place=BY_CODE["132217"])
    assert ended(lived) == {"card-sign": 3, "mobile-sign": 3}
    assert kinds_of(lived.issued) == ["card-sign"]
    assert {kind for kind in ALL if one.valid(kind, NOON)} == {"card-sign", "card-auth", "mobile-auth"}
    assert lived.issued[0].items is not None
    assert lived.issued[0].items.address.startswith("東京都清瀬市")
    assert lived.issued[0].not_after <= one.newest("card-auth").not_after  # type: ignore[union-attr]


def test_two_moves_before_anybody_looks(register: Register) -> None:
    """The certificate in between is revoked on the day of its issue; only the last one is in force."""
    one = somebody(register, *CARD)
    first = one.newest("card-sign")
    second = do(register, "move", one, NOON).issued[0]
    third = do(register, "move", one, LATER).issued[0]
    assert [found.revoked for found in (first, second, third) if found] == [True, True, False]
    assert (second.not_before, second.steps[0].at) == (NOON, LATER)
    assert one.valid("card-sign", LATER) is third


def test_a_renewal_and_a_move_on_one_day(register: Register) -> None:
    """Codes 4 and 3 on two certificates of one person within a day; one new card, one new certificate."""
    one = somebody(register, *ALL)
    renewed = do(register, "renew", one, NOON)
    assert ended(renewed) == dict.fromkeys(ALL, 4)
    assert kinds_of(renewed.issued) == ["card-auth", "card-sign"]
    moved = do(register, "move", one, LATER)
    assert ended(moved) == {"card-sign": 3}
    assert moved.ended[0][0] is renewed.issued[1]
    assert renewed.issued[0].valid(LATER)


def test_moved_and_never_issued_anew(register: Register) -> None:
    """No signing certificate is left, the authentication certificate goes on."""
    one = somebody(register, *CARD)
    lived = do(register, "move", one, NOON, reissue="never")
    assert (ended(lived), lived.issued) == ({"card-sign": 3}, [])
    assert [kind for kind in ALL if one.valid(kind, NEXT_DAY)] == ["card-auth"]
    assert one.number not in register.due


def test_a_phone_is_lost_and_found(register: Register) -> None:
    """A hold lists both of the phone's; the release takes both off their lists, and they are valid again."""
    one = somebody(register, *ALL)
    held = do(register, "hold_phone", one, NOON)
    assert ended(held) == {"mobile-sign": 6, "mobile-auth": 6}
    register.lists.advance(LATER)
    keys = [ListKey(c.ca_id, c.generation, c.municipality_code) for c, _ in held.ended]
    serials = [certificate.serial for certificate, _ in held.ended]
    listed = [
        serial in register.lists.entries(key).serials for key, serial in zip(keys, serials, strict=True)
    ]
    assert listed == [True, True]
    released = do(register, "release_phone", one, NEXT_DAY)
    assert kinds_of(released.released) == ["mobile-auth", "mobile-sign"]
    register.lists.advance(NEXT_DAY)
    assert [
        serial in register.lists.entries(key).serials for key, serial in zip(keys, serials, strict=True)
    ] == [False, False]
    assert all(certificate.valid(NEXT_DAY) for certificate in released.released)
    assert all(certificate.step_at(LATER) for certificate in released.released), "history stays"
    again = do(register, "hold_phone", one, NEXT_DAY + timedelta(hours=1))
    assert again.ended[0][0].listed_since == again.at, "a second hold has a date of its own"


def test_a_phone_on_hold_dies_with_the_card_and_is_released_no_more(register: Register) -> None:
    """A move while the phone is lost: its signing certificate is 3 for good, its authentication returns."""
    one = somebody(register, *ALL)
    do(register, "hold_phone", one, NOON)
    moved = do(register, "move", one, LATER)
    assert ended(moved) == {"card-sign": 3, "mobile-sign": 3}
    found = do(register, "release_phone", one, NEXT_DAY)
    assert kinds_of(found.released) == ["mobile-auth"]
    signing = one.newest("mobile-sign")
    assert signing is not None
    step = signing.step_at(NEXT_DAY)
    assert step is not None
    assert (step.reason, step.at) == (3, NOON)


def test_a_phone_is_not_released_while_its_card_is_on_hold(register: Register) -> None:
    """The card's hold takes the phone along, and only phones come back from a hold."""
    one = somebody(register, *ALL)
    assert ended(do(register, "hold", one, NOON)) == dict.fromkeys(ALL, 6)
    for event in ("release_phone", "hold_phone", "new_phone"):
        with pytest.raises(RequestRefused):
            do(register, event, one, LATER)
    do(register, "reissue", one, LATER)
    with pytest.raises(RequestRefused, match="NOTHING_TO_RELEASE"):
        do(register, "release_phone", one, NEXT_DAY)


def test_a_phone_is_sold_and_another_one_takes_over(register: Register) -> None:
    """Sold: the owner has both revoked (5). A new phone ends those of the old one by itself (4)."""
    one = somebody(register, *ALL)
    new = do(register, "new_phone", one, NOON)
    assert ended(new) == {"mobile-sign": 4, "mobile-auth": 4}
    assert kinds_of(new.issued) == ["mobile-auth", "mobile-sign"]
    card = {kind: one.newest(kind) for kind in CARD}
    for issued in new.issued:
        upon = card[OF_CARD[issued.kind]]
        assert upon is not None
        assert issued.not_after == upon.not_after
    assert ended(do(register, "stop_phone", one, LATER)) == {"mobile-sign": 5, "mobile-auth": 5}
    assert [kind for kind in ALL if one.valid(kind, LATER)] == list(CARD)


@pytest.mark.parametrize(("event", "reason", "phones"), [("lose", 1, 5), ("stop", 5, 5), ("strike", 5, 5)])
def test_a_lost_card_takes_the_phone_along(register: Register, event: str, reason: int, phones: int) -> None:
    """All four end; a stolen card's phone was not stolen, so its code is another."""
    one = somebody(register, *ALL)
    assert ended(do(register, event, one, NOON)) == {
        **dict.fromkeys(CARD, reason),
        **dict.fromkeys(MOBILE, phones),
    }


def test_a_minor_correction_revokes_nothing(register: Register) -> None:
    """The address's text is another, every certificate stays; the next one says the new text."""
    one = somebody(register, *ALL)
    before = one.newest("card-sign")
    assert before is not None
    assert before.items is not None
    lived = do(register, "minor_correction", one, NOON)
    assert (lived.ended, lived.issued) == ([], [])
    assert lived.items is not None
    assert lived.items.address != before.items.address
    assert lived.items.address[-8:] == before.items.address[-8:]
    assert one.valid("card-sign", NOON) is before
    renewed = do(register, "renew", one, LATER).issued[1]
    assert renewed.items is not None
    assert renewed.items.address == lived.items.address


def test_another_substitute_is_chosen_at_a_reissue(register: Register) -> None:
    """Same name in the register, another spelling in the certificate, flags still 1 at the same places."""
    one = next(
        one
        for one in register.residents.values()
        if one.person.has_substitutes and one.valid("card-sign", LATER) and not one.struck
    )
    before = one.newest("card-sign")
    assert before is not None
    name = one.person.name
    lived = do(register, "substitute_character", one, NOON)
    assert ended(lived)["card-sign"] == 4
    old, new = before.items, lived.issued[0].items
    assert old is not None
    assert new is not None
    assert one.person.name == name
    assert new.name != old.name
    assert new.name_substitute_characters == old.name_substitute_characters
    assert "1" in new.name_substitute_characters
    plain = somebody(register, *CARD)
    if not plain.person.has_substitutes:
        with pytest.raises(RequestRefused, match="NO_SUBSTITUTE_CHARACTER"):
            do(register, "substitute_character", plain, NOON)


def test_a_former_surname_stands_in_brackets(register: Register) -> None:
    """姓［旧氏］　名 in the new certificate; given up, it is gone from the next."""
    one = next(
        one
        for one in register.residents.values()
        if one.person.former_surname is None and one.valid("card-sign", LATER) and not one.struck
    )
    family, given_name = one.person.family_name, one.person.given_name
    lived = do(register, "former_surname", one, NOON)
    assert ended(lived)["card-sign"] == 3
    assert one.person.name == f"{family}［{one.person.former_surname}］\u3000{given_name}"
    do(register, "former_surname", one, LATER)
    assert one.person.name == f"{family}\u3000{given_name}"


def test_a_reading_is_added_without_and_corrected_with_a_revocation(register: Register) -> None:
    """First told, it waits for the next certificate; corrected, it is a change of the name."""
    one = next(
        one
        for one in register.residents.values()
        if one.person.furigana is None and one.valid("card-sign", LATER) and not one.struck
    )
    told = do(register, "furigana", one, NOON)
    assert (told.ended, told.issued) == ([], [])
    assert told.items is not None
    assert told.items.name_furigana is not None
    corrected = do(register, "furigana", one, LATER)
    assert ended(corrected)["card-sign"] == 3
    new = corrected.issued[0].items
    assert new is not None
    assert new.name_furigana not in (None, told.items.name_furigana)
    with pytest.raises(RequestRefused, match="TOO_EARLY"):
        do(register, "furigana", one, datetime(2026, 5, 25, 14, 59, 59, tzinfo=UTC))


def test_who_moved_abroad_keeps_the_card(register: Register) -> None:
    """The address says so, with the planned day; coming back ends that."""
    one = somebody(register, *CARD)
    lived = do(register, "moved_abroad", one, NOON, day=date(2026, 12, 24))
    new = lived.issued[0].items
    assert new is not None
    assert (new.address, new.moved_abroad_on) == ("国外転出", date(2026, 12, 24))
    assert new.as_json()["moved_abroad_on"] == "2026-12-24"
    with pytest.raises(RequestRefused, match="NO_ADDRESS"):
        do(register, "minor_correction", one, LATER)
    back = do(register, "move", one, LATER).issued[0].items
    assert back is not None
    assert back.moved_abroad_on is None
    assert "moved_abroad_on" not in back.as_json()


def test_corrections_of_birth_and_sex(register: Register) -> None:
    """Another day of birth moves the end of the new certificate; another sex is another digit."""
    one = somebody(register, *CARD)
    born = one.person.birth.on
    lived = do(register, "correct_birth", one, NOON)
    assert ended(lived)["card-sign"] == 3
    assert one.person.birth.on != born
    ends = lived.issued[0].not_after.astimezone(JST).date()
    assert (ends.month, ends.day) == (one.person.birth.on.month, one.person.birth.on.day)
    gender = one.person.gender
    do(register, "correct_gender", one, LATER)
    assert {gender, one.person.gender} == {"1", "2"}


def test_nobody_under_fifteen_signs(register: Register) -> None:
    """A child's card authenticates only; from the fifteenth birthday on a new card signs, too."""
    one = somebody(register, "card-auth", child=True)
    moved = do(register, "move", one, NOON)
    assert (moved.ended, moved.issued) == ([], [])
    renewed = do(register, "renew", one, LATER)
    assert (ended(renewed), kinds_of(renewed.issued)) == ({"card-auth": 4}, ["card-auth"])
    grown = one.person.birth.on.replace(year=one.person.birth.on.year + 15)
    eve = datetime(grown.year, grown.month, grown.day, tzinfo=JST) - timedelta(seconds=1)
    assert kinds_of(do(register, "renew", one, eve.astimezone(UTC)).issued) == ["card-auth"]
    birthday = (eve + timedelta(seconds=1)).astimezone(UTC)
    assert kinds_of(do(register, "renew", one, birthday).issued) == ["card-auth", "card-sign"]


def test_the_past_has_what_must_be_seen() -> None:
    """Children, leap days, unknown birth days, phones on hold, new cards to come: all in a large past."""
    numbering = Numbering(7, 2000, PROFILES, dict.fromkeys(ALL, 1) | dict.fromkeys(CARD, 2))
    pasts = [numbering.past(number) for number in range(1, 2001)]
    births = [past.birth for past in pasts]
    assert sum(past.child for past in pasts) > 50
    assert sum((birth.on.month, birth.on.day) == (2, 29) for birth in births) > 20
    assert {len(birth.digits.rstrip("0")) < 8 for birth in births if birth.known != "day"} >= {True}
    assert {birth.known.value for birth in births} == {"day", "month", "year", "nothing"}
    assert len(numbering.held_phones) > 40
    assert len(numbering.reissues) > 10
