"""The fast path and the ordinary route say the same, octet by octet, whatever is asked, however it comes."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import pytest
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.ocsp.request import MAX_REQUEST_OCTETS, MOST_CERT_IDS
from tests.der_writer import extension
from tests.features.edge_sockets import one_by_one, pieces
from tests.features.ocsp_face import FAST, ORDINARY
from tests.features.ocsp_routes import (
    ERRORS,
    Running,
    both_running,
    both_until_closed,
    chunked,
    get,
    post,
    said_by_both,
    text_of,
)
from tests.features.odd_heads import LEFT_TO_AIOHTTP, SMUGGLING
from tests.features.request_heads import UNTIMED, head
from tests.forged_requests import bare_nonce, nonce, request, requestor, signature_of, some_cert_id
from tests.revocation.ocsp_world import CEILING, HASH_OIDS, HELD, HIGH_BIT, REVOKED, cert_id

pytestmark = pytest.mark.timeout(300)

ASKED = request(cert_id())
#: Its base64 has everything that a path may spell in several ways.
SPELLED = request(cert_id(0x3EFBEF), cert_id(), extensions=(nonce(b"\xfb\xef\xbe\xff\xff>?" * 3),))
CLOSING = get(ASKED, "Connection: close")

BODIES = {
    "good": ASKED,
    "revoked": request(cert_id(REVOKED)),
    "held": request(cert_id(HELD)),
    "high bit": request(cert_id(HIGH_BIT)),
    "negative": request(cert_id(b"\xfe")),
    "never issued": request(cert_id(CEILING + 1)),
    "zero": request(cert_id(0)),
    "twenty octets": request(cert_id(b"\x7f" * 20)),
    "twenty-one octets": request(cert_id(b"\x7f" * 21)),
    "not minimal": request(cert_id(b"\x00\x09")),
    "another generation": request(cert_id(generation=1)),
    "unknown issuer": request(some_cert_id()),
    "unknown hash": request(some_cert_id(hash_name="1.2.3.4")),
    **{hash_name: request(cert_id(hash_name=hash_name)) for hash_name in HASH_OIDS},
    **{f"{name} without NULL": request(cert_id(hash_name=name, parameters=b"")) for name in HASH_OIDS},
    "odd parameters": request(cert_id(parameters=b"\x04\x00")),
    "nonce": request(cert_id(), extensions=(nonce(b"n" * 32),)),
    "nonce of one octet": request(cert_id(), extensions=(nonce(b"n"),)),
    "nonce of 128 octets": request(cert_id(), extensions=(nonce(b"n" * 128),)),
    "nonce of 129 octets": request(cert_id(), extensions=(nonce(b"n" * 129),)),
    "empty nonce": request(cert_id(), extensions=(nonce(b""),)),
    "bare nonce": request(cert_id(), extensions=(bare_nonce(b"n" * 16),)),
    "critical nonce": request(cert_id(), extensions=(nonce(b"n" * 16, critical=True),)),
    "nonce for unlisted": request(cert_id(4242), extensions=(nonce(b"n" * 16),)),
    "nonce for unknown": request(some_cert_id(), extensions=(nonce(b"n" * 16),)),
    "two": request(cert_id(REVOKED), cert_id()),
    "the same twice": request(cert_id(), cert_id()),
    "two generations": request(cert_id(), cert_id(generation=1)),
    "one of two unknown": request(cert_id(), some_cert_id()),
    "as many as are taken": request(*[cert_id(n + 100) for n in range(MOST_CERT_IDS)]),
    "too many": request(*[cert_id(n + 100) for n in range(MOST_CERT_IDS + 1)]),
    "several and a nonce": request(cert_id(), cert_id(HELD), extensions=(nonce(b"m" * 16),)),
    "unknown extension": request(cert_id(), extensions=(extension("1.2.3", b"\x05\x00"),)),
    "unknown critical": request(cert_id(), extensions=(extension("1.2.3", b"\x05\x00", critical=True),)),
    "requestor": request(cert_id(), requestor=requestor(b"\x82\x01a")),
    "signed": request(cert_id(), signature=signature_of()),
    "no CertID": request(),
    "empty": b"",
    "one octet": b"\x30",
    "garbage": b"no",
    "cut": ASKED[:-1],
    "an octet more": ASKED + b"\x00",
    "indefinite length": b"\x30\x80" + ASKED[2:] + b"\x00\x00",
    "largest": b"\x30" * MAX_REQUEST_OCTETS,
    "too large": b"\x30" * (MAX_REQUEST_OCTETS + 1),
}  # fmt: skip

FIELDS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "close": ("Connection: close",),
    "keep-alive": ("Connection: keep-alive",),
    "expect": ("Expect: 100-continue",),
    "any tag": ("If-None-Match: *",),
    "another tag": ('If-None-Match: "x"',),
    "type": ("Content-Type: text/plain",),
    "identity": ("Content-Encoding: identity",),
    "gzip": ("Content-Encoding: gzip",),
    "key": ("Authorization: Bearer jpk_test_x",),
}

TEXT = b64encode(SPELLED).decode()
SPELLINGS = {
    "whole": quote(TEXT, safe=""),
    "plus and slash bare": TEXT,
    "space": quote(TEXT, safe="").replace("%2B", "%20"),
    "lower case": quote(TEXT, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
    "no padding": quote(TEXT.rstrip("="), safe=""),
    "base64url": urlsafe_b64encode(SPELLED).decode(),
    "base64url without padding": urlsafe_b64encode(SPELLED).decode().rstrip("="),
    "twice": quote(quote(TEXT, safe=""), safe=""),
    "query": quote(TEXT, safe="") + "?x=1",
    "query mark alone": quote(TEXT, safe="") + "?",
    "slashes before it": "//" + TEXT,
    "nothing but a query": "?x=1",
    "a slash": "/",
    "a file": "favicon.ico",
    "percent": "%",
    "bad percent": "%zz",
    "NUL": "%00",
    "line end": "MA%0D%0A",
    "word": "delegated",
    "word and slash": "delegated/",
    "dots": "../ocsp/" + TEXT,
    "long": "M" * 7000,
}

TARGETS = ["/ocsp", "/ocsp/", "/ocsp/delegated", "/ocsp/delegated/", "/ocsp?x", "/ocsp/?x", "/ocsp//",
           "/ocs", "/", "/ocspx", "/ocsp/delegatedx", "/OCSP", "/%6fcsp", "/ocsp/delegated?x=1", "/ocsp%2F",
           "/healthz", "/ocsp/x", "/ocsp/delegated/x", "//ocsp"]  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with both_running(tmp_path_factory.mktemp("sets")) as running:
        yield running


def same(both: Running, *sent: bytes, heads: tuple[bool, ...] = (), ends: bool = False) -> list[bytes]:
    """What both say to these pieces; where they do not end the connection one more request does."""
    fast, ordinary = both.run(both_until_closed(both.faces, [*sent, *([] if ends else [CLOSING])], heads))
    assert fast == ordinary
    return fast


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/delegated"])
@pytest.mark.parametrize("name", list(BODIES))
def test_every_body_by_every_method(both: Running, name: str, path: str) -> None:
    """Asked three times each, so that what was not in memory at first is; POST, in chunks, GET and HEAD."""
    body = BODIES[name]
    for _ in range(3):
        first = same(both, post(body, path=path))[0]
        same(both, chunked(body, 5, 1, path=path))
        if len(text_of(body)) < 8000 and body:
            got = same(both, get(body, path=path))[0]
            assert got == first
            headers = same(both, get(body, path=path, method="HEAD"), heads=(True, False))[0]
            assert first.startswith(headers)
            assert headers.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("name", list(FIELDS))
def test_every_field_with_every_method(both: Running, name: str, minor: int) -> None:
    """Fields that say something about the connection, the cache, the caller, or the body."""
    for body, method in product((BODIES["revoked"], ASKED, BODIES["nonce"], b"no"), ("POST", "GET", "HEAD")):
        if method == "POST":
            whole = post(body, *FIELDS[name], minor=minor)
        else:
            whole = get(body, *FIELDS[name], minor=minor, method=method)
        ends = name == "close" or (minor == 0 and name != "keep-alive")
        for _ in range(2):
            same(both, whole, heads=(method == "HEAD", False), ends=ends)


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/delegated"])
@pytest.mark.parametrize("name", list(SPELLINGS))
def test_every_spelling_of_a_path(both: Running, name: str, path: str) -> None:
    """bad-inputs.md, item 39, with whatever is no spelling of a request at all."""
    for method in ("GET", "HEAD"):
        same(both, get(SPELLINGS[name], path=path, method=method), heads=(method == "HEAD", False))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH"])
def test_every_address_by_every_method(both: Running, target: str, method: str) -> None:
    """What is ours, what is the application's, and what is nowhere."""
    body = ASKED if method in {"POST", "PUT", "PATCH"} else b""
    whole = head(*([f"Content-Length: {len(body)}"] if body else []), start=f"{method} {target} HTTP/1.1")
    same(both, whole + body, heads=(method == "HEAD", False))


