"""One question, answers to it, and how the product judges them."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from revocation.ocsp.upstream_answer import UpstreamRules, verified_word
from revocation.ocsp.upstream_word import UpstreamRefused, UpstreamWord
from tests import pki
from tests.revocation.forged_answers import GOOD, NOW, asked, cert_id, response, single

QUESTION = asked()
RULES = UpstreamRules()
DELEGATE_KEY = pki.key("p256", 55)


def judged(octets: bytes, rules: UpstreamRules = RULES, question: Any = QUESTION) -> UpstreamWord:
    return verified_word(octets, question, rules, NOW)


def refused(octets: bytes, rules: UpstreamRules = RULES, question: Any = QUESTION) -> str:
    """The code; what it says holds nothing of the question or the answer."""
    with pytest.raises(UpstreamRefused) as found:
        judged(octets, rules, question)
    error = found.value
    text = str(error).lower()
    assert "bfcd" not in text
    assert QUESTION.nonce is not None
    assert QUESTION.nonce.hex() not in text
    assert error.expected
    assert error.got
    assert error.remedy
    return error.code


def plain(status: bytes = GOOD, **bent: Any) -> bytes:
    """An answer to ``QUESTION`` with its nonce; the rest can be bent."""
    timing = {name: bent.pop(name) for name in ("this_update", "next_update") if name in bent}
    single_extensions = bent.pop("single_extensions", ())
    bent.setdefault("nonce", QUESTION.nonce)
    return response(single(cert_id(), status, extensions=single_extensions, **timing), **bent)


def delegated(certificate: x509.Certificate, **bent: Any) -> bytes:
    bent = {"private": DELEGATE_KEY, "certificates": [certificate]} | bent
    return plain(**bent)
