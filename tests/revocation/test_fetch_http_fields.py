"""What HTTP fields say about validators, ranges and waiting: strictly read, doubt counts as silence."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from revocation.crl.http_fields import (
    ContentRange,
    content_range,
    entity_tag,
    goes_on,
    is_strong,
    is_tag,
    retry_after_s,
    strong_validator,
)

OLD = "Sun, 01 Nov 2026 00:00:00 GMT"


def fields(**values: str | list[str]) -> CIMultiDict[str]:
    made: CIMultiDict[str] = CIMultiDict()
    for name, value in values.items():
        for one in [value] if isinstance(value, str) else value:
            made.add(name.replace("_", "-"), one)
    return made


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (fields(ETag='"a"'), '"a"'),
        (fields(ETag=' "a" '), '"a"'),
        (fields(ETag='W/"a"'), None),
        (fields(ETag='w/"a"'), None),
        (fields(ETag='""'), None),
        (fields(ETag="a"), None),
        (fields(ETag='"a b"'), None),
        (fields(ETag='"a"b"'), None),
        (fields(ETag='"a"', Accept_Ranges="none"), None),
        (fields(ETag='"a"', Accept_Ranges="bytes"), '"a"'),
        (fields(ETag=['"a"', '"b"']), None),
        # A date counts only where there is no entity tag at all, not even a bad one.
        (fields(ETag='W/"a"', Last_Modified=OLD, Date="Sun, 01 Nov 2026 01:00:00 GMT"), None),
        (fields(ETag=['"a"', '"b"'], Last_Modified=OLD, Date="Sun, 01 Nov 2026 01:00:00 GMT"), None),
        (fields(Last_Modified=OLD, Date="Sun, 01 Nov 2026 00:01:00 GMT"), OLD),
        (fields(Last_Modified=OLD, Date="Sun, 01 Nov 2026 00:00:59 GMT"), None),
        (fields(Last_Modified=OLD, Date=OLD), None),
        (fields(Last_Modified=OLD), None),
        (fields(Last_Modified=OLD, Date="soon"), None),
        (fields(Last_Modified="Sun, 99 Nov 2026 00:00:00 GMT", Date=OLD), None),
        (fields(Last_Modified="Sunday, 01-Nov-26 00:00:00 GMT", Date=OLD), None),
        (fields(Date=OLD), None),
        (fields(), None),
    ],
)
def test_what_if_range_may_carry(given: CIMultiDict[str], expected: str | None) -> None:
    """RFC 9110 section 13.1.5: a strong entity tag, or without any tag a date that has settled."""
    assert strong_validator(given) == expected


def test_tags_that_go_back_into_a_request() -> None:
    """If-None-Match takes weak ones too; nothing else ever goes into a header."""
    assert entity_tag(fields(ETag='W/"a"')) == 'W/"a"'
    assert entity_tag(fields(ETag=['"a"', '"a"'])) is None
    assert is_tag('""')
    assert is_tag('"' + "a" * 256 + '"')
    for bad in ("", "a", '"a', '"a"\n', '"a"\r\nX: y', '"ä"', '"' + "a" * 257 + '"', 'x"a"', 'W/W/"a"'):
        assert not is_tag(bad), bad
        assert not is_strong(bad), bad
    assert is_strong(OLD)
    assert not is_strong(OLD + "\n")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 5-9/10", ContentRange(5, 9, 10)),
        ("BYTES 5-9/10", ContentRange(5, 9, 10)),
        ("bytes 5-9/*", None),
        ("bytes */10", None),
        ("bytes 5-9", None),
        ("bytes=5-9/10", None),
        ("bytes -5-9/10", None),
        ("bytes 5-9/10, 11-12/13", None),
        ("bytes 5-9/1" + "0" * 15, None),
        ("", None),
    ],
)
def test_content_range(value: str, expected: ContentRange | None) -> None:
    """Section 14.4, with a complete length or not at all."""
    assert content_range(fields(Content_Range=value)) == expected
    assert content_range(fields(Content_Range=[value, value])) is None
    assert content_range(fields()) is None


@pytest.mark.parametrize(
    ("validator", "total", "given", "fits"),
    [
        ('"a"', 10, fields(ETag='"a"', Content_Range="bytes 5-9/10"), True),
        ('"a"', None, fields(ETag='"a"', Content_Range="bytes 5-9/10"), True),
        ('"a"', None, fields(ETag='"a"', Content_Range="bytes 5-4/5"), False),
        ('"a"', 11, fields(ETag='"a"', Content_Range="bytes 5-9/10"), False),
        ('"a"', 10, fields(ETag='"a"', Content_Range="bytes 4-9/10"), False),
        ('"a"', 10, fields(ETag='"a"', Content_Range="bytes 6-9/10"), False),
        ('"a"', 10, fields(ETag='"a"', Content_Range="bytes 5-8/10"), False),
        ('"a"', 10, fields(ETag='"b"', Content_Range="bytes 5-9/10"), False),
        ('"a"', 10, fields(ETag=['"a"', '"a"'], Content_Range="bytes 5-9/10"), False),
        ('"a"', 10, fields(Content_Range="bytes 5-9/10"), False),
        (OLD, 10, fields(Content_Range="bytes 5-9/10"), True),
        (OLD, 10, fields(Last_Modified=OLD, Content_Range="bytes 5-9/10"), True),
        (OLD, 10, fields(Last_Modified="Mon, 02 Nov 2026 00:00:00 GMT", Content_Range="bytes 5-9/10"), False),
        (OLD, 10, fields(ETag='"a"', Content_Range="bytes 5-9/10"), False),
    ],
)
def test_a_206_that_goes_on(validator: str, total: int | None, given: CIMultiDict[str], fits: bool) -> None:
    """The very rest, to its end, of the very list, of which five octets are there."""
    assert goes_on(given, validator, 5, total) == (ContentRange(5, 9, 10) if fits else None)


@pytest.mark.parametrize(
    ("value", "date", "expected"),
    [
        ("0", "", 0.0),
        ("120", "", 120.0),
        ("9" * 30, "", 999_999_999.0),
        ("Sun, 01 Nov 2026 00:02:00 GMT", OLD, 120.0),
        (OLD, "Sun, 01 Nov 2026 00:02:00 GMT", 0.0),
        ("Sun, 01 Nov 2026 00:02:00 GMT", "", None),
        ("-5", OLD, None),
        ("1.5", OLD, None),
        ("٣", OLD, None),
        ("soon", OLD, None),
    ],
)
def test_how_long_a_server_asks_us_to_wait(value: str, date: str, expected: float | None) -> None:
    """Section 10.2.3; a date is measured by the server's own clock, so ours does not matter."""
    assert retry_after_s(fields(Retry_After=value, Date=date)) == expected
    assert retry_after_s(fields(Date=date)) is None
