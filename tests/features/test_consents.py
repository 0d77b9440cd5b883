"""Consents, pure: ten years by both official rules, states by the clock, and the strict XML application."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.consents.application import Application, parse_application, write_application
from platform_api.consents.model import (
    JST,
    Consent,
    ConsentState,
    Validity,
    first_and_last_day,
    narrowed,
    validity,
)
from revocation.errors import InputRefused

#: Hypothesis wants naive bounds beside a time zone.
_FROM = datetime(2023, 1, 1)  # noqa: DTZ001
_TO = datetime(2090, 1, 1)  # noqa: DTZ001


def jst(text: str) -> datetime:
    return datetime.fromisoformat(text + "+09:00")


@pytest.mark.parametrize(
    ("event", "first", "last"),
    [
        # The official example: received 2023-05-18 10:00:00.
        ("2023-05-18T10:00:00", date(2023, 5, 19), date(2033, 5, 18)),
        # The day is a JST day, to the second.
        ("2026-12-31T23:59:59", date(2027, 1, 1), date(2036, 12, 31)),
        ("2027-01-01T00:00:00", date(2027, 1, 2), date(2037, 1, 1)),
        # First day 29 February: ten years later there is none, the last day is 28 February.
        ("2028-02-28T12:00:00", date(2028, 2, 29), date(2038, 2, 28)),
        ("2028-02-29T12:00:00", date(2028, 3, 1), date(2038, 2, 28)),
        # The ten years end before a 29 February that exists.
        ("2026-02-28T12:00:00", date(2026, 3, 1), date(2036, 2, 29)),
    ],
)
def test_ten_years_of_one_rule(event: str, first: date, last: date) -> None:
    """From the day after the event, ten calendar years, last day inclusive."""
    assert first_and_last_day(jst(event)) == (first, last)


def test_utc_instants_are_read_in_jst() -> None:
    """15:00 UTC is the next day in Japan already."""
    assert first_and_last_day(datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC))[0] == date(2026, 11, 21)
    assert first_and_last_day(datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC))[0] == date(2026, 11, 22)


def test_both_rules_must_say_yes() -> None:
    """Received on the 18th, reflected on the 20th: from the later first day to the earlier last day."""
    bounds = validity(jst("2026-05-18T10:00:00"), jst("2026-05-20T03:00:00"))
    assert bounds == Validity(jst("2026-05-21T00:00:00"), jst("2036-05-18T23:59:59"))
    assert not bounds.holds(jst("2026-05-20T23:59:59.999999"))
    assert bounds.holds(jst("2026-05-21T00:00:00"))
    assert bounds.holds(jst("2036-05-18T23:59:59.999999"))
    assert not bounds.holds(jst("2036-05-19T00:00:00"))


@given(
    st.datetimes(min_value=_FROM, max_value=_TO, timezones=st.just(JST)),
    st.timedeltas(timedelta(0), timedelta(days=40)),
)
def test_never_longer_than_either_rule(received: datetime, later: timedelta) -> None:
    """The time in which we fetch lies inside both rules' times, and is not empty."""
    reflected = received + later
    bounds = validity(received, reflected)
    for event in (received, reflected):
        first, last = first_and_last_day(event)
        assert first <= bounds.first.astimezone(JST).date() <= bounds.last.astimezone(JST).date() <= last
        assert bounds.first > event


def test_narrower_period_of_jlis_wins() -> None:
    """Whatever J-LIS says can only shorten."""
    ours = validity(jst("2026-05-18T10:00:00"), jst("2026-05-18T11:00:00"))
    theirs = Validity(jst("2026-05-25T00:00:00"), jst("2099-01-01T00:00:00"))
    assert narrowed(ours, theirs) == Validity(theirs.first, ours.last)


def _consent(state: ConsentState = ConsentState.REFLECTED) -> Consent:
    at = jst("2026-05-18T10:00:00")
    items = frozenset({"name"})
    return Consent(UUID(int=1), UUID(int=2), UUID(int=3), state, items, at, at, validity(at, at), UUID(int=4))


@pytest.mark.parametrize(
    ("now", "state", "effective"),
    [
        ("2026-05-18T23:59:59", ConsentState.REFLECTED, False),
        ("2026-05-19T00:00:00", ConsentState.EFFECTIVE, True),
        ("2036-02-18T23:59:58", ConsentState.EFFECTIVE, True),
        ("2036-02-18T23:59:59", ConsentState.EXPIRING, True),
        ("2036-05-18T23:59:59", ConsentState.EXPIRING, True),
        ("2036-05-19T00:00:00", ConsentState.EXPIRED, False),
    ],
)
def test_reflected_turns_with_the_clock(now: str, state: ConsentState, effective: bool) -> None:
    """Effective from the first second to the last, and at no other moment."""
    assert _consent().state_at(jst(now)) is state
    assert _consent().effective(jst(now)) is effective


