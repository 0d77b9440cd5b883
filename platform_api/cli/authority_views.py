"""How authorities, proposals and findings look: one object for programs, tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from revocation.authorities import Authorities, Authority, Generation, Partition
from revocation.authority_examination import Finding, Severity
from revocation.authority_proposals import Proposal
from revocation.certificate_files import name_text
from revocation.errors import RevocationError
from revocation.recorded_acts import RecordedAct

Record = dict[str, Any]
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


def key_text(certificate: x509.Certificate) -> str:
    """``RSA 2048``, ``EC secp384r1``, ``Ed25519``."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"EC {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else "Ed25519"


def generation_record(generation: Generation) -> Record:
    certificate = generation.certificate
    return {
        "generation": generation.name,
        "subject": certificate.subject.rfc4514_string(),
        "sha256": generation.certificate_sha256.hex(),
        "subject_key_identifier": generation.subject_key_identifier.hex(),
        "issuer_key": generation.key_id.hex(),
        "key": key_text(certificate),
        "not_before": utc(certificate.not_valid_before_utc),
        "not_after": utc(certificate.not_valid_after_utc),
    }


def authority_record(authority: Authority, day: date, *, partitions: bool) -> Record:
    states = [_state(partition, day) for partition in authority.partitions]
    record: Record = {
        "ca_id": authority.ca_id,
        "generations": [generation_record(generation) for generation in authority.generations],
        "crl_signing": authority.crl_signing.value,
        "kinds": dict(authority.kinds),
        "signature_algorithms": sorted(authority.signature_algorithms),
        "hold_releasable": authority.hold_releasable,
        "purpose_limited": authority.purpose_limited,
        "serial_ceiling": None if authority.serial_ceiling is None else f"{authority.serial_ceiling:x}",
        "tolerances": sorted(authority.tolerances),
        "partition_counts": {state: states.count(state) for state in ("open", "closed", "not_yet_open")},
    }
    if partitions:
        record["partitions"] = [
            {
                "number": partition.number,
                "label": partition.label,
                "distribution_point": point_text(partition.distribution_point),
                "state": _state(partition, day),
                "opened": _day(partition.opened),
                "closed": _day(partition.closed),
                "successor": partition.successor,
            }
            for partition in authority.partitions
        ]
    return record


def point_text(distribution_point: bytes) -> str:
    """A name as RFC 4514 writes it; another form in hexadecimal; nothing for an undivided CA."""
    text = name_text(distribution_point) if distribution_point[:1] == b"\x30" else None
    return distribution_point.hex() if text is None else text


def _state(partition: Partition, day: date) -> str:
    found = partition.on(day)
    if found is None:
        return "not_yet_open"
    return "open" if found.closed is None else "closed"


def act_record(act: RecordedAct) -> Record:
    return {
        "version": act.version,
        "ca_id": act.ca_id,
        "kind": act.kind,
        "summary": act.summary,
        "reason": act.reason,
        "proposed_by": act.proposed_by,
        "proposed_at": utc(act.proposed_at),
        "approved_by": act.approved_by,
        "approved_at": utc(act.approved_at),
        "proposal_id": act.proposal_id,
        "before_sha256": act.before_sha256,
    }


def proposal_record(proposal: Proposal, present: Authorities) -> Record:
    from platform_api.cli.authority_act_views import whole_act

    row = proposal.row
    return {
        "proposal_id": proposal.proposal_id,
        "ca_id": row.act.ca_id,
        "kind": row.act.kind,
        "summary": proposal.summary,
        "reason": row.reason,
        "proposed_by": row.proposed_by,
        "proposed_at": utc(row.proposed_at),
        "base_version": row.base_version,
        "stale": proposal.stale,
        "act": whole_act(row.act, present),
    }


def finding_record(finding: Finding) -> Record:
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "ca_id": finding.ca_id,
        "found": finding.found,
        "remedy": finding.remedy,
    }


