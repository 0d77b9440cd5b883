"""T11: a GET reaches the responder whole through nginx, however it is spelt (``deploy/nginx-ocsp.conf``).

Base64 may hold ``//``, ``+`` and ``=``; clients and proxies differ in what they encode of it (bad-inputs.md,
item 39). Let's Encrypt lost four of five requests for 17 hours in 2017 by a proxy that merged slashes.
"""

from __future__ import annotations

import socket
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.clients.cases import Client, Kind, Status, Trust
from tests.clients.conftest import Responders
from tests.clients.nginx import free_port, nginx

pytestmark = [pytest.mark.clients, pytest.mark.timeout(90)]

CLIENT = Client("behind nginx (T11)", {"nginx": "nginx-light"}, ())
_EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx-ocsp.conf"


def _lower(text: str) -> str:
    """Percent-encoded with lower-case digits."""
    for sign in "+/=":
        text = text.replace(sign, quote(sign, safe="").lower())
    return text


_SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "bare": lambda der: b64encode(der).decode(),
    "percent": lambda der: quote(b64encode(der).decode(), safe=""),
    "percent-lower-case": lambda der: _lower(b64encode(der).decode()),
    "slashes-bare": lambda der: quote(b64encode(der).decode(), safe="/"),
    "plus-bare": lambda der: quote(b64encode(der).decode(), safe="+"),
    "no-padding": lambda der: b64encode(der).decode().rstrip("="),
    "no-padding-percent": lambda der: quote(b64encode(der).decode().rstrip("="), safe=""),
    "base64url": lambda der: urlsafe_b64encode(der).decode(),
    "percent-twice": lambda der: quote(quote(b64encode(der).decode(), safe=""), safe=""),
}


def _example(responders: Responders, port: int) -> str:
    """The example with our two ports in it and nothing else changed."""
    text = _EXAMPLE.read_text()
    relay = responders.relays[Kind.P256, Trust.LOCAL]
    text = _replaced(text, "127.0.0.1:8080", f"127.0.0.1:{relay.port}")
    return _replaced(text, "listen 80;", f"listen 127.0.0.1:{port};")


def _replaced(text: str, said: str, here: str) -> str:
    assert text.count(said) == 1, said
    return text.replace(said, here)


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory, responders: Responders) -> Iterator[int]:
    """nginx's port."""
    port = free_port()
    with nginx(tmp_path_factory.mktemp("nginx"), _example(responders, port), port):
        yield port


@pytest.fixture(scope="module", params=["plain", "every-sign"])
def asked(request: pytest.FixtureRequest, responders: Responders) -> bytes:
    """An ordinary request; and one whose base64 has "//", "++" and "=", by an extension that means nothing.

    RFC 6960 section 4.1.2: a responder ignores a non-critical extension that it does not know.
    """
    folder = responders.folders[Kind.P256]
    leaf, ca = (folder.certificate(path) for path in (folder.leaf(Status.GOOD, Trust.LOCAL), folder.ca))
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, ca, SHA256())
    if request.param == "plain":
        return builder.build().public_bytes(Encoding.DER)
    for filler in range(3):
        # "++" stands in one of the three, wherever a group of three octets begins.
        value = b"\xff" * 6 + b"\0".join([b"\xfb\xef\xbe" * 2] * 3) + b"\0" * filler
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), value)
        der = builder.add_extension(unknown, critical=False).build().public_bytes(Encoding.DER)
        text = b64encode(der).decode()
        if all(sign in text for sign in ("//", "++", "=")):
            return der
    pytest.fail("no filler gives such a base64")


def _posted(port: int, asked: bytes) -> bytes:
    """The answer to POST that is kept: an unlisted serial's is from its second question on.

    Of a P-256 responder no two signatures are alike, so the same octets are the same signature.
    """
    head = f"POST /ocsp HTTP/1.1\r\nContent-Length: {len(asked)}\r\n".encode()
    answers = [_exchange(port, head, asked) for _ in range(3)]
    assert answers[1] == answers[2]
    assert answers[2][0] == 200
    return answers[2][1]


@pytest.mark.parametrize("spelling", list(_SPELLINGS))
def test_t11_get_through_nginx_is_the_post_answer(
    spelling: str, through: int, asked: bytes, responders: Responders
) -> None:
    """T11: byte-equal to the POST answer, and the responder saw the very target that the client sent."""
    posted = _posted(through, asked)
    target = "/ocsp/" + _SPELLINGS[spelling](asked)
    relay = responders.relays[Kind.P256, Trust.LOCAL]
    relay.taken()
    status, answer = _exchange(through, f"GET {target} HTTP/1.1\r\n".encode(), b"")
    assert status == 200
    assert [each.target for each in relay.taken()] == [target]
    assert answer == posted, f"GET {target}\n{answer.hex()}\n{posted.hex()}"
    assert ocsp.load_der_ocsp_response(answer).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_a_proxy_that_merges_slashes_spoils_requests(
    tmp_path: Path, responders: Responders, asked: bytes
) -> None:
    """The comparison can fail: without the example's two settings a bare "//" arrives as "/"."""
    port = free_port()
    text = _replaced(_example(responders, port), "    merge_slashes off;\n", "")
    text = _replaced(text, "proxy_pass http://jpki_ocsp;", "proxy_pass http://jpki_ocsp/ocsp;")
    bare = b64encode(asked).decode()
    with nginx(tmp_path, text, port):
        _, answer = _exchange(port, f"GET /ocsp/{bare} HTTP/1.1\r\n".encode(), b"")
        malformed = bytes.fromhex("30030a0101")
        assert (answer == malformed) == ("//" in bare)


def _exchange(port: int, head: bytes, body: bytes) -> tuple[int, bytes]:
    """By a raw socket, since every HTTP library has its own idea of what a path should look like."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head + b"Host: ocsp.example.jp\r\nConnection: close\r\n\r\n" + body)
        octets = b""
        while more := connection.recv(65_536):
            octets += more
    answer, _, content = octets.partition(b"\r\n\r\n")
    return int(answer.split(b" ")[1]), content
