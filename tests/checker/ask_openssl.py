"""What `openssl verify` says of a world.

It stops at the first certificate it cannot decide, beginning with the leaf; the checker lets a revoked issuer
count more than that. So each certificate of the path is asked for by itself, all in one process. What it says
after its first complaint does not count: the command goes on after errors that the library stops at.
"""

from __future__ import annotations

import base64
import re
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

from tests.checker.agreement import Answer, Verdict
from tests.checker.worlds import World

ERROR = re.compile(r"^(\[CRL path\] )?error (\d+) at (\d+) depth lookup: (.*)$")
END = re.compile(r"^error (\S+): verification failed$")
NOT_YET_VALID, EXPIRED, REVOKED = 9, 10, 23


def pem(kind: str, *ders: bytes) -> str:
    lines = []
    for der in ders:
        body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
        lines.append(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n")
    return "".join(lines)


def openssl_says(world: World, folder: Path) -> Answer:
    """The coarse verdict, and the first complaints."""
    targets = ["leaf.pem", *(f"path-{n}.pem" for n in range(len(world.path)))]
    for name, der in zip(targets, (world.certificate, *world.path), strict=True):
        (folder / name).write_text(pem("CERTIFICATE", der))
    (folder / "trust.pem").write_text(pem("CERTIFICATE", *world.trust))
    arguments = ["-CAfile", "trust.pem", "-no-CApath", "-no-CAstore", "-attime", str(int(world.at.timestamp()))]
    if world.others:
        (folder / "others.pem").write_text(pem("CERTIFICATE", *world.others))
        arguments += ["-untrusted", "others.pem"]
    path = _complaints(folder, arguments, targets[:1])["leaf.pem"]
    if any((code, depth) not in {(EXPIRED, 0), (NOT_YET_VALID, 0)} for _, code, depth, _ in path):
        return Answer(Verdict.PATH_INVALID, str(path))
    if world.lists:
        (folder / "lists.pem").write_text(pem("X509 CRL", *world.lists))
        arguments += ["-CRLfile", "lists.pem"]
    arguments += ["-crl_check", "-crl_check_all", "-use_deltas", "-extended_crl"]
    said = {name: found[:2] for name, found in _complaints(folder, arguments, targets).items()}
    if any(found and not found[0][0] and found[0][1] == REVOKED for found in said.values()):
        return Answer(Verdict.REVOKED, str(said))
    return Answer(Verdict.NOT_DETERMINED if said["leaf.pem"] else Verdict.GOOD, str(said))


def _complaints(
    folder: Path, arguments: Sequence[str], targets: Sequence[str]
) -> dict[str, list[tuple[bool, int, int, str]]]:
    """By target: whether of a list signer's path, code, depth and text, in order."""
    done = subprocess.run(
        ["openssl", "verify", *arguments, *targets],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found: dict[str, list[tuple[bool, int, int, str]]] = {}
    pending: list[tuple[bool, int, int, str]] = []
    for line in done.stderr.splitlines():
        if read := ERROR.match(line):
            pending.append((bool(read[1]), int(read[2]), int(read[3]), read[4]))
        elif ended := END.match(line):
            found[ended[1]], pending = pending, []
    for line in done.stdout.splitlines():
        found[line.removesuffix(": OK")] = []
    assert set(found) == set(targets), (done.stdout, done.stderr)
    assert all(found[name] or f"{name}: OK" in done.stdout for name in targets), done.stderr
    return found
