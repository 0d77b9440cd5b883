"""What both routes said, read by oracles of their own."""

from __future__ import annotations

from typing import Any

from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp

from tests.features.edge_sockets import Answer, asked
from tests.features.ocsp_routes import Running, get, post


def told(answer: Answer) -> Any:
    """tbsResponseData, by an oracle of its own."""
    found = asn1_ocsp.OCSPResponse.load(answer.body, strict=True)
    return found["response_bytes"]["response"].parsed["tbs_response_data"]


def words(answer: Answer) -> list[str]:
    """The status of each SingleResponse, or the error alone."""
    assert answer.status == 200
    assert answer.field("Content-Type") == "application/ocsp-response"
    status = asn1_ocsp.OCSPResponse.load(answer.body, strict=True)["response_status"].native
    if status != "successful":
        assert len(answer.body) == 5
        assert answer.field("Cache-Control") == "no-cache, no-store"
        return [str(status)]
    return [str(each["cert_status"].name) for each in told(answer)["responses"]]


def ask(both: Running, route: str, *sent: bytes, method: str = "POST") -> Answer:
    (answer,) = both.run(asked(both.faces.ports[route], *sent, methods=(method,)))
    return answer


def said(both: Running, route: str, body: bytes) -> list[str]:
    """The words of POST; those of GET must be the same, and the whole answer where it may be kept."""
    posted = [ask(both, route, post(body)) for _ in range(2)][-1]
    found = words(posted)
    if 0 < len(body) < 4000:
        got = ask(both, route, get(body), method="GET")
        assert words(got) == found
        if posted.field("ETag") is not None:
            assert got == posted
    return found


def nonce_in(answer: Answer) -> bytes | None:
    """extnValue of the response's nonce, which must not be critical."""
    extensions = told(answer)["response_extensions"]
    for each in () if isinstance(extensions, core.Void) else extensions:
        if each["extn_id"].native == "nonce":
            assert each["critical"].native is False
            return bytes(each["extn_value"].contents)
    return None
