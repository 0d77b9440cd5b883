"""Request heads for tests of the splitter: ordinary ones, and ones written to confuse two parsers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

#: A busy machine is no failure.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def head(
    *fields: str, start: str = "POST /ocsp HTTP/1.1", host: str | None = "Host: ocsp.example.jp"
) -> bytes:
    """A head of these lines; Host among them unless it is None."""
    lines = [start, *([host] if host is not None else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


@dataclass(frozen=True)
class Ordinary:
    """An ordinary request as it was meant."""

    method: str
    target: str
    minor_version: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    chunks: tuple[bytes, ...] | None

    @property
    def head(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.{self.minor_version}"]
        lines += [f"{name}:{value}" for name, value in self.fields]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    @property
    def wire(self) -> bytes:
        """The body as it is sent."""
        if self.chunks is None:
            return self.body
        return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in self.chunks) + b"0\r\n\r\n"

    def value(self, name: str) -> str | None:
        found = [value.strip(" \t") for key, value in self.fields if key.lower() == name]
        return found[0] if found else None


_SPACE = st.sampled_from(["", " ", " ", " ", "\t", "  "])
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_VALUE = st.text(_VISIBLE + " \t", max_size=30)
_PLAIN_VALUE = st.text(_VISIBLE, min_size=1, max_size=20)
_USUAL = st.sampled_from([
    "Accept", "Accept-Encoding", "User-Agent", "Content-Type", "Cookie", "Forwarded", "X-Forwarded-For",
    "X-Forwarded-Host", "X-Forwarded-Proto", "Via", "Date", "Range", "If-Modified-Since", "Cache-Control",
    "ETag", "Accept-Language",
])  # fmt: skip
_MEANT = {"host", "content-length", "transfer-encoding", "connection", "expect", "authorization", "upgrade"}
_MEANT |= {"if-none-match", "content-encoding", "proxy-connection", "sec-websocket-key1"}


@st.composite
def _case(draw: st.DrawFn, name: str) -> str:
    return draw(st.sampled_from([name, name.lower(), name.upper(), name.swapcase()]))


@st.composite
def ordinary(draw: st.DrawFn) -> Ordinary:
    """Whatever the splitter must take as ordinary."""
    method = draw(st.sampled_from(["POST", "POST", "GET", "HEAD"]))
    minor = draw(st.sampled_from([1, 1, 1, 0]))
    target = "/" + draw(st.text(_VISIBLE.replace("#", ""), max_size=40))
    fields: list[tuple[str, str]] = []
    if minor == 1 or draw(st.booleans()):
        host = draw(st.sampled_from(["ocsp.example.jp", "localhost:8080", "[::1]:80", "127.0.0.1", "a_b-c"]))
        fields.append((draw(_case("Host")), draw(_SPACE) + host + draw(_SPACE)))
    body, chunks = b"", None
    if method == "POST":
        body = draw(st.binary(max_size=40))
        if minor == 1 and draw(st.booleans()):
            cuts = sorted(draw(st.sets(st.integers(1, max(1, len(body))), max_size=4)) | {0, len(body)})
            chunks = tuple(body[a:b] for a, b in pairwise(cuts) if body[a:b])
            fields.append((draw(_case("Transfer-Encoding")), draw(_SPACE) + "chunked"))
        elif body or draw(st.booleans()):
            size = draw(st.sampled_from(["", "0", "000"])) + str(len(body))
            fields.append((draw(_case("Content-Length")), draw(_SPACE) + size))
    elif draw(st.booleans()):
        fields.append(("Content-Length", " 0"))
    if draw(st.booleans()):
        token = draw(st.sampled_from(["close", "keep-alive", "Keep-Alive", "Close"]))
        fields.append((draw(_case("Connection")), draw(_SPACE) + token))
    if minor == 1 and draw(st.booleans()):
        expected = draw(st.sampled_from(["100-continue", "100-Continue"]))
        fields.append((draw(_case("Expect")), draw(_SPACE) + expected + draw(_SPACE)))
    for name in ("Authorization", "If-None-Match"):
        if draw(st.booleans()):
            fields.append((draw(_case(name)), draw(_SPACE) + draw(_PLAIN_VALUE) + draw(_SPACE)))
    if draw(st.integers(0, 9)) == 0:
        coding = draw(st.sampled_from(["identity", "gzip", "unheard-of"]))
        fields.append((draw(_case("Content-Encoding")), " " + coding))
    names = st.text(TOKEN, min_size=1, max_size=20).filter(lambda one: one.lower() not in _MEANT) | _USUAL
    for name in draw(st.lists(names, max_size=8, unique_by=str.lower)):
        fields.append((name, draw(_VALUE)))
    return Ordinary(method, target, minor, tuple(draw(st.permutations(fields))), body, chunks)


#: Lines that two parsers may well read in two ways.
CONFUSING = [
    "Content-Length: 5", "Content-Length: 0", "Content-Length: +5", "Content-Length: -1",
    "Content-Length: 5, 5", "Content-Length: 0x5", "Content-Length: 5 ", "Content-Length:5\t",
    "Content-Length: 00000000005", "Content-Length: 18446744073709551621", "Content-Length:",
    "Content-Length : 5", " Content-Length: 5", "Content-Length\t: 5", "Content_Length: 5",
    "Content-Length: 5\x00", "Content-Length: 5\x0b", "Content-Length: \xb2", "Content-Length: 5\rX: y",
    "Content-Length: 5\nX: y", "Content-Length: 1\r\n 2", "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Transfer-Encoding: chunked ",
    "Transfer-Encoding:\tchunked", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding : chunked",
    "Transfer-Encoding: chunked;q=1", 'Transfer-Encoding: "chunked"', "Transfer-Encoding:",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked\r\n ", "Connection: close",
    "Connection: keep-alive", "Connection: keep-alive, close", "Connection: upgrade",
    "Connection: close, x", "Connection: keep-alive ", "Connection: closed", "Connection:",
    "Connection: ,close", "Proxy-Connection: close", "Proxy-Connection: keep-alive", "Upgrade: websocket",
    "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "Keep-Alive: timeout=5", "Host: b.example",
    "Host: a b", "Host:", "Host: a,b", "Host: user@a", "Expect: 100-continue", "Expect: 200-ok",
    "Expect: 100-continue, x", "Expect:", "Content-Encoding: gzip", "Content-Encoding: identity",
    "Content-Type: a/b", "User-Agent: x", "ETag: x", "Sec-WebSocket-Key1: x", "X: \xe9", "X: \x7f",
    "X: a\tb", "X:", ": x", "X", "", "X : y", "X\x00: y", "\tfold", "If-None-Match: *",
    "Authorization: Basic x", "Trailer: x", "TE: trailers", "HTTP/1.1 200 OK", "Max-Forwards: 1",
]  # fmt: skip

STARTS = [
    "POST /ocsp HTTP/1.1", "GET /ocsp/MA HTTP/1.1", "HEAD / HTTP/1.1", "POST / HTTP/1.0",
    "GET / HTTP/1.0", "post / HTTP/1.1", "PUT / HTTP/1.1", "OPTIONS * HTTP/1.1", "POST * HTTP/1.1",
    "CONNECT a:1 HTTP/1.1", "POST http://a/ocsp HTTP/1.1", "POST  / HTTP/1.1", "POST /  HTTP/1.1",
    "POST /a b HTTP/1.1", "POST / HTTP/1.1 ", "POST / HTTP/1.2", "POST / HTTP/2.0", "POST / HTTP/0.9",
    "POST / http/1.1", "POST / HTTP/1.10", "POST /", "POST / HTTPS/1.1", "POST\t/ HTTP/1.1",
    "POST /#x HTTP/1.1", "POST /\xe9 HTTP/1.1", "POST //a HTTP/1.1", "POST /?x HTTP/1.1", "",
    " POST / HTTP/1.1", "\r\nPOST / HTTP/1.1", "POST /\x00 HTTP/1.1", "GET /%zz HTTP/1.1",
    "PRI * HTTP/2.0", "POST ocsp HTTP/1.1", "POST / ICE/1.1", "POST / RTSP/1.0",
    "GET /a\\b|{}^`\"<> HTTP/1.1",
]  # fmt: skip

_SPECIAL = [
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b":",
    b"\x00",
    b",",
    b"0",
    b"\x80",
    b"\x7f",
    b"#",
    b"?",
    b"\r\n\r\n",
]


@st.composite
def confusing(draw: st.DrawFn) -> bytes:
    """Lines from the lists above in any order, with some octets changed, and a body or two behind."""
    lines = [draw(st.sampled_from(STARTS[:5] * 5 + STARTS))]
    if draw(st.integers(0, 7)):
        lines.append("Host: a.example")
    lines += draw(st.lists(st.sampled_from(CONFUSING), max_size=4))
    ends = draw(st.sampled_from(["\r\n"] * 9 + ["\n", "\r"]))
    octets = bytearray((ends.join(lines) + ends + ends).encode("latin-1"))
    octets += draw(st.sampled_from([b"", b"12345", b"5\r\n12345\r\n0\r\n\r\n"])) + draw(
        st.sampled_from([b"", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"])
    )
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        at = draw(st.integers(0, len(octets)))
        octets[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from(_SPECIAL) | st.binary(max_size=1))
    return bytes(octets)
