"""A scope's lists as one: what the checker's own rule says of each serial, over drawn lists."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_api.responder.merged import merge
from revocation.checker.deltas import said
from revocation.checker.lists import HeldList
from revocation.crl.entries import RECORD_SIZE
from revocation.errors import InputRefused
from tests import pki
from tests.responder.running import NOW, THIS_UPDATE, crl

CA = pki.make_ca(generations=1, kind="p256", first_key=450)
SERIALS = range(1, 6)
MINUTE = timedelta(minutes=1)

_entries = st.dictionaries(st.sampled_from(SERIALS), st.sampled_from([None, 0, 1, 4, 6, 8]), max_size=5)


@st.composite
def _lists(draw: st.DrawFn) -> list[HeldList]:
    """One to three complete lists and up to three deltas, in any order, current or lapsed."""
    found = []
    for is_delta, most in ((False, 3), (True, 3)):
        for _ in range(draw(st.integers(0 if is_delta else 1, most))):
            number = draw(st.integers(1, 6))
            listed = [
                pki.entry(serial, THIS_UPDATE, reason=reason) for serial, reason in draw(_entries).items()
            ]
            found.append(
                HeldList(
                    crl(
                        CA,
                        listed,
                        number=number,
                        this_update=THIS_UPDATE + number * MINUTE,
                        next_update=NOW + draw(st.sampled_from([-1, 1, 2])) * MINUTE,
                        delta_base=draw(st.integers(0, number)) if is_delta else None,
                    )
                )
            )
    return draw(st.permutations(found))


@settings(max_examples=150, deadline=None)
@given(_lists())
def test_each_serial_is_as_the_checker_says(lists: list[HeldList]) -> None:
    """Listed with its reason, or in doubt, or neither; and the end is no later than that of what holds."""
    merged = merge(lists, CA.subject, NOW)
    listed = {record[1 : 1 + record[0]]: record[21] for record in _records(merged.entries.records)}
    doubtful = {record[1 : 1 + record[0]] for record in _records(merged.doubtful)}
    assert not listed.keys() & doubtful
    for serial in SERIALS:
        octets = bytes([serial])
        answer = said(lists, partial(_reasons, octets), NOW)
        assert answer is not None
        if octets in doubtful:
            assert answer.reason == 6
            assert not answer.by.is_current(NOW)
        else:
            assert listed.get(octets) == answer.reason
        # What is said holds no longer than the list that says it does now.
        assert merged.next_update is not None
        if answer.is_current:
            assert merged.next_update > NOW
            assert merged.changes_at == merged.next_update or len(lists) == 1
        else:
            assert merged.next_update <= NOW


def _reasons(serial: bytes, one: HeldList) -> list[int]:
    return list(one.reasons_of(CA.subject, serial))


def _records(records: bytes) -> list[bytes]:
    return [records[at : at + RECORD_SIZE] for at in range(0, len(records), RECORD_SIZE)]


def test_deltas_alone_are_no_list() -> None:
    """Nobody could say what they are changes of."""
    delta = HeldList(crl(CA, number=4, delta_base=3))
    with pytest.raises(InputRefused, match="DELTA_ALONE"):
        merge([delta, delta], CA.subject, NOW)
