"""Which certificate's key signed a list, and may it? RFC 5280 section 6.3.3 (f) and (g).

The signer is a certificate of the path that is judged, or another one with the name of the list's issuer: of
a second key, after a change of keys, or of an indirect list. Another one needs a path of its own to the same
trust anchor, and must itself be good by lists that do not rest on it: a key that was stolen cannot vouch for
the CA that certified it. Only of a signer alone its own list may speak (PKITS 4.14.30).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from revocation.checker.certificates import Certificate
from revocation.checker.lists import HeldList
from revocation.checker.paths import Path, Paths, check_dates, check_no_unknown_critical
from revocation.checker.refusing import rank, refusal
from revocation.checker.scope import reasons_for
from revocation.crl.signer import require_crl_sign
from revocation.errors import InputRefused

if TYPE_CHECKING:
    from revocation.checker.judging import Finding

#: Of the first certificate of a path.
FindingOf = Callable[[Path], "Finding"]

#: Signers apart from the path, and what it may take to settle which of them are good.
_MOST_SIGNERS: Final = 64
_MOST_FINDINGS: Final = 4096


class Signers:
    """Of the lists of one case, at one moment."""

    def __init__(self, lists: Sequence[HeldList], paths: Paths, at: datetime, finding: FindingOf) -> None:
        self._lists: Final = lists
        self._paths: Final = paths
        self._at: Final = at
        self._finding: Final = finding
        #: By trust anchor (key, name) and fingerprint: whether this signer is good.
        self._settled: Final[dict[tuple[bytes, bytes], dict[bytes, bool]]] = {}
        self._known_ways: Final[dict[tuple[bytes, bytes], list[Path]]] = {}

    def of(self, held: HeldList, path: Path) -> Certificate:
        """The signer of this list for the certificate of this path; ``InputRefused`` where it has none."""
        own = {one.fingerprint for one in path[1:]}
        refused: list[InputRefused] = []
        # The path's own certificates first: each of them is judged anyway.
        named = self._paths.named(held.list.issuer)
        for candidate in sorted(named, key=lambda one: one.fingerprint not in own):
            if not held.verifies(candidate.key_info, candidate.key):
                continue
            try:
                check_may_sign(candidate)
                if candidate.fingerprint not in own:
                    self._check_apart(candidate, path)
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

    def _check_apart(self, signer: Certificate, path: Path) -> None:
        """A signer that is none of the path's own: same anchor, and good itself."""
        self._ways(signer, path[-1])
        if signer.fingerprint == path[0].fingerprint:
            # It is the one that is judged. Where its own list is the only one that speaks of it, its CA has
            # arranged it so; of anybody else such a list says nothing yet.
            return
        if not self._is_good_under(signer, path[-1]):
            raise refusal(
                "SIGNER_NOT_GOOD",
                "a signer that is itself good by the lists given, without its own",
                "one that is revoked, or of which that is not determined",
                "give the lists for the signer's certificate, or get a list by another signer",
            )

    def _ways(self, signer: Certificate, anchor: Certificate) -> list[Path]:
        """Section 6.3.3 (f): to the same trust anchor, which is a name and a key in whatever certificate."""
        key = signer.fingerprint, anchor.fingerprint
        found = self._known_ways.get(key)
        if found is None:
            found = self._known_ways[key] = self._found_ways(signer, anchor)
        if not found:
            raise refusal(
                "SIGNER_NO_PATH",
                "a signer with a valid path to the trust anchor of the certificate",
                "one without it",
                "give the certificates between the signer and the trust anchor",
            )
        return found

    def _found_ways(self, signer: Certificate, anchor: Certificate) -> list[Path]:
        try:
            check_dates(signer, self._at)
            check_no_unknown_critical(signer)
            return [way for way in self._paths.of(signer) if _entity(way[-1]) == _entity(anchor)]
        except InputRefused as error:
            if error.code == "TOO_COMPLEX":
                raise
            return []

    def _is_good_under(self, signer: Certificate, anchor: Certificate) -> bool:
        """Settled once, with all signers that it hangs on; meanwhile: whether it is known already."""
        entity = _entity(anchor)
        settled = self._settled.setdefault(entity, {})
        if signer.fingerprint not in settled:
            ways = self._closure(signer, anchor, settled)
            settled.update(dict.fromkeys(ways, False))
            self._settle(settled, ways)
        return settled[signer.fingerprint]

    def _closure(
        self, signer: Certificate, anchor: Certificate, settled: Mapping[bytes, bool]
    ) -> dict[bytes, list[Path]]:
        """The ways of this signer, and of every other one whose lists may count for a certificate on them."""
        found: dict[bytes, list[Path]] = {}
        waiting = [signer]
        while waiting:
            one = waiting.pop()
            if one.fingerprint in found or one.fingerprint in settled:
                continue
            if len(found) == _MOST_SIGNERS:
                raise too_complex()
            found[one.fingerprint] = ways = self._ways(one, anchor)
            for way in ways:
                for number in range(len(way) - 1):
                    waiting += self._asked_about(way[number:], anchor)
        return found

    def _asked_about(self, path: Path, anchor: Certificate) -> Iterator[Certificate]:
        """Who, apart from this path, has signed a list about its first certificate, and may."""
        own = {one.fingerprint for one in path}
        for held in self._lists:
            try:
                reasons_for(path[0], held)
            except InputRefused:
                continue
            for one in self._paths.named(held.list.issuer):
                if one.fingerprint in own or not held.verifies(one.key_info, one.key):
                    continue
                try:
                    check_may_sign(one)
                    self._ways(one, anchor)
                except InputRefused as error:
                    if error.code == "TOO_COMPLEX":
                        raise
                    continue
                yield one

    def _settle(self, settled: dict[bytes, bool], ways: Mapping[bytes, Sequence[Path]]) -> None:
        """Find out of each of these signers whether it is good by lists of others.

        Nobody is good at first; a signer becomes so by lists of the paths' own signers, and of those who are
        good already. Whoever that revokes in the end is out, and with him all that rested on him: it is
        begun again without him.
        """
        left = _MOST_FINDINGS
        out: set[bytes] = set()
        while True:
            grown = True
            while grown:
                grown = False
                for one in ways:
                    if settled[one] or one in out:
                        continue
                    left -= 1
                    if self._is_good(ways[one]):
                        settled[one] = grown = True
            good = [one for one in ways if settled[one]]
            left -= len(good)
            fallen = [one for one in good if not self._is_good(ways[one])]
            if not fallen:
                return
            if left < 0:
                for one in ways:
                    settled.pop(one)
                raise too_complex()
            out.update(fallen)
            for one in good:
                settled[one] = False

    def _is_good(self, ways: Sequence[Path]) -> bool:
        return any(
            all(self._finding(way[number:]).status == "good" for number in range(len(way) - 1))
            for way in ways
        )


def too_complex() -> InputRefused:
    """More certificates than it takes to decide anything: then nothing is decided."""
    return refusal(
        "TOO_COMPLEX", "fewer certificates and signers of lists", "too many", "give only what is needed"
    )


def check_may_sign(signer: Certificate) -> None:
    require_crl_sign(
        may_sign=signer.may_sign_lists,
        who="a certificate with its name and key",
        remedy="give the certificate of the key that signs lists",
    )


def _entity(certificate: Certificate) -> tuple[bytes, bytes]:
    return certificate.key_info, certificate.subject
