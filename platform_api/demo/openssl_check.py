"""A client that we did not write: ``openssl ocsp`` asks both responders and must agree with the life log.

*Agreed* means: exit code 0, no WARNING and no ERROR on its output, ``Response verify OK``, and the
expected status. OpenSSL says "verify OK" beside warnings as well, so the warnings are looked for.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platform_api.demo.lifelog import GOOD, ON_HOLD, REVOKED, CertificateKey, LifeLog
from platform_api.demo.truth import PublishedSet
from revocation.errors import OutsideFailed

#: Enough of each kind to mean something, few enough for a demo.
GOOD_ASKED: Final = 14
REVOKED_ASKED: Final = 12
HELD_ASKED: Final = 3
TIMEOUT_S: Final = 30
NEVER_ISSUED: Final = "NEVER_ISSUED"

#: What ``openssl ocsp`` prints after the serial for each expected status.
PRINTED: Final = {GOOD: "good", REVOKED: "revoked", ON_HOLD: "revoked", NEVER_ISSUED: "unknown"}


@dataclass(frozen=True, slots=True)
class Question:
    """One certificate to ask about, and what the answer must be."""

    key: CertificateKey
    expected: str


@dataclass(frozen=True, slots=True)
class Responder:
    """One OCSP endpoint and the option by which OpenSSL is told to trust it."""

    url: str
    trust: tuple[str, ...]


def choose(
    log: LifeLog,
    valid: list[CertificateKey],
    *,
    last: PublishedSet,
    seed: int,
    ceiling: int,
    issuer_keys: list[str],
) -> list[Question]:
    """At least 20 certificates: both generations, revoked, on hold, good, and one never issued.

    What each answer must be is what the ``last`` set says, in which a list may be carried over.
    """
    rng = random.Random(f"openssl {seed}")  # noqa: S311  # a sample for a report, not a secret
    listed = log.revoked_certificates(last.this_update)
    questions: list[Question] = []

    def take(keys: list[CertificateKey], count: int, expected: str) -> None:
        by_issuer = [sorted(k for k in keys if k.issuer_key == issuer) for issuer in issuer_keys]
        for group in by_issuer:
            share = min(len(group), (count + 1) // len(issuer_keys))
            questions.extend(Question(key, expected) for key in rng.sample(group, share))

    take([k for k in listed if last.state(log, k) == REVOKED], REVOKED_ASKED, REVOKED)
    take([k for k in listed if last.state(log, k) == ON_HOLD], HELD_ASKED, ON_HOLD)
    take([k for k in valid if last.state(log, k) == GOOD], GOOD_ASKED, GOOD)
    never = CertificateKey(issuer_keys[-1], format(ceiling + 1 + rng.randrange(1000), "x"))
    return [*questions, Question(never, NEVER_ISSUED)]


def arguments(question: Question, issuer: Path, responder: Responder, *, sha256: bool) -> list[str]:
    """The ``openssl ocsp`` command line for one question, nonce included (its default)."""
    digest = ["-sha256"] if sha256 else []
    return [
        "openssl", "ocsp", *digest,
        "-issuer", str(issuer),
        "-serial", f"0x{question.key.serial_number}",
        "-url", responder.url,
        *responder.trust,
    ]  # fmt: skip


def agrees(question: Question, exit_code: int, output: str) -> bool:
    """True only for a verified answer without any warning that says what was expected."""
    lines = output.splitlines()
    if exit_code != 0 or "Response verify OK" not in lines:
        return False
    if any("WARNING" in line.upper() or "ERROR" in line.upper() for line in lines):
        return False
    said = next((line.rpartition(": ")[2] for line in lines if line.startswith("0x")), "")
    if said != PRINTED[question.expected]:
        return False
    on_hold = any(line.strip() == "Reason: certificateHold" for line in lines)
    return on_hold == (question.expected == ON_HOLD)


async def ask(command: list[str]) -> tuple[int, str]:
    """Run OpenSSL once, bounded in time; exit code and everything it printed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except FileNotFoundError:
        raise OutsideFailed(
            "OPENSSL_MISSING",
            expected="the openssl command on this machine",
            got="none found",
            remedy="install it (Debian: apt install openssl) and start the demo again",
        ) from None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return -1, ""
    return process.returncode or 0, out.decode(errors="replace")


async def ask_all(
    questions: list[Question], issuers: dict[str, Path], responders: list[Responder]
) -> dict[str, int]:
    """Each question to each responder, every second one with a SHA-256 CertID; counts only."""
    asked = agreed = 0
    for responder in responders:
        for number, question in enumerate(questions):
            command = arguments(question, issuers[question.key.issuer_key], responder, sha256=number % 2 == 1)
            exit_code, output = await ask(command)
            asked += 1
            agreed += agrees(question, exit_code, output)
    return {"asked": asked, "agreed": agreed, "certificates": len(questions), "responders": len(responders)}