def all_records(
    authorities: Authorities, chosen: Iterable[Authority], day: date, *, partitions: bool
) -> Record:
    return {
        "version": authorities.version,
        "authorities": [authority_record(one, day, partitions=partitions) for one in chosen],
        "acts": [act_record(act) for act in authorities.acts],
    }


def show_authorities(out: Console, record: Record) -> None:
    for one in record["authorities"]:
        out.print(_authority_table(one))
        for key in one["generations"]:
            dates = f"{key['not_before'][:10]} to {key['not_after'][:10]}"
            _lines(out, f"{key['generation']}: {key['key']}, valid {dates}", f"SHA-256 {key['sha256']}")
        for row in one.get("partitions", ()):
            days = [f"{name} {row[name]}" for name in ("opened", "closed", "successor") if row[name]]
            _lines(out, ", ".join([f"{row['number']} {row['label']}", *days]), row["distribution_point"])
    for act in record["acts"]:
        _lines(
            out,
            f"version {act['version']}, {act['ca_id']}: {act['summary']}",
            f"proposed by {act['proposed_by']}, approved by {act['approved_by']} at {act['approved_at']}",
            *([f"because: {act['reason']}"] if act["reason"] else []),
        )
    out.print(f"version {record['version']}")


def _lines(out: Console, first: str, *more: str) -> None:
    """What people copy (ids, hashes) is never cut to fit a column."""
    said = (first, *(f"    {one}" for one in more))
    out.print("\n".join(map(_plain, said)), markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    """A name from a file could hold what turns, hides or overwrites the text around it on a screen."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _authority_table(one: Record) -> Table:
    table = Table(title=one["ca_id"], show_header=False)
    table.add_row("subject", escape(one["generations"][-1]["subject"]))
    table.add_row("lists signed by", one["crl_signing"])
    table.add_row("kinds", ", ".join(f"{oid} {kind}" for oid, kind in one["kinds"].items()) or "none")
    table.add_row("algorithms", ", ".join(one["signature_algorithms"]))
    counts = one["partition_counts"]
    table.add_row(
        "partitions",
        f"{counts['open']} open, {counts['closed']} closed, {counts['not_yet_open']} not yet open",
    )
    table.add_row("tolerances", ", ".join(one["tolerances"]) or "none")
    table.add_row("holds may be released", "yes" if one["hold_releasable"] else "no")
    table.add_row("purpose limited", "yes" if one["purpose_limited"] else "no")
    table.add_row("serial ceiling", one["serial_ceiling"] or "not set")
    return table


def damaged_record(name: str, error: RevocationError) -> Record:
    return {
        "file": name,
        "error": error.code,
        "expected": error.expected,
        "got": error.got,
        "remedy": error.remedy,
    }


def show_proposals(out: Console, records: list[Record], damaged: Iterable[Record] = ()) -> None:
    from platform_api.cli.authority_act_views import act_lines

    for one in damaged:
        _lines(out, f"{one['error']} {one['file']}: {one['got']}", f"remedy: {one['remedy']}")
    if not records:
        out.print("no proposal waits")
    for one in records:
        _lines(
            out,
            f"{one['proposal_id']}  {one['ca_id']}: {one['summary']}",
            f"proposed by {one['proposed_by']} at {one['proposed_at']}",
            *([f"because: {one['reason']}"] if one["reason"] else []),
            *(["stale: another change came first; reject it and propose anew"] if one["stale"] else []),
            *act_lines(one["act"]),
        )


def show_findings(out: Console, findings: list[Record]) -> None:
    for one in findings:
        colour = _COLOURS[Severity(one["severity"])]
        out.print(f"[{colour}]{one['severity']}[/{colour}] {one['code']} {one['ca_id']}", soft_wrap=True)
        _lines(out, f"    {one['found']}", f"remedy: {one['remedy']}")


def show_certificates(out: Console, records: list[Record]) -> None:
    for one in records:
        said = [one[name] for name in ("problem", "warning", "would") if one[name]]
        _lines(out, f"{one['file']}: {one['subject']}", f"SHA-256 {one['sha256']}", *said)


def utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
