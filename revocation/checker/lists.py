"""A list as the checker holds it: decoded once, and asked for what depends on no certificate.

What cannot be parsed strictly is kept with its refusal, and so is what is understood and may not be used: no
list that was given is ever left out silently, or taken for a complete one.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

from revocation.authorities import Tolerance
from revocation.checker.refusing import refusal
from revocation.checker.signatures import Algorithm, SigningKey, read_algorithm, stands_under
from revocation.crl.accept import (
    check_critical_extensions,
    check_crl_number,
    check_window,
)
from revocation.crl.algorithms import algorithm_name, signature_verifies
from revocation.crl.decode import DecodedList, Octets, decode_certificate_list
from revocation.crl.distribution_points import IssuingDistributionPoint
from revocation.crl.entries import FLAG_CERTIFICATE_ISSUER, RECORD_SIZE, Entries
from revocation.crl.general_names import comparable
from revocation.crl.issuers import runs_by_issuer
from revocation.crl.verify import check_algorithms_agree
from revocation.errors import InputRefused

#: Lists signed with SHA-1 or MD5 count like others. For the checker only: the night never believes them.
WEAK_SIGNATURE: Final = "weak_signature"
#: RFC 5280 section 5.1.2.4: an issuer writes UTCTime through 2049, but whoever reads must take either form.
_ALWAYS: Final = frozenset((Tolerance.GENERALIZED_TIME_BEFORE_2050,))

#: Where a record has its flags.
_FLAGS_AT: Final = 22

#: Refusals of the decoder that are no faults of form: the list was read, and is not to be used.
_UNDERSTOOD: Final = frozenset(("UNKNOWN_CRITICAL_EXTENSION", "INDIRECT_NOT_SUPPORTED", "DER_SIGNATURE"))


class HeldList:
    """One list, as it was given; nothing of it is believed before its signature is."""

    def __init__(self, der: Octets, tolerances: AbstractSet[str] = frozenset()) -> None:
        self.refused: InputRefused | None = None
        self._decoded: DecodedList[Entries] | None = None
        #: By issuer, in the form in which names compare: first entry, and that after the last.
        self._runs: Final[dict[object, list[tuple[int, int]]]] = {}
        self._verified: Final[dict[bytes, bool]] = {}
        #: Why what it leaves out proves nothing, though RFC 5280 section 6.3.3 does not forbid to use it: an
        #: issuer's duty that is not done, or a signature that others could have made. What it revokes counts.
        self.doubt: InputRefused | None = None
        try:
            found = decode_certificate_list(der, tolerances={*tolerances, *_ALWAYS}, certificate_issuers=True)
            data = memoryview(der).cast("B")
            for run in runs_by_issuer(data, found.entries_at, found.entries, found.issuer):
                for name in run.issuers:
                    self._runs.setdefault(comparable(name), []).append((run.first, run.end))
            self._decoded = found
            algorithm = check_usable(found)
            self.doubt = _doubt(found, algorithm, tolerances)
        except InputRefused as refused:
            self.refused = refused

    @property
    def is_malformed(self) -> bool:
        """Whether it could not be parsed strictly."""
        return self.refused is not None and self._decoded is None and self.refused.code not in _UNDERSTOOD

    @property
    def is_forbidden(self) -> bool:
        """RFC 5280 section 5.2: whether an unknown critical extension forbids that it decides anything."""
        return self.doubt is not None and self.doubt.code == "UNKNOWN_CRITICAL_EXTENSION"

    @property
    def is_parsed(self) -> bool:
        """Whether ``list`` can be asked."""
        return self._decoded is not None

    @property
    def list(self) -> DecodedList[Entries]:
        """What it says; only where it was parsed."""
        if self._decoded is None:
            raise self.refused or refusal("NO_LIST", "a list that was parsed", "none", "report this as a bug")
        return self._decoded

    @property
    def issuing(self) -> IssuingDistributionPoint | None:
        """Its issuingDistributionPoint."""
        return self.list.issuing_distribution_point

    @property
    def is_delta(self) -> bool:
        """RFC 5280 section 5.2.4: it has a deltaCRLIndicator."""
        return self.list.delta_base is not None

    def is_current(self, at: datetime) -> bool:
        """RFC 5280 section 6.3.3 (a). One without nextUpdate never lapses, and is always in doubt."""
        return self.list.next_update is None or at < self.list.next_update

    def verifies(self, key_info: bytes, key: SigningKey | None) -> bool:
        """RFC 5280 section 6.3.3 (g): whether this key (and its DER) signed it; found out once a key."""
        # Not "the" key: to an ECDSA signature anybody can compute another one under which it holds.
        known = self._verified.get(key_info)
        if known is None:
            known = self._verified[key_info] = self._verifies(key)
        return known

    def _verifies(self, key: SigningKey | None) -> bool:
        signed, identifier = self.list, self.list.outer_signature_algorithm
        if algorithm_name(identifier) is None or key is None:
            return stands_under(signed.signature, bytes(signed.tbs), key, read_algorithm(identifier))
        # The usual algorithms: what they sign was hashed while the list was decoded.
        return signature_verifies(key, identifier, signed.signature, signed.tbs, signed.tbs_digests)

    def reasons_of(self, issuer: bytes, serial: bytes) -> Iterator[int]:
        """Raw reason codes of every entry for this certificate: the issuer's DER Name, the serial's octets.

        RFC 5280 section 6.3.3 (i), (j), with the issuer of an entry as section 5.3.3 says.
        """
        wanted = bytes([len(serial)]) + serial.ljust(20, b"\0")
        records = self.list.entries.records
        for first, after in self._runs.get(comparable(issuer), ()):
            at, end = first * RECORD_SIZE, after * RECORD_SIZE
            while (at := records.find(wanted, at, end)) != -1:
                if at % RECORD_SIZE == 0:
                    yield records[at + 21]
                at += 1

    def records_of(self, issuer: bytes) -> bytes:
        """The packed records (``crl/entries.py``) of every entry about certificates of this issuer, in order.

        What whoever builds an index of the list takes. That an entry named its issuer itself (section 5.3.3)
        is not among their flags: it is answered by the choice.
        """
        runs = self._runs.get(comparable(issuer), [])
        records = self.list.entries.records
        if runs == [(0, self.list.entries.count)]:
            found = records
        else:
            found = b"".join(records[first * RECORD_SIZE : end * RECORD_SIZE] for first, end in runs)
        flags = found[_FLAGS_AT::RECORD_SIZE]
        if not any(flag & FLAG_CERTIFICATE_ISSUER for flag in set(flags)):
            return found
        kept = bytearray(found)
        kept[_FLAGS_AT::RECORD_SIZE] = bytes(flag & ~FLAG_CERTIFICATE_ISSUER for flag in flags)
        return bytes(kept)


def check_usable(found: DecodedList[Entries]) -> Algorithm:
    """The rules without which a list is none, of those that need neither certificate nor clock.

    What it is signed with; ``InputRefused`` by the first rule that is broken.
    """
    check_algorithms_agree(found)
    algorithm = read_algorithm(found.outer_signature_algorithm)
    if algorithm is None:
        raise refusal(
            "ALGORITHM_UNKNOWN",
            "a signature algorithm that can be verified here",
            "another one, or one with parameters that it must not have",
            "ask the CA what it signs with",
        )
    if found.next_update is not None:
        check_window(found)
    return algorithm


def _doubt(
    found: DecodedList[Entries], algorithm: Algorithm, tolerances: AbstractSet[str]
) -> InputRefused | None:
    """The first of the duties of RFC 5280 section 5 that the issuer of this list has not done."""
    try:
        check_critical_extensions(found, tolerances)
        if algorithm.is_weak and WEAK_SIGNATURE not in tolerances:
            # RFC 6151, RFC 9155: whoever can make two documents of one hash can show the one not signed.
            raise refusal(
                "ALGORITHM_WEAK",
                "a list whose signature has a hash without known collisions",
                "SHA-1 or MD5",
                f"ask the CA for a list signed otherwise, or tolerate {WEAK_SIGNATURE}",
            )
        if found.extensions:
            # A list without any extension (version 1, or written like one) can be neither partial nor a
            # delta, so nothing is lost with its number; one that uses extensions owes it.
            check_crl_number(found, tolerances)
        check_window(found)
    except InputRefused as doubt:
        return doubt
    return None


#: What may be tolerated here; the rest of the tolerances is about what JPKI's lists are for.
TOLERANCES: Final = frozenset(
    (
        Tolerance.MISSING_CRL_NUMBER,
        Tolerance.EXPLICIT_DEFAULT,
        Tolerance.CRITICAL_KNOWN_EXTENSION,
        WEAK_SIGNATURE,
    )
)
