"""The octets of lists without an object per entry, against a plain dictionary; and how compact a past is."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from hypothesis import given
from hypothesis import strategies as st

from platform_api.sandbox import der
from platform_api.sandbox.kinds import ALL, CARD, profiles
from platform_api.sandbox.numbering import Numbering
from platform_api.sandbox.residents import Residents
from platform_api.sandbox.revoked import REMOVED, Entries, ListKey, Lists, utc_time

BEGINS = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_REASONS = {
    "key_compromise": 1,
    "affiliation_changed": 3,
    "superseded": 4,
    "cessation_of_operation": 5,
    "certificate_hold": 6,
}
#: On both sides of every change of an INTEGER's length (X.690 section 8.3.2).
SERIALS = st.one_of(
    *(st.integers(limit - 3, limit + 3) for limit in (1 << 7, 1 << 15, 1 << 23, 0x0FFF_FFFC)),
    st.integers(1, 300),
)


def read(entries: Entries) -> list[tuple[int, datetime, int]]:
    """As asn1crypto reads them, strictly."""
    parsed = asn1_crl.RevokedCertificates.load(der.sequence(bytes(entries.body)), strict=True)
    return [
        (
            entry["user_certificate"].native,
            entry["revocation_date"].native,
            _REASONS[entry.crl_reason_value.native],
        )
        for entry in parsed
    ]


@given(
    st.lists(
        st.tuples(SERIALS, st.integers(0, 10**8), st.sampled_from([1, 3, 4, 5, 6, REMOVED])), max_size=60
    )
)
def test_entries_are_what_a_dictionary_would_be(steps: list[tuple[int, int, int]]) -> None:
    """Entered, given another reason, removed, in any order: sorted, each once, with the first date."""
    entries, model = Entries(), dict[int, tuple[datetime, int]]()
    for serial, seconds, reason in steps:
        at = BEGINS - timedelta(seconds=seconds)
        if reason == REMOVED:
            entries.remove(serial)
            model.pop(serial, None)
        else:
            entries.put(serial, at, reason)
            model[serial] = (model[serial][0] if serial in model else at, reason)
    assert read(entries) == [(serial, *model[serial]) for serial in sorted(model)]
    assert len(entries) == len(model)


@given(st.dictionaries(SERIALS, st.booleans(), max_size=40))
def test_one_list_takes_the_entries_of_another(serials: dict[int, bool]) -> None:
    """A merger that moves entries: nothing is lost, nothing twice, the order is that of one list."""
    lists = Lists()
    old, new = ListKey("card-sign", 1, "131016"), ListKey("card-sign", 1, "131041")
    for serial, where in serials.items():
        lists.note(BEGINS, new if where else old, serial, 3)
    lists.advance(BEGINS)
    lists.move("131016", "131041")
    lists.note(BEGINS, old, 0x7654321, 5)
    lists.advance(BEGINS)
    expected = sorted({**dict.fromkeys(serials, 3), 0x7654321: 5}.items())
    assert [(serial, reason) for serial, _, reason in read(lists.entries(new))] == expected
    assert old not in lists.known()


def test_nothing_of_later_is_entered() -> None:
    """What is noted for a moment after thisUpdate waits for the next lists."""
    lists, key = Lists(), ListKey("card-sign", 1, "131016")
    lists.note(BEGINS + timedelta(seconds=1), key, 7, 4)
    lists.advance(BEGINS)
    assert len(lists.entries(key)) == 0
    lists.advance(BEGINS + timedelta(seconds=1))
    assert read(lists.entries(key)) == [(7, BEGINS + timedelta(seconds=1), 4)]


@given(st.integers(1_420_070_400, 2_524_607_999))
def test_times_are_those_of_the_der_writer(seconds: int) -> None:
    """The quick way of writing a moment gives the octets of the slow one, from 2015 to the end of 2049."""
    assert utc_time(seconds) == der.time(datetime.fromtimestamp(seconds, UTC))


def test_a_moment_after_2049_is_refused() -> None:
    """Entries would have another width from 2050 on."""
    with pytest.raises(ValueError, match="2050"):
        utc_time(int(datetime(2050, 1, 1, tzinfo=UTC).timestamp()))


def _numbering(residents: int) -> Numbering:
    generations = dict.fromkeys(ALL, 1) | dict.fromkeys(CARD, 2)
    return Numbering(3, residents, profiles(ALL, phone_shares_ca=False), generations)


def test_who_holds_a_number_is_found_for_every_number() -> None:
    """Counted through, every CA's numbers lead to somebody's n-th certificate of the kind, and back."""
    numbering = _numbering(500)
    for ca_id in ALL:
        own = numbering.authority_serials(ca_id)
        issued = 0
        for serial in range(own[0], numbering.next_serial(ca_id)):
            held = numbering.find(ca_id, serial)
            assert (held is None) == (serial in own)
            if held is not None:
                assert numbering.serial(held.number, held.kind, held.nth) == serial
                assert len(numbering.past(held.number).certificates[held.kind]) > held.nth
                issued += 1
        assert issued == numbering.next_serial(ca_id) - own[0] - len(own)
        assert numbering.find(ca_id, own[0] - 1) is None
        assert numbering.find(ca_id, numbering.next_serial(ca_id)) is None


def test_looking_at_everybody_keeps_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """People are drawn anew when they were let go of; whom something befell is always the same object."""
    monkeypatch.setattr("platform_api.sandbox.residents._KEPT", 50)
    residents = Residents(_numbering(500), lambda *_: None)
    kept: Any = residents[7]
    residents.pin(kept)
    seen = [residents[number].person for number in residents]
    assert len(residents._drawn) <= 50
    assert residents[7] is kept
    again = [residents[number].person for number in itertools.islice(residents, 100)]
    assert again == seen[:100]
