"""The request inside a GET path (RFC 6960 appendix A.1): base64 of the DER, more or less percent-encoded.

Clients differ in what they encode (bad-inputs.md, item 39): ``+`` bare, as %2B or turned into a space on
the way, ``/`` bare or as %2F, base64url, padding lost, everything encoded twice. Whatever can only mean
one thing is taken; the octets are then judged as strictly as a POST body.
"""

from __future__ import annotations

from platform_api.ocsp._split import request_of


def request_in_path(text: str) -> bytes | None:
    """The octets of the OCSPRequest, or None where the text is no base64 in any of these spellings.

    ``text`` is the path behind the prefix exactly as it stood in the request line. RFC 9919 wants GET up to
    255 octets of address; up to 8,192 are taken, which fits any sensible request.
    """
    # What is not US-ASCII is no base64, in whatever octets.
    return request_of(text.encode("utf-8", "surrogatepass"))
