"""The splitter of request heads, rule by rule (RFC 9112, RFC 9110)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from platform_api.ocsp import _split
from tests.features.aiohttp_parser import AiohttpReading, Refused, event_loop
from tests.features.odd_heads import LEFT_TO_AIOHTTP, SMUGGLING
from tests.features.real_heads import CURL, JAVA, NSS, OPENSSL
from tests.features.request_heads import UNTIMED, Ordinary, confusing, head, ordinary

MOST = 8192


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with event_loop() as made:
        yield made


def verdict(octets: bytes) -> str:
    return _split.head(octets)[0]


def test_fields_of_an_ordinary_head() -> None:
    """All that the fast path asks of a head, in one example of each form."""
    assert _split.head(JAVA + b"\x30\x4a" + bytes(74)) == (
        _split.WHOLE,
        {
            "head_end": len(JAVA),
            "method": "POST",
            "target": b"/ocsp",
            "minor_version": 1,
            "keep_alive": True,
            "content_length": 76,
            "chunked": False,
            "expect_continue": False,
            "authorization": None,
            "if_none_match": None,
            "content_encoding_identity": True,
        },
    )
    found = _split.head(
        head("authorization:\tBearer a b \t", 'If-None-Match: "x", W/"y"', start="GET /a?b HTTP/1.1")
    )[1]
    assert found is not None
    assert (found["method"], found["target"]) == ("GET", b"/a?b")
    assert (found["authorization"], found["if_none_match"]) == (b"Bearer a b", b'"x", W/"y"')
    assert found["content_length"] is None
    found = _split.head(CURL)[1]
    assert found is not None
    assert (found["chunked"], found["expect_continue"], found["content_length"]) == (True, True, None)
    found = _split.head(NSS)[1]
    assert found is not None
    assert (found["minor_version"], found["keep_alive"]) == (0, False)


KEEP_ALIVE = [
    ("HTTP/1.1", None, True), ("HTTP/1.1", "close", False), ("HTTP/1.1", "Close", False),
    ("HTTP/1.1", "keep-alive", True), ("HTTP/1.0", None, False), ("HTTP/1.0", "close", False),
    ("HTTP/1.0", "Keep-Alive", True),
]  # fmt: skip


@pytest.mark.parametrize(("version", "connection", "kept"), KEEP_ALIVE)
def test_item_42_a_connection_is_kept_by_version_and_field(
    version: str, connection: str | None, kept: bool
) -> None:
    """RFC 9112 section 9.3."""
    fields = [] if connection is None else [f"Connection: {connection}"]
    found = _split.head(head(*fields, start=f"POST / {version}"))[1]
    assert found is not None
    assert found["keep_alive"] is kept


@pytest.mark.parametrize("name", SMUGGLING)
def test_t44_what_two_parsers_may_read_in_two_ways_is_odd(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Ours leaves it to aiohttp, whose compiled parser refuses it."""
    assert verdict(SMUGGLING[name]) == _split.ODD
    with pytest.raises(Refused):
        AiohttpReading(loop).feed(SMUGGLING[name])


@pytest.mark.parametrize("name", LEFT_TO_AIOHTTP)
def test_what_is_rare_is_odd(name: str) -> None:
    """The splitter takes what is perfectly ordinary and nothing else."""
    assert verdict(LEFT_TO_AIOHTTP[name]) == _split.ODD


def test_t44_two_hundred_fields_are_odd() -> None:
    """64 fields are ordinary, 65 and 200 are not, however short."""
    assert verdict(head(*(f"X{number}: y" for number in range(63)))) == _split.WHOLE
    assert verdict(head(*(f"X{number}:" for number in range(199)))) == _split.ODD


@pytest.mark.parametrize("whole", [JAVA, OPENSSL, CURL, NSS])
def test_t45_every_beginning_of_a_head_is_partial(whole: bytes) -> None:
    """A head that drips in waits for its last octet, and then is what it would have been at once."""
    for at in range(len(whole)):
        assert _split.head(whole[:at]) == (_split.PARTIAL, None)
    assert _split.head(whole)[0] == _split.WHOLE
    assert _split.head(whole) == _split.head(whole + b"\x00\xff\r\n\r\nPOST")


def test_t45_a_head_that_never_ends_is_too_long() -> None:
    """8,192 octets are the most, with the empty line; nothing beyond them is looked at."""
    for beginning in (b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 60 + b"Y: "):
        endless = beginning + b"a" * (MOST + 1 - len(beginning))
        assert verdict(endless[:-1]) == _split.PARTIAL
        assert verdict(endless) == _split.TOO_LONG
        assert verdict(endless + b"\r\n\r\n") == _split.TOO_LONG
    longest = head("X: " + "a" * (MOST - len(head("X: "))))
    assert len(longest) == MOST
    assert verdict(longest) == _split.WHOLE
    assert verdict(longest[:-1]) == _split.PARTIAL
    for behind in (1, 2, 3):
        longer = head("X: " + "a" * (MOST - len(head("X: ")) + behind))
        assert verdict(longer) == _split.TOO_LONG


def test_t46_any_length_of_ten_digits_is_told() -> None:
    """How much is too much is for whoever reads the body to say."""
    for length in (0, 1, 16_384, 16_385, 10**9, 9_999_999_999):
        found = _split.head(head(f"Content-Length: {length}"))[1]
        assert found is not None
        assert found["content_length"] == length


def test_t49_what_proxies_say_changes_nothing() -> None:
    """X-Forwarded-* and Forwarded are not even looked at; a target with a host in it is not ours."""
    plain, *others = (
        _split.head(head(*fields))[1]
        for fields in (
            (),
            ("X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: a", "X-Forwarded-Proto: https"),
            (
                "Forwarded: for=127.0.0.1;host=a;proto=https",
                "X-Real-IP: 127.0.0.1",
                "X-Original-URL: /metrics",
            ),
            ("X-Forwarded-For: a", "X-Forwarded-For: b", "X-HTTP-Method-Override: GET"),
        )
    )
    assert plain is not None
    for other in others:
        assert other is not None
        assert {**other, "head_end": 0} == {**plain, "head_end": 0}


def test_t50_ten_thousand_requests_in_one_piece() -> None:
    """Each ends where the next begins, whatever stands behind it."""
    one = JAVA + bytes(76)
    octets = memoryview(one * 10_000)
    at = count = 0
    while at < len(octets):
        found = _split.head(octets[at : at + 20_000])[1]
        assert found is not None
        assert found["head_end"] == len(JAVA)
        at += found["head_end"] + (found["content_length"] or 0)
        count += 1
    assert (count, at) == (10_000, len(octets))


@given(ordinary().map(lambda asked: asked.head + asked.wire) | confusing())
@settings(UNTIMED, max_examples=200)
def test_a_verdict_is_not_taken_back(octets: bytes) -> None:
    """PARTIAL up to some octet; from there on always the same verdict, with the same fields."""
    decided = None
    for at in range(len(octets) + 1):
        found = _split.head(octets[:at])
        if decided is not None:
            assert found == decided
        elif found[0] != _split.PARTIAL:
            decided = found
            if found[1] is not None:
                assert found[1]["head_end"] == at


@given(ordinary())
@settings(UNTIMED)
def test_an_ordinary_head_has_its_end_where_it_was_written(asked: Ordinary) -> None:
    """The last octet of the empty line decides, not one before it, and none behind it."""
    assert verdict(asked.head[:-1]) == _split.PARTIAL
    found = _split.head(asked.head + asked.wire)[1]
    assert found is not None
    assert found["head_end"] == len(asked.head)
