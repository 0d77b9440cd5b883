"""A leaf below Sub below Root, signers apart from that path, and findings that are given, not found out."""

from __future__ import annotations

from typing import Any

from revocation.checker.certificates import Certificate
from revocation.checker.judging import Finding
from revocation.checker.paths import Path, Paths
from revocation.checker.signers import Signers
from tests.checker.material import (
    CRL_SIGN,
    NOW,
    Entity,
    ca_certificate,
    certificate,
    read,
)

ROOT, SUB, LEAF = Entity("Root"), Entity("Sub", 1), Entity("Leaf", 2)
#: A second key under the name of the issuer, as after a change of keys, or for lists only.
SECOND_KEY = Entity("Sub", 3)


def a_ca(subject: Entity, issuer: Entity | None = None, **forged: Any) -> Certificate:
    return read(ca_certificate(subject, issuer, **forged))


R, S, L = a_ca(ROOT), a_ca(SUB, ROOT), read(certificate(LEAF, SUB))
PATH = (L, S, R)
GOOD, REVOKED = Finding("good", None, ""), Finding("revoked", None, "")
UNKNOWN = Finding("unknown", None, "")


class Findings:
    """Of certificates by fingerprint; good where nothing else is said. Keeps of which paths it was asked."""

    def __init__(self, *said: tuple[Certificate, Finding], by_own: tuple[Certificate, ...] = ()) -> None:
        self._said = {one.fingerprint: finding for one, finding in said}
        #: Revoked by lists of their path's own signers.
        self._by_own = {one.fingerprint for one in by_own}
        self.asked: list[Path] = []

    def __call__(self, path: Path, own_only: bool) -> Finding:
        self.asked.append(path)
        if own_only:
            return REVOKED if path[0].fingerprint in self._by_own else UNKNOWN
        return self._said.get(path[0].fingerprint, GOOD)


def signers_of(
    findings: Findings, *others: Certificate, anchors: tuple[Certificate, ...] = (R,), lists: Any = ()
) -> Signers:
    return Signers(lists, Paths(anchors, [S, L, *others], NOW), NOW, findings)


def only_for_lists(issuer: Entity = ROOT, **forged: Any) -> Certificate:
    """A certificate of the second key; CA or not does not matter for lists."""
    return read(certificate(SECOND_KEY, issuer, **{"usage": (CRL_SIGN,), **forged}))
