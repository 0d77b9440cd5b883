"""Whatever befalls people in whatever order: the invariants of the register, and the lists beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import crl as asn1_crl
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_api.sandbox import der
from platform_api.sandbox.events import ACTS
from platform_api.sandbox.kinds import ALL, CARD, OF_CARD, SIGNING
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import Register, Resident
from platform_api.sandbox.revoked import ListKey
from tests.sandbox.registers import BEGINS, PEOPLE, a_register, do

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(ACTS)),
        st.integers(1, PEOPLE),
        st.integers(1, 3 * 86_400),
        st.sampled_from([None, "same_day", "never", 2]),
    ),
    min_size=5,
    max_size=40,
)


def _check_person(register: Register, one: Resident, at: datetime) -> None:
    for kind in ALL:
        valid = [certificate for certificate in one.of_kind(kind) if certificate.valid(at)]
        assert len(valid) <= 1, "never two certificates of one kind in force"
        assert valid == [] or valid == [one.newest(kind)]
        for certificate in valid:
            if kind in OF_CARD:
                upon = one.valid(OF_CARD[kind], at)
                assert upon is not None, "a phone's certificate never outlives the card's"
                assert certificate.not_after == upon.not_after
            if kind in SIGNING:
                assert not one.person.birth.under_fifteen(at)
        for certificate in one.of_kind(kind):
            assert (certificate.items is not None) == (kind in SIGNING)
            moments = [step.at for step in certificate.steps]
            assert moments == sorted(moments)
            finals = [step.reason not in (6, 8) for step in certificate.steps]
            assert True not in finals[:-1], "nothing follows a final reason"
            if kind in CARD:
                assert 8 not in [step.reason for step in certificate.steps], "a card's hold is never released"


@settings(max_examples=40, deadline=None)
@given(events=EVENTS, seed=st.integers(0, 5))
def test_whatever_befalls_people_the_register_stays_right(
    events: list[tuple[str, int, int, Any]], seed: int
) -> None:
    """After any acts: one certificate of a kind in force, no phone without its card, no child that signs,
    and the lists say exactly what the certificates' histories say."""
    register = a_register(seed)
    at = BEGINS
    for event, number, seconds, reissue in events:
        at += timedelta(seconds=seconds)
        resident = register.residents[number]
        try:
            do(register, event, resident, at, reissue=reissue)
        except RequestRefused:
            continue
        _check_person(register, register.residents[number], at)
        register.lists.advance(at)
    register.lists.advance(at)
    for number in register.residents:
        _check_person(register, register.residents[number], at)
    _lists_say_what_happened(register, at)


def _lists_say_what_happened(register: Register, at: datetime) -> None:
    expected: dict[ListKey, dict[int, tuple[datetime, int]]] = {}
    for certificate in register.everything():
        step = certificate.step_at(at)
        if step is not None:
            key = ListKey(certificate.ca_id, certificate.generation, certificate.municipality_code)
            expected.setdefault(key, {})[certificate.serial] = (step.at, step.reason)
    for key in {*expected, *register.lists.known()}:
        entries = register.lists.entries(key)
        found = {serial: (when, reason) for serial, when, reason in _read(bytes(entries.body))}
        assert found == expected.get(key, {})
        assert list(entries.serials) == sorted(found)


def _read(body: bytes) -> Iterator[tuple[int, datetime, int]]:
    reasons = {
        "key_compromise": 1,
        "affiliation_changed": 3,
        "superseded": 4,
        "cessation_of_operation": 5,
        "certificate_hold": 6,
    }
    for entry in asn1_crl.RevokedCertificates.load(der.sequence(body), strict=True):
        yield (
            entry["user_certificate"].native,
            entry["revocation_date"].native,
            reasons[entry.crl_reason_value.native],
        )
