"""What ``jpki authority check`` and ``jpki doctor`` say of the authorities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from platform_api.authority_rules import Mode, is_test, require_mode
from platform_api.config import Settings
from revocation.authorities import Authorities, Generation
from revocation.authority_certificates import check_self_signature, generation_of
from revocation.authority_examination import Finding, Severity, examine
from revocation.certificate_files import read_certificates
from revocation.clock import jst_day
from revocation.distinguished_names import same_name
from revocation.errors import InputRefused
from revocation.exits import Exit


def worst(findings: Iterable[Finding]) -> Exit:
    """5 with an error, 4 with a warning; notes are no reason."""
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        return Exit.REFUSED
    return Exit.PARTIAL if Severity.WARNING in severities else Exit.DONE


def worst_of_files(records: Iterable[dict[str, Any]]) -> Exit:
    """5 with a certificate that cannot be added, 4 with a warning."""
    found = list(records)
    if any(one["problem"] for one in found):
        return Exit.REFUSED
    return Exit.PARTIAL if any(one["warning"] for one in found) else Exit.DONE


def examine_in(mode: Mode, authorities: Authorities, now: datetime) -> list[Finding]:
    """What the library finds, after what is wrong in this mode."""
    tests = []
    for authority in authorities:
        try:
            require_mode(mode, [authority])
        except InputRefused as refusal:
            tests.append(Finding(Severity.ERROR, refusal.code, authority.ca_id, refusal.got, refusal.remedy))
    return [*tests, *examine(authorities, now)]


def would_add(
    settings: Settings, present: Authorities, files: Sequence[Path], now: datetime
) -> list[dict[str, Any]]:
    """For each certificate of the files what adding it would do, or why it cannot be added."""
    from platform_api.cli.authority_views import generation_record

    found: list[dict[str, Any]] = []
    for path, certificate in _each_once(files):
        try:
            generation = generation_of(certificate, "new")
            check_self_signature(certificate)
        except InputRefused as refusal:
            found.append(
                {
                    "file": path.name,
                    "subject": "-",
                    "sha256": "-",
                    "would": None,
                    "problem": str(refusal),
                    "warning": None,
                }
            )
            continue
        test = settings.mode == "live" and is_test(certificate)
        expired = generation.expired_on(jst_day(now))
        found.append(
            generation_record(generation)
            | {
                "file": path.name,
                "would": _would(present, generation, jst_day(now)),
                "problem": "AUTHORITY_IS_TEST: a live service accepts no test CA" if test else None,
                "warning": "KEY_EXPIRED: no list of it would be expected" if expired else None,
            }
        )
    return found


def _each_once(files: Sequence[Path]) -> Iterator[tuple[Path, x509.Certificate]]:
    """Each certificate with the file that it stands in; one that stands in several under the first."""
    seen: set[x509.Certificate] = set()
    for path in files:
        for certificate in read_certificates([path]):
            if certificate not in seen:
                seen.add(certificate)
                yield path, certificate


def _would(present: Authorities, generation: Generation, today: date) -> str:
    if (held := present.by_issuer_key(generation.key_id)) is not None:
        return f"nothing: it is {held[1].name} of {held[0].ca_id}"
    for authority in present:
        if same_name(authority.subject, generation.subject):
            begins = [g.certificate.not_valid_before_utc for g in (*authority.generations, generation)]
            place = sorted(begins).index(generation.certificate.not_valid_before_utc) + 1
            begun = generation.begun_on(today)
            signs = (
                f"; lists would have to be signed by it from {'then' if begun else jst_day(max(begins))} on"
                if authority.crl_signing == "newest_for_all" and place == len(begins)
                else ""
            )
            return f"become g{place} of {authority.ca_id}{signs}"
    return "found a new CA: its DN is none of ours"
