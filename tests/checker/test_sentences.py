"""Every sentence that somebody may read about a case of the checker, word for word, in why_sentences.txt.

They end in reports and in other people's programs: changing one is a decision, so the file is edited by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from revocation.checker import paths, signers
from tests.checker.material import (
    CA,
    CRL_SIGN,
    DAY,
    HOLD,
    KEY_CERT_SIGN,
    KEY_COMPROMISE,
    NOW,
    USER,
    Entity,
    ca_certificate,
    certificate,
    crl,
    crl_issuer,
    full,
    some_reasons,
    uri,
    verdict,
)
from tests.der_writer import T0, der_oid, extension, seq
from tests.forged_lists import ALGORITHMS, entry

_SENTENCES = Path(__file__).with_name("why_sentences.txt")
_ROOT, _SUB, _LEAF, _OTHER = Entity("Root"), Entity("Sub", 1), Entity("Leaf", 2), Entity("Other", 3)
_TRUST = ca_certificate(_ROOT)
_STRANGE = [extension("1.2.3.4", b"", critical=True), extension("1.2.5", b"", critical=True)]
_LAPSED = {"this_update": T0 - 2 * DAY, "next_update": T0 - DAY}
_POINT = seq(full(uri("http://crl.example/1.crl")))

Case = Callable[[], str]


def _lists(*lists: bytes, intermediates: Sequence[bytes] = (), **leaf: Any) -> Case:
    """A leaf of the root, and what these lists come to."""
    asked = certificate(_LEAF, _ROOT, **leaf)
    return lambda: verdict(asked, trust=[_TRUST], lists=lists, intermediates=intermediates).why


def _path(
    leaf: bytes | None = None, *, trust: Sequence[bytes] = (_TRUST,), issuer: dict[str, Any] | None = None
) -> Case:
    """A leaf two below the root, with another one of these three."""
    asked = certificate(_LEAF, _SUB) if leaf is None else leaf
    between = ca_certificate(_SUB, _ROOT, **(issuer or {}))
    return lambda: verdict(asked, trust=trust, intermediates=[between]).why


def _of(*entries: bytes, **forged: Any) -> bytes:
    return crl(_ROOT, *entries, **forged)


_SHA1 = {"inner_algorithm": seq(der_oid("1.2.840.10045.4.1")), "digest": hashes.SHA1()}  # noqa: S303
_SIGNER = {"usage": (CRL_SIGN,), "serial": 5}
_CASES: dict[str, Case] = {
    "good": _lists(_of()),
    "revoked": _lists(_of(entry(1, reason=KEY_COMPROMISE))),
    "on hold": _lists(_of(entry(1, reason=HOLD))),
    "expired": _lists(_of(), start=T0 - 2 * DAY, end=T0 - DAY),
    "not yet valid": _lists(_of(), start=NOW + DAY),
    "no certificate": _path(b"\x30\x00"),
    "no anchor": _path(trust=()),
    "no issuer": _path(certificate(_LEAF, _OTHER)),
    "another signature": _path(certificate(_LEAF, _SUB, corrupt_signature=True)),
    "two algorithms": _path(certificate(_LEAF, _SUB, outer_algorithm=ALGORITHMS["ecdsa-with-SHA384"])),
    "a strange certificate": _path(certificate(_LEAF, _SUB, extra=_STRANGE)),
    "a strange issuer": _path(issuer={"extra": _STRANGE}),
    "no CA": _path(issuer={"ca": False}),
    "no keyCertSign": _path(issuer={"usage": (CRL_SIGN,)}),
    "an issuer's dates": _path(issuer={"end": T0 - DAY}),
    "a path too long": _path(trust=[ca_certificate(_ROOT, path_length=0)]),
    "no list": _lists(),
    "no list for the issuer": lambda: (
        verdict(
            certificate(_LEAF, _SUB),
            trust=[_TRUST],
            intermediates=[ca_certificate(_SUB, _ROOT)],
            lists=[crl(_SUB)],
        ).why
    ),
    "issuer revoked": lambda: (
        verdict(
            certificate(_LEAF, _SUB),
            trust=[_TRUST],
            intermediates=[ca_certificate(_SUB, _ROOT, serial=7)],
            lists=[_of(entry(7))],
        ).why
    ),
    "a malformed list": _lists(b"\x30\x03\x02\x01"),
    "a list of another issuer": _lists(crl(_OTHER)),
    "a list that is not indirect": _lists(
        crl(_OTHER), points=seq(seq(full(uri("http://x")), crl_issuer(_OTHER.subject)))
    ),
    "a list of another point": _lists(_of(idp=_POINT)),
    "a list of CAs": _lists(_of(idp=seq(CA))),
    "a list of users, of a CA": _lists(_of(idp=seq(USER)), ca=True),
    "points that cannot be read": _lists(_of(), extra=[extension("2.5.29.31", seq())]),
    "a delta alone": _lists(_of(number=2, delta_base=1)),
    "an unknown algorithm": _lists(_of(inner_algorithm=seq(der_oid("1.2.3.4")))),
    "a weak signature": _lists(_of(**_SHA1)),
    "a signature of nobody": _lists(_of(corrupt_signature=True)),
    "a signer that may not": _lists(
        crl(Entity("Root", 4)),
        intermediates=[certificate(Entity("Root", 4), _ROOT, usage=(KEY_CERT_SIGN,))],
    ),
    "a signer without a path": _lists(
        crl(Entity("Root", 4)), intermediates=[certificate(Entity("Root", 4), _OTHER, **_SIGNER)]
    ),
    "a signer that is not good": _lists(
        crl(Entity("Root", 4), idp=seq(USER)),
        intermediates=[certificate(Entity("Root", 4), _ROOT, ca=True, **_SIGNER)],
    ),
    "a signer that is revoked": _lists(
        crl(Entity("Root", 4), entry(5)), intermediates=[certificate(Entity("Root", 4), _ROOT, **_SIGNER)]
    ),
    "a lapsed list": _lists(_of(**_LAPSED)),
    "some reasons": _lists(_of(idp=seq(some_reasons(1, 2, 3)))),
    "a lapsed hold": _lists(_of(), _of(entry(1, reason=HOLD), number=2, delta_base=1, **_LAPSED)),
}


def _written() -> dict[str, str]:
    lines = [line for line in _SENTENCES.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(" | ", 1) for line in lines)  # type: ignore[misc]


@pytest.mark.parametrize("case", _CASES)
def test_every_case_says_its_sentence(case: str) -> None:
    """Issue 06: `why` names rule and section, what was expected and got, and what to do."""
    assert _CASES[case]() == _written()[case]


def test_every_sentence_has_its_case() -> None:
    """A sentence that nobody can read any more is taken out."""
    assert list(_written()) == [*_CASES, "too many signers", "too many certificates"]


def test_bounds_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are said like a rule."""
    monkeypatch.setattr(signers, "_MOST_SIGNERS", 0)
    apart = certificate(Entity("Root", 4), _ROOT, **_SIGNER)
    case = _lists(crl(Entity("Root", 4)), intermediates=[apart])
    assert case() == _written()["too many signers"]
    monkeypatch.setattr(paths, "_MOST_STEPS", 0)
    assert case() == _written()["too many certificates"]


def test_no_sentence_holds_a_name() -> None:
    """House rule 7: they end in logs, so no serial number and no name is in them."""
    text = _SENTENCES.read_text()
    assert not any(one.text in text for one in (_ROOT, _SUB, _LEAF, _OTHER))