def test_a_tag_that_is_known_is_not_sent_again(both: Running) -> None:
    """If-None-Match with the very tag, weak, in a list, with others; POST does not look at it."""
    body = BODIES["revoked"]
    tag = next(
        line[6:].decode() for line in same(both, post(body))[0].split(b"\r\n") if line.startswith(b"ETag: ")
    )
    for value, status in (
        (tag, 304),
        (f"W/{tag}", 304),
        (f'"a", {tag}', 304),
        (f' "a" ,\t{tag} , "b"', 304),
        (tag.strip('"'), 200),
        (tag.upper(), 200),
        (f"{tag}x", 200),
        (",,", 200),
    ):
        for minor in (0, 1):
            for method in ("GET", "HEAD"):
                sent = get(body, f"If-None-Match: {value}", minor=minor, method=method)
                found = same(both, sent, heads=(method == "HEAD", False), ends=minor == 0)[0]
                assert found.split(b" ")[1] == b"%d" % status, value
            assert (
                b" 200 OK"
                in same(both, post(body, f"If-None-Match: {value}", minor=minor), ends=minor == 0)[0]
            )


@pytest.mark.parametrize("name", [*SMUGGLING, *LEFT_TO_AIOHTTP])
def test_odd_heads(both: Running, name: str) -> None:
    """What the splitter leaves to aiohttp: the same refusal, the same end, also behind ordinary requests."""
    odd = {**SMUGGLING, **LEFT_TO_AIOHTTP}[name]
    is_head = odd.startswith(b"HEAD")
    for sent, heads in (([odd], [is_head]), ([post(ASKED), get(ASKED), odd], [False, False, is_head])):
        said = both.run(said_by_both(both.faces, sent, heads))
        assert said[FAST] == said[ORDINARY]


