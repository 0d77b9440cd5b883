"""The checker over many small cases: one batch in a process of its own, against two neighbours in turn.

Every case has a leaf of its own; twenty leaves share a hierarchy (root, intermediate, their lists, a delta),
so neither "everything is remembered" nor "nothing is" describes it. The neighbours: ``openssl verify``, one
process for each case, on a sample; and the fewest signatures that the cases need, verified by the library.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from benchmarks.machine import commit, machine_facts
from benchmarks.measuring import not_a_figure

_AT: Final = datetime(2026, 11, 20, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
#: Leaves that share a hierarchy.
_FAMILY: Final = 20
#: Processes of ``openssl verify`` cost ten milliseconds each.
_SAMPLE: Final = 100
_SHA256: Final = ec.ECDSA(hashes.SHA256())


class _Authority(NamedTuple):
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate | None = None

    @property
    def pem(self) -> bytes:
        assert self.certificate is not None
        return self.certificate.public_bytes(Encoding.PEM)


class Cases(NamedTuple):
    """What was written, and what the neighbours work on."""

    file: Path
    expected: list[str]
    rows: list[dict[str, Any]]
    #: (key, signature, signed octets) of the fewest signatures that decide every case.
    signatures: list[tuple[ec.EllipticCurvePublicKey, bytes, bytes]]


def write_cases(folder: Path, count: int) -> Cases:
    """``count`` cases: a third revoked by the complete list, a third by the delta only, a third good."""
    rows: list[dict[str, Any]] = []
    expected: list[str] = []
    signatures: list[tuple[ec.EllipticCurvePublicKey, bytes, bytes]] = []

    def kept(name: str, made: x509.Certificate | x509.CertificateRevocationList, signer: _Authority) -> str:
        path = folder / name
        path.write_bytes(made.public_bytes(Encoding.PEM))
        signed = made.tbs_certificate_bytes if isinstance(made, x509.Certificate) else made.tbs_certlist_bytes
        signatures.append((signer.key.public_key(), made.signature, signed))
        return str(path)

    for start in range(0, count, _FAMILY):
        root = _authority(f"root {start}", None)
        (folder / f"{start}-root.crt").write_bytes(root.pem)
        middle = _authority(f"intermediate {start}", root)
        assert middle.certificate is not None
        shared = {
            "trust": [str(folder / f"{start}-root.crt")],
            "intermediates": [kept(f"{start}-middle.crt", middle.certificate, root)],
            "crls": [
                kept(f"{start}-root.crl", _list(root, [], 1), root),
                kept(f"{start}-middle.crl", _list(middle, range(0, _FAMILY, 3), 7), middle),
                kept(f"{start}-delta.crl", _list(middle, range(1, _FAMILY, 3), 8, base=7), middle),
            ],
        }
        for number in range(min(_FAMILY, count - start)):
            leaf = kept(f"{start}-{number}.crt", _leaf(middle, number), middle)
            rows.append({"id": start + number, **shared, "cert": leaf, "at": _AT.isoformat()})
            expected.append("good" if number % 3 == 2 else "revoked")
    file = folder / "cases.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Cases(file, expected, rows, signatures)


def _authority(name: str, issuer: _Authority | None) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer or _Authority(subject, key)
    built = _certificate(subject, key.public_key(), signer.name, 1)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return _Authority(subject, key, built.sign(signer.key, hashes.SHA256()))


def _leaf(issuer: _Authority, number: int) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"leaf {number}")])
    # The freshestCRL is what openssl looks at a delta for.
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://example.test/delta")], None, None, None
    )
    built = _certificate(subject, issuer.key.public_key(), issuer.name, 1000 + number)
    return built.add_extension(x509.FreshestCRL([point]), critical=False).sign(issuer.key, hashes.SHA256())


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, issuer: x509.Name, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(_AT - 100 * _DAY)
        .not_valid_after(_AT + 100 * _DAY)
    )


def _list(
    issuer: _Authority, listed: range | list[int], number: int, base: int | None = None
) -> x509.CertificateRevocationList:
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.name)
        .last_update(_AT - _DAY)
        .next_update(_AT + _DAY)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
    )
    if base is not None:
        built = built.add_extension(x509.DeltaCRLIndicator(base), critical=True)
    for one in listed:
        entry = x509.RevokedCertificateBuilder().serial_number(1000 + one).revocation_date(_AT - 2 * _DAY)
        reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
        built = built.add_revoked_certificate(entry.add_extension(reason, critical=False).build())
    return built.sign(issuer.key, hashes.SHA256())


#: The command, and then the most that it held itself: ru_maxrss would be its parent's too, by inheritance.
_COMMAND: Final = """
import sys
from revocation.__main__ import main
code = main(sys.argv[1:])
with open("/proc/self/status", encoding="ascii") as lines:
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")), file=sys.stderr)
sys.exit(code)
"""


def _ours(cases: Cases) -> tuple[float, int]:
    """Seconds of the whole command, its start included, and the most octets that it held."""
    command = [sys.executable, "-c", _COMMAND, "check", "--batch", str(cases.file)]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    answers = [json.loads(one)["status"] for one in done.stdout.splitlines()]
    if done.returncode or answers != cases.expected:
        raise not_a_figure("the status that each case was made for", "another one")
    return seconds, int(done.stderr) * 1024


def _openssl(cases: Cases) -> float:
    """Seconds a case of ``openssl verify``, with all lists in one PEM file as it wants them."""
    step = max(1, len(cases.rows) // _SAMPLE)
    sample = list(zip(cases.rows, cases.expected, strict=True))[::step]
    prepared = []
    for row, expected in sample:
        lists = Path(row["cert"]).with_suffix(".pem")
        lists.write_bytes(b"".join(Path(one).read_bytes() for one in row["crls"]))
        prepared.append((row, lists, expected))
    began = time.perf_counter()
    for row, lists, expected in prepared:
        command = ["openssl", "verify", "-crl_check_all", "-use_deltas", "-attime", str(int(_AT.timestamp()))]
        command += ["-CAfile", row["trust"][0], "-untrusted", row["intermediates"][0], "-CRLfile", str(lists)]
        done = subprocess.run([*command, row["cert"]], capture_output=True, check=False)
        said = "good" if done.returncode == 0 else "revoked" if b"certificate revoked" in done.stderr else "?"
        if said != expected:
            raise not_a_figure("openssl verify of the same opinion", "another one")
    return (time.perf_counter() - began) / len(prepared)


def _bare(cases: Cases) -> float:
    began = time.perf_counter()
    for key, signature, signed in cases.signatures:
        key.verify(signature, signed, _SHA256)
    return time.perf_counter() - began


def report_of(count: int, pairs: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Ratios (ours / neighbour), each the median of ``pairs`` taken in turn, and what stands behind them."""
    with TemporaryDirectory() as folder:
        tell(f"writing {count} cases")
        cases = write_cases(Path(folder), count)
        _ours(cases)
        seconds, octets, by_openssl, by_bare = [], [], [], []
        for number in range(pairs):
            tell(f"pair {number + 1} of {pairs}")
            took, held = _ours(cases)
            seconds.append(took)
            octets.append(held)
            by_openssl.append(took / count / _openssl(cases))
            by_bare.append(took / _bare(cases))
    return {
        "benchmark": "checker",
        "cases": count,
        "seconds": statistics.median(seconds),
        "cases_per_s": count / statistics.median(seconds),
        "peak_octets": max(octets),
        "ratios": {
            "check_vs_openssl_verify": statistics.median(by_openssl),
            "check_vs_bare_signatures": statistics.median(by_bare),
        },
        "spread": {
            "check_vs_openssl_verify": [min(by_openssl), max(by_openssl)],
            "check_vs_bare_signatures": [min(by_bare), max(by_bare)],
        },
        "machine": machine_facts() | {"commit": commit()},
    }
