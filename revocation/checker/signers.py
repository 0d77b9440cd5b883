"""Which certificate's key signed a list, and may it? RFC 5280 section 6.3.3 (f) and (g).

The signer is the certificate's own issuer, or another certificate with the name of the list's issuer: of a
second key, after a change of keys, or of an indirect list. Another one needs a path of its own to the same
trust anchor, and must itself be good by the same lists.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from revocation.checker.certificates import Certificate
from revocation.checker.lists import HeldList
from revocation.checker.paths import Path, Paths, check_dates, check_no_unknown_critical
from revocation.checker.refusing import rank, refusal
from revocation.crl.signer import require_crl_sign
from revocation.errors import InputRefused

if TYPE_CHECKING:
    from revocation.checker.judging import Finding

#: Of the first certificate of a path, on account of the signers with these fingerprints.
FindingOf = Callable[[Path, frozenset[bytes]], "Finding"]


class Signers:
    """Of the lists of one case, at one moment."""

    def __init__(self, paths: Paths, at: datetime, finding: FindingOf) -> None:
        self._paths: Final = paths
        self._at: Final = at
        self._finding: Final = finding

    def of(self, held: HeldList, path: Path, asked: frozenset[bytes]) -> Certificate:
        """The signer of this list for a certificate with this path; ``InputRefused`` where it has none."""
        own = {one.fingerprint for one in path[1:]}
        named = self._paths.named(held.list.issuer)
        refused: list[InputRefused] = []
        # The path's own certificates first: of them nothing more has to be found out.
        for candidate in sorted(named, key=lambda one: one.fingerprint not in own):
            if not held.verifies(candidate.key_info, candidate.key):
                continue
            try:
                require_crl_sign(
                    may_sign=candidate.may_sign_lists,
                    who="a certificate with its name and key",
                    remedy="give the certificate of the key that signs lists",
                )
                if candidate.fingerprint not in own:
                    self._check_apart(candidate, path, asked)
            except InputRefused as error:
                refused.append(error)
                continue
            return candidate
        if not refused:
            raise refusal(
                "SIGNATURE_INVALID",
                "a signature by a key that has the name of the list's issuer",
                "one that no certificate given verifies",
                "fetch the list again; give the certificate of the key that signed it",
            )
        raise max(refused, key=lambda error: rank(error.code))

    def _check_apart(self, signer: Certificate, path: Path, asked: frozenset[bytes]) -> None:
        """A signer that is none of the path's own: same anchor, and good itself."""
        if signer.fingerprint in asked:
            # It is asked on its own account. What other sources say of it decides; where its own list is the
            # only one, that is what its CA has arranged (PKITS 4.14.30).
            return
        try:
            check_dates(signer, self._at)
            check_no_unknown_critical(signer)
            ways = [way for way in self._paths.of(signer) if _same_anchor(way, path)]
        except InputRefused:
            ways = []
        if not ways:
            raise refusal(
                "SIGNER_NO_PATH",
                "a signer with a valid path to the trust anchor of the certificate",
                "one without it",
                "give the certificates between the signer and the trust anchor",
            )
        asked = asked | {signer.fingerprint}
        for way in ways:
            findings = (self._finding(way[number:], asked) for number in range(len(way) - 1))
            if all(found.status == "good" for found in findings):
                return
        raise refusal(
            "SIGNER_NOT_GOOD",
            "a signer that is itself good by the lists given",
            "one that is revoked, or of which that is not determined",
            "give the lists for the signer's certificate, or get a list by another signer",
        )


def _same_anchor(one: Path, other: Path) -> bool:
    """Section 6.3.3 (f): the same name and key, whatever certificate carries them."""
    mine, theirs = one[-1], other[-1]
    return mine.key_info == theirs.key_info and mine.subject == theirs.subject