SHORT = {
    "POST": post(ASKED),
    "chunked": chunked(ASKED, 7, 1),
    "GET": get(ASKED),
    "garbage": post(b"no"),
    "nonce": post(BODIES["nonce"]),
    "odd": head(start="PUT /ocsp HTTP/1.1"),
}


@pytest.mark.parametrize("name", list(SHORT))
def test_every_place_to_cut(both: Running, name: str) -> None:
    """Two pieces, cut anywhere; and octet by octet."""
    octets = SHORT[name]
    whole = same(both, octets)
    for at in range(1, len(octets), 3):
        assert same(both, *pieces(octets, [at])) == whole
    assert same(both, *one_by_one(octets)) == whole


SEVERAL = {
    "POST": (post(ASKED), False),
    "GET": (get(BODIES["revoked"]), False),
    "HEAD": (get(ASKED, method="HEAD"), True),
    "chunked": (chunked(BODIES["held"], 3), False),
    "malformed": (post(b""), False),
    "unknown": (get(BODIES["unknown issuer"]), False),
    "several": (post(BODIES["two"]), False),
    "nonce": (post(BODIES["nonce"]), False),
    "unchanged": (get(ASKED, "If-None-Match: *"), False),
    "elsewhere": (head(start="GET /elsewhere HTTP/1.1"), False),
    "put": (head("Content-Length: 3", start="PUT /ocsp HTTP/1.1") + b"abc", False),
}


@pytest.mark.parametrize("names", list(product(SEVERAL, repeat=2)), ids="-".join)
def test_pairs_in_one_piece(both: Running, names: tuple[str, str]) -> None:
    """Pipelined (RFC 9112 section 9.3.2): every order of two, answered in order."""
    some = [SEVERAL[name] for name in names]
    found = same(both, b"".join(octets for octets, _ in some), heads=tuple(h for _, h in some))
    assert len(found) == 3


@given(names=st.lists(st.sampled_from(list(SEVERAL)), min_size=3, max_size=8), cuts=st.data())
@settings(UNTIMED, max_examples=60)
def test_many_in_any_pieces(both: Running, names: list[str], cuts: st.DataObject) -> None:
    """Any requests, pipelined, in whatever pieces."""
    octets = b"".join(SEVERAL[name][0] for name in names)
    places = cuts.draw(st.lists(st.integers(1, len(octets) - 1), max_size=6))
    heads = tuple(SEVERAL[name][1] for name in names)
    assert len(same(both, *pieces(octets, places), heads=heads)) == len(names) + 1


def test_errors_are_nobodys_to_keep(both: Running) -> None:
    """RFC 9919 section 6.2, and the whole of an answer as it stands on the wire."""
    date = both.faces.answers.date
    assert same(both, post(b""))[0] == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: 5\r\nDate: " + date
        + b"\r\nServer: jpki-status\r\nX-Content-Type-Options: nosniff\r\n"
        b"Cache-Control: no-cache, no-store\r\n\r\n" + ERRORS["malformed"]
    )  # fmt: skip
    found = same(both, get(BODIES["revoked"]))[0]
    headers, _, body = found.partition(b"\r\n\r\n")
    assert b"\r\nDate: " + date + b"\r\n" in headers
    assert ocsp.load_der_ocsp_response(body).certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert b"public, no-transform, must-revalidate" in headers