@pytest.mark.parametrize(
    "state",
    [
        s
        for s in ConsentState
        if s not in (ConsentState.REFLECTED, ConsentState.EFFECTIVE, ConsentState.EXPIRING)
    ],
)
def test_every_other_state_permits_nothing(state: ConsentState) -> None:
    """RECEIVED, SENT, REFUSED, EXPIRED, WITHDRAWN, STOPPED: never effective, whatever the dates."""
    assert not _consent(state).effective(jst("2030-01-01T00:00:00"))


APPLICATION = Application(
    institution_code="bank-1",
    service_code="svc-1",
    items=("name", "address"),
    text_version="2026-05",
    application_number=UUID("12345678-1234-4234-8234-123456789abc"),
    created_at=datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC),
)


def test_application_reads_back_as_written() -> None:
    """What we write, we read; and the octets are exactly these, because the sandbox parses them too."""
    octets = write_application(APPLICATION)
    assert parse_application(octets) == APPLICATION
    assert octets.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<利用者同意申請情報><版>1.0</版>'
        "<機関コード>bank-1</機関コード>"
        "<サービスコード>svc-1</サービスコード><項目群><項目>name</項目><項目>address</項目></項目群>"
        "<文面版>2026-05</文面版><申請番号>12345678-1234-4234-8234-123456789abc</申請番号>"
        "<作成日時>2026-11-20T01:02:03Z</作成日時></利用者同意申請情報>"
    )


WRITTEN = write_application(APPLICATION).decode()


@pytest.mark.parametrize(
    "document",
    [
        "",
        "x",
        WRITTEN[:-5],
        WRITTEN + "<more/>",
        WRITTEN.replace("<版>", '<版 a="1">'),
        WRITTEN.replace("<利用者同意申請情報>", '<利用者同意申請情報 xmlns="urn:x">'),
        WRITTEN.replace("利用者同意申請情報", "利用者同意取消申請情報"),
        WRITTEN.replace("<文面版>2026-05</文面版>", ""),
        WRITTEN.replace("<文面版>", "<余分>1</余分><文面版>"),
        WRITTEN.replace("<文面版>2026-05</文面版>", "<文面版>2026-05</文面版><文面版>2026-05</文面版>"),
        WRITTEN.replace("<項目>name</項目>", "<項目>serial</項目>"),
        WRITTEN.replace("<項目>name</項目>", "<項目>address</項目>"),
        WRITTEN.replace("<項目>name</項目>", "<項目>name <b/></項目>"),
        WRITTEN.replace("<項目>name</項目><項目>address</項目>", ""),
        WRITTEN.replace("<項目群>", "<項目群>stray"),
        WRITTEN.replace("</版>", "</版>stray"),
        WRITTEN.replace("bank-1", "bank 1"),
        WRITTEN.replace("svc-1", "s" * 65),
        WRITTEN.replace("1.0</版>", "2.0</版>"),
        WRITTEN.replace("123456789abc", "123456789ABC"),
        WRITTEN.replace("T01:02:03Z", "T01:02:03+09:00"),
        WRITTEN.replace("2026-11-20T", "2026-13-20T"),
        '<!DOCTYPE x [<!ENTITY e "name">]>' + WRITTEN.partition("\n")[2].replace(">name<", ">&e;<"),
        WRITTEN.replace('encoding="UTF-8"', 'encoding="EUC-JP"'),
        WRITTEN.replace("<版>", "<!-- " + "x" * 9000 + " --><版>"),
    ],
)
def test_anything_else_is_refused_without_echo(document: str) -> None:
    """Unknown elements, attributes, stray text, DTD, encodings, order: refused, never repeated."""
    with pytest.raises(InputRefused, match="CONSENT_APPLICATION_MALFORMED") as refused:
        parse_application(document.encode())
    assert "bank-1" not in str(refused.value)


def test_utf16_is_refused() -> None:
    """The text is UTF-8; another encoding of the same characters is another document."""
    with pytest.raises(InputRefused):
        parse_application(WRITTEN.replace("UTF-8", "UTF-16").encode("utf-16"))


def test_codes_are_escaped_or_refused() -> None:
    """A code that would change the document's structure never gets through writing and reading."""
    with pytest.raises(InputRefused):
        parse_application(write_application(replace(APPLICATION, service_code="a</サービスコード><x>")))
