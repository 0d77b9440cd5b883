"""What went over the wire, read by asn1crypto: which request a client really sent, and our answer to it."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import unquote

from asn1crypto import core, ocsp

from tests.clients.cases import Case


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, HTTP and all."""

    method: str
    target: str
    request: bytes
    http_status: int
    response: bytes

    @property
    def hash_names(self) -> list[str]:
        """The hash algorithm of each CertID."""
        listed = ocsp.OCSPRequest.load(self.request, strict=True)["tbs_request"]["request_list"]
        return [each["req_cert"]["hash_algorithm"]["algorithm"].native for each in listed]

    @property
    def nonce(self) -> bytes | None:
        extensions = ocsp.OCSPRequest.load(self.request)["tbs_request"]["request_extensions"]
        return _nonce(extensions)

    @property
    def answered_nonce(self) -> bytes | None:
        return _nonce(self._basic["tbs_response_data"]["response_extensions"])

    @property
    def answered_status(self) -> str:
        """certStatus: "good", "revoked" or "unknown"."""
        single = self._basic["tbs_response_data"]["responses"][0]
        return str(single["cert_status"].name)

    @property
    def _basic(self) -> ocsp.BasicOCSPResponse:
        whole = ocsp.OCSPResponse.load(self.response, strict=True)
        assert whole["response_status"].native == "successful", self.describe()
        return whole["response_bytes"]["response"].parsed

    def describe(self) -> str:
        """For whoever must understand a disagreement: everything, in hex."""
        return (
            f"{self.method} {self.target}\n  request  {self.request.hex()}\n"
            f"  HTTP {self.http_status}\n  response {self.response.hex()}"
        )

    def check(self, case: Case) -> None:
        """The client sent what the case says, and we answered it: same status, nonce as it stood or none."""
        sent = (self.method, self.hash_names, self.nonce is not None)
        assert sent == (case.method, [case.hash_name], case.nonce), self.describe()
        assert self.http_status == 200, self.describe()
        assert self.answered_nonce == self.nonce, self.describe()
        said = "revoked" if case.status == "hold" else str(case.status)
        assert self.answered_status == said, self.describe()


def take_exchanges(up: bytearray, down: bytearray) -> list[Exchange]:
    """Takes the whole messages of one connection out, paired; ``up`` is the client's side."""
    found = []
    while (request := _message(up)) and (response := _message(down)):
        method, target, _ = request.start.split(" ", 2)
        octets = request.body if method == "POST" else _of_target(target)
        found.append(Exchange(method, target, octets, int(response.start.split(" ")[1]), response.body))
        del up[: request.length], down[: response.length]
    return found


def _of_target(target: str) -> bytes:
    """The request in a GET's path, percent-encoded up to twice, perhaps base64url or without padding."""
    text = unquote(unquote(target.split("/ocsp/", 1)[1])).rstrip("=")
    return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set("-_") & set(text) else None)


@dataclass(frozen=True, slots=True)
class _Message:
    start: str
    body: bytes
    length: int


def _message(octets: bytearray) -> _Message | None:
    """The first HTTP message, or None where it is not whole yet; nobody here uses chunks."""
    head, end, rest = bytes(octets).partition(b"\r\n\r\n")
    if not end:
        return None
    start, *fields = head.decode("latin-1").split("\r\n")
    named = {name.lower(): value for name, _, value in (field.partition(":") for field in fields)}
    length = int(named.get("content-length", "0"))
    if len(rest) < length:
        return None
    return _Message(start, rest[:length], len(head) + len(end) + length)


def _nonce(extensions: object) -> bytes | None:
    """extnValue's content as it stood; asn1crypto's OCSP extension lists are empty where absent."""
    if isinstance(extensions, core.Void) or extensions is None:
        return None
    for extension in extensions:  # type: ignore[attr-defined]
        if extension["extn_id"].dotted == "1.3.6.1.5.5.7.48.1.2":
            return bytes(extension["extn_value"].contents)
    return None
