"""OCSP responses written flat; see ``_response.pyx``."""

from __future__ import annotations

try:
    from revocation.ocsp._response import ResponseTemplate
except ImportError as error:  # pragma: no cover - the build makes it
    raise ImportError(
        "the compiled core revocation.ocsp._response is missing; build it: "
        "python setup.py build_ext --inplace"
    ) from error

__all__ = ["ResponseTemplate"]
