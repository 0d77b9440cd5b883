"""Strict DER (X.690) element by element: definite, minimal lengths, every bound checked, one buffer.

For the few dozen elements of a list's head, of a name, of a certificate. The millions of entries
of a list are walked in one loop (``crl/_walk.pyx``), by the same rules. A refusal names the byte offset.
"""

from __future__ import annotations

from typing import Final

try:
    from revocation._der import DerReader, refused
except ImportError as error:  # pragma: no cover - the build makes it
    raise ImportError(
        "the compiled core revocation._der is missing; build it: python setup.py build_ext --inplace"
    ) from error

__all__ = ["DerReader", "encoded", "refused"]

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31


def encoded(tag: int, content: bytes) -> bytes:
    """One element: a one-octet tag, the length in the fewest octets, the content (X.690 section 10.1)."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
