"""What the decoder's tests share: build and decode, or build and be refused."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

from revocation.crl.decode import DecodedList, Entries, Octets, decode_certificate_list
from revocation.errors import InputRefused
from tests import pki


@lru_cache(maxsize=1)
def quick_signer() -> pki.SigningGeneration:
    """A P-256 signer: signatures do not matter to the decoder, and are quick."""
    return pki.make_ca(generations=1, kind="p256").generations[0]


def decode(signer: pki.SigningGeneration, *entries: bytes, **forged: Any) -> DecodedList[Entries]:
    return decode_certificate_list(pki.build_crl(signer, entries=entries, **forged))


def refusal(der: Octets, tolerances: frozenset[str] = frozenset()) -> InputRefused:
    """The refusal, which says all four things that an operator needs."""
    with pytest.raises(InputRefused) as caught:
        decode_certificate_list(der, tolerances=tolerances)
    error = caught.value
    assert error.code
    assert error.expected
    assert error.got
    assert error.remedy
    return error


def offset_of(error: InputRefused) -> int:
    return int(error.got.rsplit("byte offset ", 1)[1])
