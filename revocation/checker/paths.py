"""Certification paths from a certificate to a trust anchor (RFC 5280 section 6.1), as revocation needs them.

Checked of each certificate above the first: signature, names, dates, basicConstraints, pathLenConstraint,
keyCertSign, and that no critical extension is unknown. Not checked: name constraints, policies, extended key
usage, and how strong the algorithms of certificates are; whoever needs these has a validator for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from revocation.checker.certificates import KEPT_OCTETS, Certificate
from revocation.checker.refusing import refusal, too_complex
from revocation.checker.signatures import read_algorithm, stands_under
from revocation.distinguished_names import canonical_name
from revocation.errors import InputRefused

#: From the certificate to the anchor, both included. The anchor is the last.
Path = tuple[Certificate, ...]

_MOST_CERTIFICATES: Final = 16
_MOST_PATHS: Final = 64
#: Certificates with one name; each may have to be tried for each that is signed in that name.
MOST_OF_A_NAME: Final = 128
#: Hostile certificates can be written so that there are endless ways; a search ends after so many steps.
_MOST_STEPS: Final = 4096

_RELEVANCE: Final = (
    *(
        "PATH_NO_ISSUER",
        "PATH_TOO_LONG",
        "PATH_SIGNATURE",
        "PATH_ALGORITHM_MISMATCH",
        "PATH_CRITICAL_EXTENSION",
    ),
    *("PATH_NOT_A_CA", "PATH_NO_KEY_CERT_SIGN", "PATH_DATES", "PATH_LENGTH"),
)


class Paths:
    """The ways that these certificates leave from one to another, at one moment."""

    def __init__(self, anchors: Sequence[Certificate], others: Sequence[Certificate], at: datetime) -> None:
        self._anchors: Final = {one.fingerprint: one for one in anchors}
        self._at: Final = at
        self._by_subject: Final[dict[object, list[Certificate]]] = {}
        known = {**self._anchors, **{one.fingerprint: one for one in others}}
        # Anchors come first, so the shortest way is found first.
        for one in known.values():
            self._by_subject.setdefault(canonical_name(one.subject), []).append(one)

    def named(self, subject: bytes) -> Sequence[Certificate]:
        """Every certificate with this subject (DER Name), anchors first."""
        return self._by_subject.get(canonical_name(subject), ())

    def is_anchor(self, certificate: Certificate) -> bool:
        """Whether it is trusted of itself."""
        return certificate.fingerprint in self._anchors

    def of(self, certificate: Certificate, anchor: Certificate | None = None) -> list[Path]:
        """Every valid path, or every one to this anchor; of the certificate itself the dates are not asked.

        ``InputRefused`` with a code PATH_... where there is none, with TOO_COMPLEX where nobody can say that
        these are all: the one that was not found may be the one that counts.
        """
        search = _Search(self, self._at, anchor)
        found = list(search.extended((certificate,)))
        if search.is_cut_short and found:
            raise too_complex()
        if not found:
            raise search.why()
        return found


class _Search:
    def __init__(self, paths: Paths, at: datetime, anchor: Certificate | None) -> None:
        self._paths: Final = paths
        self._at: Final = at
        self._anchor: Final = anchor
        self._steps = 0
        self._found = 0
        self.is_cut_short = False
        self._refused: list[InputRefused] = []

    def why(self) -> InputRefused:
        """The refusal that came nearest to a path."""
        none = refusal(
            "PATH_NO_ISSUER",
            "certificates that lead to a trust anchor",
            "none, or only such as lead back to each other",
            "give the certificates of its issuers",
        )
        if self.is_cut_short:
            return too_complex("PATH_TOO_COMPLEX")
        return max([none, *self._refused], key=lambda refused: _RELEVANCE.index(refused.code))

    def extended(self, path: Path) -> Iterator[Path]:
        last = path[-1]
        candidates = sorted(
            self._paths.named(last.issuer),
            # The fingerprint last: where a search is cut short must not hang on the order of files.
            key=lambda one: (not self._is_anchor(one), not _identifies(last, one), one.fingerprint),
        )
        if len(path) == _MOST_CERTIFICATES and candidates:
            # By decision no path is longer, so what is behind this one is none: that is not cut short.
            self._refused.append(
                refusal(
                    "PATH_TOO_LONG",
                    f"a path of at most {_MOST_CERTIFICATES} certificates",
                    "a longer one",
                    "give a shorter path",
                )
            )
            return
        for number, issuer in enumerate(candidates):
            self._steps += 1
            cut_short = self._steps > _MOST_STEPS or self._found > _MOST_PATHS or number == MOST_OF_A_NAME
            if cut_short or self.is_cut_short:
                self.is_cut_short = True
                return
            if any(same_entity(issuer, one) for one in path[1:]):
                # RFC 5280 section 6.1: a certificate appears once; nor does a name come back with its key.
                continue
            anchor = self._is_anchor(issuer)
            try:
                check_issued(last, issuer)
                check_may_issue(issuer, anchor=anchor)
                check_dates(issuer, self._at)
                check_path_length(issuer, path)
            except InputRefused as refused:
                self._refused.append(refused)
                continue
            if anchor:
                if self._anchor is None or same_entity(issuer, self._anchor):
                    self._found += 1
                    yield (*path, issuer)
            elif issuer is not path[0]:
                yield from self.extended((*path, issuer))

    def _is_anchor(self, certificate: Certificate) -> bool:
        return self._paths.is_anchor(certificate)


def _identifies(certificate: Certificate, issuer: Certificate) -> bool:
    """RFC 5280 section 4.2.1.1: a hint which key it was, no proof."""
    identifier = certificate.authority_key_identifier
    return identifier is not None and identifier == issuer.subject_key_identifier


def same_entity(one: Certificate, other: Certificate) -> bool:
    """RFC 5280 section 6.3.3 (f) on anchors: a name and a key, in whatever certificate."""
    return one.key_info == other.key_info and canonical_name(one.subject) == canonical_name(other.subject)


def check_issued(certificate: Certificate, issuer: Certificate) -> None:
    """RFC 5280 sections 6.1.3 (a) (1), (4) and 4.1.1.2: this name and key, one algorithm in both places."""
    if certificate.inner_algorithm != certificate.outer_algorithm:
        raise refusal(
            "PATH_ALGORITHM_MISMATCH",
            "one AlgorithmIdentifier inside and outside the signed part",
            "two different ones",
            "get the certificate anew",
        )
    if not signed_by(certificate, issuer):
        raise refusal(
            "PATH_SIGNATURE",
            "a signature by the key of the certificate that has its issuer's name",
            "one that this key does not verify",
            "give the certificate of the key that signed it",
        )


def signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer's key made its signature. Certificates do not change, so it is found out once."""
    if len(certificate.tbs) > KEPT_OCTETS or len(issuer.tbs) > KEPT_OCTETS:
        # What is large is not kept, so another time it would be another certificate.
        return _signed_by.__wrapped__(certificate, issuer)
    return _signed_by(certificate, issuer)


