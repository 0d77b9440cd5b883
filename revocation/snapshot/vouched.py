"""A line that the publisher signed for itself: what it found out once, and may rely on the next time.

Two lines as in a manifest (``manifest.py``), under a context of their own, so that neither can stand for the
other. Where anything is wrong with it there is nothing: whoever reads it can do without.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_CONTEXT: Final = b"publisher-note/1\n"
_BETWEEN: Final = b"\ned25519 "


def sign_line(line: bytes, key: Ed25519PrivateKey) -> bytes:
    """The file; ``line`` has no line end."""
    return line + _BETWEEN + base64.b64encode(key.sign(_CONTEXT + line)) + b"\n"


def signed_line(data: bytes, trusted: Sequence[Ed25519PublicKey]) -> bytes | None:
    """The line, if one of these keys signed it."""
    line, _, signature = data.rpartition(_BETWEEN)
    try:
        octets = base64.b64decode(signature.removesuffix(b"\n"), validate=True)
    except binascii.Error:
        return None
    for key in trusted:
        try:
            key.verify(octets, _CONTEXT + line)
        except InvalidSignature:
            continue
        return line
    return None
