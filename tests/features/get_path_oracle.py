"""The request inside a GET path, read by Python's own base64 and percent-decoding."""

from __future__ import annotations

import binascii
from base64 import b64decode
from urllib.parse import unquote_to_bytes

_TO_STANDARD = bytes.maketrans(b"-_ ", b"+/+")


def request_by_the_library(text: str) -> bytes | None:
    """As ``request_in_path``, which it was before that was compiled."""
    text = text.partition("?")[0]
    if not 1 <= len(text) <= 8_192:
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
