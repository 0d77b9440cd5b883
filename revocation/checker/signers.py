"""Which certificate's key signed a list, and may it? RFC 5280 section 6.3.3 (f) and (g).

The signer is a certificate of the path that is judged, or another one with the name of the list's issuer: of
a second key, after a change of keys, or of an indirect list. Another one needs a path of its own to the same
trust anchor, and must itself be good by lists that do not rest on it: a key that was stolen cannot vouch for
the CA that certified it. Only of a signer alone its own list may speak (PKITS 4.14.30).

What a signer lists of whom it is not (or not yet) known whether it is good counts towards revoked only. So it
does not matter in which order signers are judged, and of two that revoke each other neither is good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from revocation.checker.certificates import Certificate
from revocation.checker.lists import HeldList
from revocation.checker.paths import MOST_OF_A_NAME, Path, Paths, check_dates, check_no_unknown_critical
from revocation.checker.refusing import rank, refusal, too_complex
from revocation.checker.scope import reasons_for
from revocation.crl.signer import require_crl_sign
from revocation.errors import InputRefused

if TYPE_CHECKING:
    from revocation.checker.judging import Finding

#: Of the first certificate of a path; the second argument: whether only by lists of the path's own signers.
FindingOf = Callable[[Path, bool], "Finding"]

#: Signers apart from the path that one question may lead to.
_MOST_SIGNERS: Final = 64


class Signers:
    """Of the lists of one case, at one moment."""

    def __init__(self, lists: Sequence[HeldList], paths: Paths, at: datetime, finding: FindingOf) -> None:
        self._lists: Final = lists
        self._paths: Final = paths
        self._at: Final = at
        self._finding: Final = finding
        #: By trust anchor (key, name) and fingerprint: whether this signer is good.
        self._settled: Final[dict[tuple[bytes, bytes], dict[bytes, bool]]] = {}
        #: Anchors under which it takes too long to tell: asked once.
        self._too_many: Final[set[tuple[bytes, bytes]]] = set()
        #: By signer and anchor (fingerprints): its ways to it, without those that lists of their own revoke.
        self._known_ways: Final[dict[tuple[bytes, bytes], list[Path]]] = {}

    def of(self, held: HeldList, path: Path, *, own_only: bool) -> tuple[Certificate, InputRefused | None]:
        """The signer of this list for the certificate of this path, and the doubt that there is of it.

        ``InputRefused`` where it has none; with ``own_only`` also where it is none of the path's own.
        """
        own = {one.fingerprint for one in path[1:]}
        refused: list[InputRefused] = []
        doubtful: list[tuple[Certificate, InputRefused]] = []
        # The path's own certificates first: each of them is judged anyway.
        for candidate in sorted(self._named(held), key=lambda one: one.fingerprint not in own):
            if not held.verifies(candidate.key_info, candidate.key):
                continue
            try:
                check_may_sign(candidate)
                if candidate.fingerprint in own:
                    return candidate, None
                if own_only and candidate.fingerprint != path[0].fingerprint:
                    raise _not_good()
                doubt = self._doubt(candidate, path)
                if doubt is None:
                    return candidate, None
                doubtful.append((candidate, doubt))
            except InputRefused as error:
                if error.code == "TOO_COMPLEX":
                    raise
                refused.append(error)
        if doubtful:
            return doubtful[0]
        if not refused:
            raise refusal(
                "SIGNATURE_INVALID",
                "a signature by a key that has the name of the list's issuer",
                "one that no certificate given verifies",
                "fetch the list again; give the certificate of the key that signed it",
            )
        raise max(refused, key=lambda error: rank(error.code))

    def _named(self, held: HeldList) -> list[Certificate]:
        """Certificates with its issuer's name; first those whose key it names (section 5.2.1), a hint."""
        identifier = held.list.authority_key_identifier
        named = self._paths.named(held.list.issuer)
        if len(named) > MOST_OF_A_NAME:
            raise too_complex()
        return sorted(named, key=lambda one: one.subject_key_identifier != identifier)

    def _doubt(self, signer: Certificate, path: Path) -> InputRefused | None:
        """Of a signer that is none of the path's own: same anchor, and good itself."""
        if signer.fingerprint == path[0].fingerprint:
            # It is the one that is judged. Where its own list is the only one that speaks of it, its CA has
            # arranged it so; of anybody else such a list says nothing yet.
            check_dates(signer, self._at)
            return None
        self._ways(signer, path[-1])
        return None if self._is_good_under(signer, path[-1]) else _not_good()

    def _ways(self, signer: Certificate, anchor: Certificate) -> list[Path]:
        """Section 6.3.3 (f): to the same trust anchor, which is a name and a key in whatever certificate."""
        key = signer.fingerprint, anchor.fingerprint
        found = self._known_ways.get(key)
        if found is None:
            found = self._known_ways[key] = self._found_ways(signer, anchor)
        if not found:
            raise refusal(
                "SIGNER_NO_PATH",
                "a signer with a valid path to the certificate's trust anchor, with nobody revoked on it",
                "one without it",
                "give the certificates between the signer and the trust anchor",
            )
        return found

    def _found_ways(self, signer: Certificate, anchor: Certificate) -> list[Path]:
        try:
            check_dates(signer, self._at)
            check_no_unknown_critical(signer)
            return [
                way
                for way in self._paths.of(signer, anchor)
                # What a constraint permits is not computed here, so nobody below one signs for others.
                if not any(one.has_name_constraints for one in way[1:])
                and not any(
                    self._finding(way[number:], True).status == "revoked" for number in range(len(way) - 1)
                )
            ]
        except InputRefused as error:
            if error.code in {"TOO_COMPLEX", "PATH_TOO_COMPLEX"}:
                raise too_complex() from None
            return []

    def _is_good_under(self, signer: Certificate, anchor: Certificate) -> bool:
        """Settled once, with all signers that it hangs on; meanwhile: whether it is known already."""
        entity = anchor.key_info, anchor.subject
        settled = self._settled.setdefault(entity, {})
        if entity in self._too_many:
            raise too_complex()
        if signer.fingerprint not in settled:
            try:
                ways = self._closure(signer, anchor, settled)
            except InputRefused:
                self._too_many.add(entity)
                raise
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
            for one in self._named(held):
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
        """Find out of each of these signers whether it is good.

        Nobody is at first; one becomes so by lists of the path's own signers and of those who are good
        already, if none of all signers has listed it. Whoever is good stays so: what is said against it
        counts from the beginning.
        """
        grown = True
        while grown:
            grown = False
            for one, its in ways.items():
                if not settled[one] and any(self._is_good(way) for way in its):
                    settled[one] = grown = True

    def _is_good(self, way: Path) -> bool:
        return all(self._finding(way[number:], False).status == "good" for number in range(len(way) - 1))


def check_may_sign(signer: Certificate) -> None:
    """Section 6.3.3 (f): cRLSign, where there is a keyUsage."""
    require_crl_sign(
        may_sign=signer.may_sign_lists,
        who="a certificate with its name and key",
        remedy="give the certificate of the key that signs lists",
    )


def _not_good() -> InputRefused:
    return refusal(
        "SIGNER_NOT_GOOD",
        "a signer that is itself good by the lists given, without its own",
        "one that is revoked, or of which that is not determined",
        "give the lists for the signer's certificate, or get a list by another signer",
    )
