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

__all__ = ["DerReader", "refused"]

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31