@lru_cache(maxsize=4096)
def _signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    algorithm = read_algorithm(certificate.outer_algorithm)
    return stands_under(certificate.signature, certificate.tbs, issuer.key, algorithm)


def check_may_issue(issuer: Certificate, *, anchor: bool) -> None:
    """RFC 5280 section 6.1.4 (k), (n), (o); of an anchor what it says itself counts (6.1.1 (d))."""
    if issuer.is_ca is not True and not (anchor and issuer.is_ca is None):
        raise refusal(
            "PATH_NOT_A_CA",
            "an issuer whose basicConstraints say CA:TRUE",
            "one without it",
            "give the CA's own certificate",
        )
    if issuer.may_sign_certificates is False:
        raise refusal(
            "PATH_NO_KEY_CERT_SIGN",
            "an issuer whose keyUsage has keyCertSign",
            "one without it",
            "give the certificate of the key that signs certificates",
        )
    check_no_unknown_critical(issuer)


def check_no_unknown_critical(certificate: Certificate) -> None:
    """RFC 5280 sections 4.2 and 6.1.4 (o), 6.1.5 (f)."""
    if certificate.unknown_critical:
        raise refusal(
            "PATH_CRITICAL_EXTENSION",
            "no critical extension that we do not know",
            ", ".join(certificate.unknown_critical),
            "ask its issuer what the extension means",
        )


def check_dates(certificate: Certificate, at: datetime) -> None:
    """RFC 5280 section 6.1.3 (a) (2), both ends inclusive."""
    if not certificate.not_before <= at <= certificate.not_after:
        raise refusal(
            "PATH_DATES",
            "an issuer that is within its dates at that time",
            "one that is not yet or no more valid",
            "give its newer certificate, or ask --at another time",
        )


def check_path_length(issuer: Certificate, path: Path) -> None:
    """RFC 5280 sections 4.2.1.9 and 6.1.4 (l), (m): intermediates below it that are not self-issued."""
    below = sum(not one.is_self_issued for one in path[1:])
    if issuer.path_length is not None and below > issuer.path_length:
        raise refusal(
            "PATH_LENGTH",
            f"at most {issuer.path_length} intermediate certificates below an issuer that says so",
            str(below),
            "give a shorter path",
        )
