"""Signed answers in bounded memory; see ``_cache.pyx``."""

from __future__ import annotations

try:
    from revocation.ocsp._cache import AnswerCache
except ImportError as error:  # pragma: no cover - the build makes it
    raise ImportError(
        "the compiled core revocation.ocsp._cache is missing; build it: python setup.py build_ext --inplace"
    ) from error

__all__ = ["AnswerCache"]
