"""The sandbox's data: municipalities, names, and the DER writer against a stranger's reader."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from platform_api.sandbox import der
from platform_api.sandbox.births import drawn_birth
from platform_api.sandbox.ca import distribution_point_name
from platform_api.sandbox.kinds import ALL, profiles
from platform_api.sandbox.municipalities import MUNICIPALITIES, check_digit
from platform_api.sandbox.name_tables import SUBSTITUTES
from platform_api.sandbox.names import as_certified, draw_person


def test_forty_municipalities_with_right_check_digits() -> None:
    """There are forty, all codes distinct and with the official check digit, partitions numbered from 1."""
    assert [place.partition for place in MUNICIPALITIES] == list(range(1, 41))
    assert len({place.code for place in MUNICIPALITIES}) == 40
    assert [place.code for place in MUNICIPALITIES if check_digit(place.code[:5]) != place.code[5]] == []


def test_namesakes_have_different_distribution_points() -> None:
    """Two Fuchu-shi exist: their CRLDP names and labels differ by the prefecture."""
    namesakes = [place for place in MUNICIPALITIES if place.name_romanised == "Fuchu-shi"]
    assert len(namesakes) == 2
    points = {
        distribution_point_name(profile, place).public_bytes()
        for profile in profiles(ALL, phone_shares_ca=False)
        for place in MUNICIPALITIES
    }
    assert len(points) == 4 * 40
    assert len({place.label for place in MUNICIPALITIES}) == 40


def test_everybody_fits_into_the_repertoire_of_certificates() -> None:
    """Names and addresses hold only JIS X 0208 and 0212, and each substitute is flagged at its place."""
    flagged = 0
    for number in range(500):
        random = Random(number)
        birth = drawn_birth(random.random(), random.random(), child=False)
        person = draw_person(random, random.choice(MUNICIPALITIES), birth)
        items = replace(person, substitute=number % 2).four_information(datetime(2026, 6, 1, tzinfo=UTC))
        for text, flags in (
            (items.name, items.name_substitute_characters),
            (items.address, items.address_substitute_characters),
        ):
            # The hyphen of JIS X 0208 is U+FF0D on the cards, U+2212 in Python's table: the same character.
            assert text.replace("\uff0d", "\u2212").encode("euc_jp")
            assert len(flags) == len(text)
            assert set(flags) <= {"0", "1"}
            flagged += flags.count("1")
    assert flagged > 10


@pytest.mark.parametrize("character", list(SUBSTITUTES))
def test_a_character_outside_the_repertoire_is_replaced(character: str) -> None:
    """What JIS X 0208 and 0212 lack is replaced by one character that they have, flag 1."""
    with pytest.raises(UnicodeEncodeError):
        character.encode("euc_jp")
    spellings = set()
    for choice in (0, 1):
        spelling, flags = as_certified(f"山{character}　花子", choice)
        assert flags == "01000"
        assert spelling.encode("euc_jp")
        spellings.add(spelling)
    assert len(spellings) == 2


@given(st.integers(min_value=-(2**160), max_value=2**160))
def test_integers_are_minimal_der(value: int) -> None:
    """asn1crypto writes the same octets for every integer."""
    assert der.integer(value) == core.Integer(value).dump()


@given(st.binary(max_size=70_000))
def test_lengths_are_minimal_der(content: bytes) -> None:
    """asn1crypto writes the same octets for short and long lengths."""
    assert der.tlv(der.OCTET_STRING, content) == core.OctetString(content).dump()


@pytest.mark.parametrize("dotted", ["2.5.29.21", "1.2.840.113549.1.1.11", "1.2.392.200149.8.5.1.0.20"])
def test_object_identifiers(dotted: str) -> None:
    """asn1crypto writes the same octets for the object identifiers used here."""
    assert der.object_identifier(dotted) == core.ObjectIdentifier(dotted).dump()


def test_times_change_their_form_in_2050() -> None:
    """UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 section 5.1.2.4)."""
    last = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    first = datetime(2050, 1, 1, tzinfo=UTC)
    assert der.time(last) == b"\x17\x0d491231235959Z"
    assert der.time(first) == b"\x18\x0f20500101000000Z"
