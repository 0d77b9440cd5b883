"""The splitter of request heads, rule by rule (RFC 9112, RFC 9110)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from platform_api.ocsp import _split
from tests.features.aiohttp_parser import AiohttpReading, Refused, event_loop
from tests.features.request_heads import Ordinary, confusing, head, ordinary

MOST = 8192

#: As real clients send it.
JAVA = head(
    "Content-Type: application/ocsp-request", "Accept: application/ocsp-response", "User-Agent: Java/17.0.1",
    "Connection: keep-alive", "Content-Length: 76", host="Host: ocsp.example.jp:8080",
)  # fmt: skip
OPENSSL = head("Content-Type: application/ocsp-request", "Content-Length: 110", start="POST / HTTP/1.0")
CURL = head("Accept: */*", "Expect: 100-continue", "Transfer-Encoding: chunked", "User-Agent: curl/8.5.0")
NSS = head(start="GET /ocsp/MFIwUDBOMEwwSjAJBgUrDgMCGgUABBQ%2B%2F HTTP/1.0", host=None)


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


#: T44, the parser's part: what must never be answered as if it were ordinary, and aiohttp answers with 400.
SMUGGLING = {
    "length and coding": head("Content-Length: 5", "Transfer-Encoding: chunked"),
    "coding and length": head("Transfer-Encoding: chunked", "Content-Length: 5"),
    "an unknown coding": head("Transfer-Encoding: xchunked"),
    "two lengths": head("Content-Length: 5", "Content-Length: 6"),
    "the same length twice": head("Content-Length: 5", "content-length: 5"),
    "a signed length": head("Content-Length: +4"),
    "a list of lengths": head("Content-Length: 4, 4"),
    "a length of two words": head("Content-Length: 4 4"),
    "no length": head("Content-Length:"),
    "a bare LF": b"POST / HTTP/1.1\nHost: a\n\n",
    "a bare LF once": b"POST / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "a bare CR": b"POST / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
    "obs-fold": head("X: a", " b"),
    "space before the colon": head("Content-Length : 4"),
    "space before the first name": b"POST / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
    "no name": head(": a"),
    "no colon": head("nothing"),
    "a name that is no token": head("X(: a"),
    "NUL in a value": head("X: a\x00b"),
    "a control in a value": head("X: a\x0bb"),
    "DEL in a value": head("X: a\x7fb"),
    "no Host": head(host=None),
    "two Hosts": head("Host: b"),
    "another octet in the version": head(start="POST / HTTP/1.#"),
    "HTTP/1.2": head(start="POST / HTTP/1.2"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tab in the request line": head(start="POST\t/ HTTP/1.1"),
    "TLS": bytes.fromhex("160301020001000200"),
    "two codings": head("Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked"),
    "two of a kind": head("Content-Type: a/b", "Content-Type: a/b"),
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_t44_what_two_parsers_may_read_in_two_ways_is_odd(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Ours leaves it to aiohttp, whose compiled parser refuses it."""
    assert verdict(SMUGGLING[name]) == _split.ODD
    with pytest.raises(Refused):
        AiohttpReading(loop).feed(SMUGGLING[name])


#: No error, but rare: aiohttp's to answer, with 405, 417, 101, or as any other request.
LEFT_TO_AIOHTTP = {
    "another method": head(start="PUT /ocsp HTTP/1.1"),
    "a method in lower case": head(start="post /ocsp HTTP/1.1"),
    "absolute-form": head(start="POST http://ocsp.example.jp/ocsp HTTP/1.1"),
    "asterisk-form": head(start="OPTIONS * HTTP/1.1"),
    "authority-form": head(start="CONNECT ocsp.example.jp:80 HTTP/1.1"),
    "HTTP/0.9": head(start="GET /"),
    "a fragment": head(start="GET /ocsp#x HTTP/1.1"),
    "an octet beyond ASCII in the target": head(start="GET /\xe9 HTTP/1.1"),
    "two spaces": head(start="POST  /ocsp HTTP/1.1"),
    "an empty line before it": b"\r\n" + JAVA,
    "an octet beyond ASCII in a value": head("X: \xe9"),
    "a coding in upper case": head("Transfer-Encoding: CHUNKED"),
    "a coding in HTTP/1.0": head("Transfer-Encoding: chunked", start="POST / HTTP/1.0"),
    "white space behind a length": head("Content-Length: 5 "),
    "a length of eleven digits": head("Content-Length: 00000000005"),
    "an upgrade": head("Connection: upgrade", "Upgrade: websocket"),
    "an Upgrade field alone": head("Upgrade: h2c"),
    "two Connection fields": head("Connection: close", "Connection: close"),
    "two connection options": head("Connection: keep-alive, close"),
    "Proxy-Connection": head("Proxy-Connection: close"),
    "another expectation": head("Expect: 200-ok"),
    "an expectation in HTTP/1.0": head("Expect: 100-continue", start="POST / HTTP/1.0"),
    "two Authorizations": head("Authorization: Bearer a", "Authorization: Bearer b"),
    "an empty Authorization": head("Authorization: "),
    "two If-None-Matches": head('If-None-Match: "a"', "If-None-Match: *"),
    "two codings of content": head("Content-Encoding: identity", "Content-Encoding: identity"),
    "an empty Host": head(host="Host:"),
    "a Host with a user": head(host="Host: me@a"),
    "a Host of two words": head(host="Host: a b"),
    "a Host with a path": head(host="Host: a/b"),
    "GET with a body": head("Content-Length: 5", start="GET /ocsp HTTP/1.1"),
    "HEAD with chunks": head("Transfer-Encoding: chunked", start="HEAD /ocsp HTTP/1.1"),
    "65 fields": head(*(f"X{number}: y" for number in range(64))),
}


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
@settings(max_examples=400)
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
def test_an_ordinary_head_has_its_end_where_it_was_written(asked: Ordinary) -> None:
    """The last octet of the empty line decides, not one before it, and none behind it."""
    assert verdict(asked.head[:-1]) == _split.PARTIAL
    found = _split.head(asked.head + asked.wire)[1]
    assert found is not None
    assert found["head_end"] == len(asked.head)
