"""The reader of chunked bodies (RFC 9112 section 7.1), rule by rule and against aiohttp's parser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_api.ocsp import _split
from tests.features.aiohttp_parser import AiohttpReading, Refused, event_loop
from tests.features.request_heads import UNTIMED, head

ROOM = 16_384
HEAD = head("Transfer-Encoding: chunked")


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with event_loop() as made:
        yield made


def chunks(*pieces: bytes, size: str = "%x", last: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join((size % len(one)).encode() + b"\r\n" + one + b"\r\n" for one in pieces) + last


WHOLE = {
    "none": (chunks(), b""),
    "one": (chunks(b"abc"), b"abc"),
    "several": (chunks(b"abc", b"\r\n0\r\n\r\n", b"x" * 300), b"abc\r\n0\r\n\r\n" + b"x" * 300),
    "sizes in upper case": (chunks(b"y" * 0xAF, size="%X"), b"y" * 0xAF),
    "sizes of eight digits": (chunks(b"abc", size="%08x", last=b"00000000\r\n\r\n"), b"abc"),
    "256 chunks": (chunks(*[b"a"] * 256), b"a" * 256),
    "all the room": (chunks(bytes(ROOM)), bytes(ROOM)),
}

ODD = {
    "an extension": b"3;a=b\r\nabc\r\n0\r\n\r\n",
    "an extension of the last one": b"3\r\nabc\r\n0;a\r\n\r\n",
    "a trailer": b"3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    "space behind a size": b"3 \r\nabc\r\n0\r\n\r\n",
    "space before a size": b" 3\r\nabc\r\n0\r\n\r\n",
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a signed size": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\nabc\r\n0\r\n\r\n",
    "no digit": b"g\r\nabc\r\n0\r\n\r\n",
    "a size of nine digits": b"000000003\r\nabc\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    "a bare LF behind a size": b"3\nabc\r\n0\r\n\r\n",
    "a bare CR behind a size": b"3\rabc\r\n0\r\n\r\n",
    "a bare LF behind the data": b"3\r\nabc\n0\r\n\r\n",
    "more data than the size": b"3\r\nabcd\r\n0\r\n\r\n",
    "no line end at the end": b"3\r\nabc\r\n0\r\n\n",
    "257 chunks": chunks(*[b"a"] * 257),
}


@pytest.mark.parametrize("name", WHOLE)
def test_bodies_in_chunks(name: str) -> None:
    """The data and the octets on the wire; every beginning is partial, and what follows changes nothing."""
    wire, body = WHOLE[name]
    assert _split.chunked(wire, ROOM) == (_split.WHOLE, body, len(wire))
    assert _split.chunked(wire + b"GET / HTTP/1.1\r\n", len(body)) == (_split.WHOLE, body, len(wire))
    for at in (*range(min(len(wire), 400)), len(wire) - 2, len(wire) - 1):
        assert _split.chunked(wire[: max(0, at)], ROOM) == (_split.PARTIAL, None, None)


@pytest.mark.parametrize("name", ODD)
def test_t44_a_body_in_odd_chunks_is_odd(name: str) -> None:
    """Extensions, trailers, white space and line ends of another kind are aiohttp's to judge."""
    assert _split.chunked(ODD[name], ROOM) == (_split.ODD, None, None)


def test_t46_chunks_beyond_the_room_are_too_large() -> None:
    """As soon as their sizes say so, before the data is there."""
    assert _split.chunked(b"4001\r\n", ROOM) == (_split.TOO_LARGE, None, None)
    assert _split.chunked(b"ffffffff\r\n", ROOM) == (_split.TOO_LARGE, None, None)
    assert _split.chunked(b"ffffffff", ROOM) == (_split.PARTIAL, None, None)
    assert _split.chunked(chunks(b"abc", b"de"), 4) == (_split.TOO_LARGE, None, None)
    assert _split.chunked(chunks(b"abc", b"de"), 5)[0] == _split.WHOLE
    assert _split.chunked(chunks(), 0) == (_split.WHOLE, b"", 5)


def agrees(wire: bytes, loop: asyncio.AbstractEventLoop) -> bool:
    """True where the body is ours; aiohttp must then find the same one, with the same end."""
    verdict, body, used = _split.chunked(wire, ROOM)
    if verdict != _split.WHOLE:
        return False
    reading = AiohttpReading(loop)
    (message,) = reading.feed(HEAD + wire[:used], one_by_one=True)
    assert used is not None
    assert (message.body, message.end) == (body, len(HEAD) + used)
    return True


_SIZE = st.sampled_from(["%x", "%X", "%02x", "%08x", "%09x"])
_PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


@given(
    _PIECES,
    _SIZE,
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from([*b"\r\n 0;1afgx\x00"])), max_size=3),
)
@settings(UNTIMED, max_examples=600)
def test_whatever_is_ours_is_the_same_for_aiohttp(
    loop: asyncio.AbstractEventLoop, pieces: list[bytes], size: str, changes: list[tuple[int, int]]
) -> None:
    """Chunked bodies with some octets changed: the same data and the same end, or not ours."""
    wire = bytearray(chunks(*pieces, size=size))
    for at, octet in changes:
        wire[at % len(wire)] = octet
    agrees(bytes(wire), loop)


def test_every_octet_at_every_place(loop: asyncio.AbstractEventLoop) -> None:
    """Any octet in place of another, or put in: ours where aiohttp reads the same, else not."""
    whole = chunks(b"abc", b"\r\n") + b"0\r\n\r\n" * 3
    ours = 0
    for at in range(len(whole)):
        for number in range(256):
            ours += agrees(whole[:at] + bytes([number]) + whole[at + 1 :], loop)
            ours += agrees(whole[:at] + bytes([number]) + whole[at:], loop)
    assert ours > 1000


#: What RFC 9112 has, and aiohttp takes.
TAKEN_BY_AIOHTTP = {
    "an extension",
    "an extension of the last one",
    "a trailer",
    "a size of nine digits",
    "257 chunks",
}


@pytest.mark.parametrize("name", ODD)
def test_t44_aiohttp_refuses_what_is_no_chunk(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """What is left to it is refused, or a message that ends where it should."""
    reading = AiohttpReading(loop)
    if name in TAKEN_BY_AIOHTTP:
        (message,) = reading.feed(HEAD + ODD[name], one_by_one=True)
        assert message.end == len(HEAD + ODD[name])
    else:
        with pytest.raises(Refused):
            reading.feed(HEAD + ODD[name] + b"\r\n")
