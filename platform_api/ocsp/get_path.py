"""The request inside a GET path (RFC 6960 appendix A.1): base64 of the DER, more or less percent-encoded.

Clients differ in what they encode (bad-inputs.md, item 39): ``+`` bare, as %2B or turned into a space on
the way, ``/`` bare or as %2F, base64url, padding lost, everything encoded twice. Whatever can only mean
one thing is taken; the octets are then judged as strictly as a POST body.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final
from urllib.parse import unquote_to_bytes

#: RFC 9919 wants GET up to 255 octets of address; we take what fits any sensible request.
MAX_TEXT: Final = 8_192

_TO_STANDARD: Final = bytes.maketrans(b"-_ ", b"+/+")


def request_in_path(text: str) -> bytes | None:
    """The octets of the OCSPRequest, or None where the text is no base64 in any of these spellings.

    ``text`` is the path behind the prefix exactly as it stood in the request line.
    """
    text = text.partition("?")[0]
    if not 1 <= len(text) <= MAX_TEXT:
        return None
    try:
        octets = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    for _ in range(2):  # encoded once, or twice
        if b"%" not in octets:
            break
        octets = unquote_to_bytes(octets)
    octets = octets.translate(_TO_STANDARD).rstrip(b"=")
    try:
        return b64decode(octets + b"=" * (-len(octets) % 4), validate=True) or None
    except binascii.Error:
        return None
