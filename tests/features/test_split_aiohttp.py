"""The splitter and aiohttp's own parser: what ours takes, aiohttp takes for the same message, to the octet.

That keeps a request from being smuggled past either (RFC 9112 section 11.2): a connection may go from the
one to the other between any two requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from platform_api.ocsp import _split
from tests.features.agreement import differ_nowhere, split
from tests.features.aiohttp_parser import AiohttpReading, Refused, event_loop
from tests.features.request_heads import CONFUSING, STARTS, UNTIMED, Ordinary, confusing, head, ordinary


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with event_loop() as made:
        yield made


@given(ordinary())
@settings(UNTIMED, max_examples=300)
def test_what_is_ordinary_is_whole_and_the_same_for_both(
    loop: asyncio.AbstractEventLoop, asked: Ordinary
) -> None:
    """Every ordinary request is ours, with the fields it was made of, and aiohttp's."""
    octets = asked.head + asked.wire
    verdict, found = _split.head(octets)
    assert verdict == _split.WHOLE
    assert found is not None
    length, encoding = asked.value("content-length"), asked.value("content-encoding")
    connection = (asked.value("connection") or "").lower()
    for name in ("authorization", "if_none_match"):
        value = asked.value(name.replace("_", "-"))
        assert found[name] == (None if value is None else value.encode())  # type: ignore[literal-required]
    assert found["head_end"] == len(asked.head)
    assert (found["method"], found["target"]) == (asked.method, asked.target.encode())
    assert found["minor_version"] == asked.minor_version
    assert found["keep_alive"] == (
        connection == "keep-alive" or (asked.minor_version == 1 and not connection)
    )
    assert found["content_length"] == (None if length is None else int(length))
    assert found["chunked"] == (asked.chunks is not None)
    assert found["expect_continue"] == (asked.value("expect") is not None)
    assert found["content_encoding_identity"] == (encoding in {None, "identity"})
    assert differ_nowhere(octets, loop) == found["content_encoding_identity"]


@given(confusing())
@settings(UNTIMED, max_examples=1500)
@example(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n12345")
def test_whatever_is_ours_is_the_same_for_aiohttp(loop: asyncio.AbstractEventLoop, octets: bytes) -> None:
    """Of heads that were written to confuse, each that ours takes is taken by aiohttp with the same end."""
    differ_nowhere(octets, loop)


def test_every_confusing_line_alone_and_twice(loop: asyncio.AbstractEventLoop) -> None:
    """Each start line with each field line, once and twice, and with each of the other framing lines."""
    framing = [None, "Content-Length: 5", "Transfer-Encoding: chunked"]
    ours = 0
    for start in STARTS:
        for line in CONFUSING:
            for also in (*framing, line):
                octets = (
                    head(*([line] if also is None else [line, also]), start=start)
                    + b"5\r\n12345\r\n0\r\n\r\n"
                )
                ours += differ_nowhere(octets, loop)
    assert ours > 100


def test_every_octet_at_every_place(loop: asyncio.AbstractEventLoop) -> None:
    """A head with any one of its octets replaced by any other, any octet put in, or one left out."""
    whole = (
        head("Content-Length: 3", "Connection: close", start="POST /o HTTP/1.1", host="Host: a") + b"abcdef"
    )
    ours = 0
    for at in range(len(whole) - 6):
        for number in range(256):
            one = bytes([number])
            ours += differ_nowhere(whole[:at] + one + whole[at + 1 :], loop)
            ours += differ_nowhere(whole[:at] + one + whole[at:], loop)
        ours += differ_nowhere(whole[:at] + whole[at + 1 :], loop)
    assert ours > 1000


@given(ordinary(), ordinary(), st.data())
@settings(UNTIMED, max_examples=100)
def test_two_in_a_row_end_where_one_does(
    loop: asyncio.AbstractEventLoop, first: Ordinary, second: Ordinary, data: st.DataObject
) -> None:
    """What follows a message changes nothing about it, however the octets come in."""
    alone = first.head + first.wire
    both = alone + second.head + second.wire
    one, two = split(alone), split(both)
    assert one is not None
    assert one == two
    assert one[2] == len(alone)
    rest = split(both[one[2] :])
    assert rest is not None
    assert rest[2] == len(second.head + second.wire)
    if all(asked[0]["content_encoding_identity"] for asked in (one, rest)):
        cut = data.draw(st.integers(0, len(both)))
        reading = AiohttpReading(loop)
        try:
            reading.feed(both[:cut])
            reading.feed(both[cut:])
        except Refused:
            # aiohttp takes nothing behind a message that closes the connection: neither may we.
            assert not one[0]["keep_alive"]
            return
        targets = [message.target.encode() for message in reading.messages]
        assert targets == [one[0]["target"], rest[0]["target"]][: len(targets)]
        assert len(targets) == 2 or not one[0]["keep_alive"]
