"""What `openssl verify` says of a world.

It stops at the first certificate it cannot decide, beginning with the leaf; the checker lets a revoked issuer
count more than that. So each certificate of the path is asked for by itself. Only its first complaint counts,
also when it ends with "OK": the command goes on after errors that the library stops at (an expired list, or
anything in the path of a list signer).
"""

from __future__ import annotations

import base64
import re
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

from tests.checker.making import World
from tests.checker.verdicts import Answer, Verdict

COMPLAINT = re.compile(r"^(\[CRL path\] )?error (\d+) at (\d+) depth lookup: (.*)$", re.MULTILINE)
NOT_YET_VALID, EXPIRED, REVOKED = "9", "10", "23"


def pem(kind: str, *ders: bytes) -> str:
    lines = []
    for der in ders:
        body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
        lines.append(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
    return "".join(lines)


def openssl_says(world: World, folder: Path) -> Answer:
    """The coarse verdict, and the first complaint of each certificate."""
    (folder / "trust.pem").write_text(pem("CERTIFICATE", *world.trust))
    arguments = [
        "-CAfile",
        "trust.pem",
        "-no-CApath",
        "-no-CAstore",
        "-attime",
        str(int(world.at.timestamp())),
    ]
    if world.others:
        (folder / "others.pem").write_text(pem("CERTIFICATE", *world.others))
        arguments += ["-untrusted", "others.pem"]
    path = _complaints(folder, arguments, world.certificate)
    if any((code, depth) not in {(EXPIRED, "0"), (NOT_YET_VALID, "0")} for _, code, depth, _ in path):
        return Answer(Verdict.PATH_INVALID, str(path))
    (folder / "lists.pem").write_text(pem("X509 CRL", *world.lists))
    arguments += ["-CRLfile", "lists.pem", "-crl_check", "-crl_check_all", "-use_deltas", "-extended_crl"]
    said = [_complaints(folder, arguments, der)[:1] for der in (world.certificate, *world.path)]
    if any(not of_signer and code == REVOKED for found in said for of_signer, code, _, _ in found):
        return Answer(Verdict.REVOKED, str(said))
    return Answer(Verdict.NOT_DETERMINED if said[0] else Verdict.GOOD, str(said))


def _complaints(folder: Path, arguments: Sequence[str], target: bytes) -> list[tuple[str, str, str, str]]:
    """In order: whether it is of a list signer's path, code, depth and text."""
    (folder / "target.pem").write_text(pem("CERTIFICATE", target))
    done = subprocess.run(
        ["openssl", "verify", *arguments, "target.pem"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found: list[tuple[str, str, str, str]] = COMPLAINT.findall(done.stderr)
    assert found or done.stdout == "target.pem: OK\n", (done.stdout, done.stderr)
    return found
