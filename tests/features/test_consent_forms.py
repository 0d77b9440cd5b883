"""Both applications that a holder signs: read as written, by us and by the sandbox; all else refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.certificates.four_items import ITEMS
from platform_api.consents.application import (
    TEXT_VERSION,
    Application,
    parse_application,
    write_application,
)
from platform_api.consents.strict_xml import written
from platform_api.consents.withdrawal_application import (
    WithdrawalApplication,
    parse_withdrawal,
    write_withdrawal,
)
from platform_api.sandbox import applications as sandbox
from revocation.errors import InputRefused

CODES = st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=64)
TIMES = st.datetimes(
    min_value=datetime(2023, 1, 1),  # noqa: DTZ001 - Hypothesis wants naive bounds beside a time zone
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda at: at.replace(microsecond=0))

WITHDRAWALS = st.builds(WithdrawalApplication, CODES, CODES, st.uuids(), st.uuids(), TIMES)
CONSENTS = st.builds(
    Application,
    CODES,
    CODES,
    st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True).map(tuple),
    st.just(TEXT_VERSION),
    st.uuids(),
    TIMES,
)


@given(WITHDRAWALS)
def test_a_withdrawal_is_read_as_written(application: WithdrawalApplication) -> None:
    """By us exactly; and the sandbox, which parses with other code, reads the same."""
    octets = write_withdrawal(application)
    assert parse_withdrawal(octets) == application
    theirs = sandbox.parse_withdrawal(octets)
    assert (theirs.institution_code, theirs.service_code, theirs.created_at) == (
        application.institution_code,
        application.service_code,
        application.created_at,
    )
    assert theirs.consent_application_id == str(application.consent_application_number)
    assert theirs.application_id == str(application.application_number)


@given(CONSENTS)
def test_a_consent_is_read_as_written(application: Application) -> None:
    """The same of the form that gives the consent."""
    octets = write_application(application)
    assert parse_application(octets) == application
    theirs = sandbox.parse_application(octets)
    assert theirs.application_id == str(application.application_number)
    assert set(theirs.items) == set(application.items)


@pytest.mark.parametrize("year", ["0001", "0999", "9999"])
def test_every_year_is_written_as_it_is_read(year: str) -> None:
    """Four digits, also where the C library's strftime would write fewer."""
    text = f"{year}-02-03T04:05:06Z"
    assert written(datetime.fromisoformat(text)) == text


@given(WITHDRAWALS, CONSENTS, st.data())
def test_bent_octets_are_refused_or_mean_something_else(
    withdrawal: WithdrawalApplication, consent: Application, data: st.DataObject
) -> None:
    """Octets cut, doubled, swapped or changed anywhere: a refusal of ours or a whole form, never a crash; and
    neither form passes for the other."""
    forms: list[tuple[bytes, Any, Any, Any]] = [
        (write_withdrawal(withdrawal), parse_withdrawal, write_withdrawal, parse_application),
        (write_application(consent), parse_application, write_application, parse_withdrawal),
    ]
    for octets, read, write, other in forms:
        with pytest.raises(InputRefused):
            other(octets)
        begin = data.draw(st.integers(0, len(octets) - 1))
        end = data.draw(st.integers(begin, min(len(octets), begin + 60)))
        patch = data.draw(st.one_of(st.binary(max_size=8), st.just(octets[begin:end] * 2), st.just(b"")))
        bent = octets[:begin] + patch + octets[end:]
        try:
            found = read(bent)
        except InputRefused:
            continue
        # What is still read is a whole form: written anew, it says the same.
        assert read(write(found)) == found
