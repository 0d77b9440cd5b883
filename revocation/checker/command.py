"""``python -m revocation check``: the checker for people and scripts."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from revocation.checker.batch import NamedCase, answers, identifier, verdict_record
from revocation.checker.files import Files
from revocation.checker.lists import HeldList
from revocation.checker.refusing import sentence
from revocation.checker.verdict import check
from revocation.clock import moment_of
from revocation.errors import InputRefused, OutsideFailed
from revocation.exits import Exit, Misused

EXIT_OF: Final = {
    "good": Exit.DONE,
    "revoked": Exit.REVOKED,
    "issuer-revoked": Exit.REVOKED,
    "unknown": Exit.NOT_DETERMINED,
    "malformed": Exit.NOT_DETERMINED,
    "expired-cert": Exit.NOT_VALID,
    "path-invalid": Exit.NOT_VALID,
}


def run(given: argparse.Namespace, now: datetime) -> int:
    """One case or many; the exit code."""
    single = [bool(given.cert), bool(given.trust), bool(given.intermediate), bool(given.crl), bool(given.at)]
    if given.batch is not None:
        if any(single):
            raise _misused("--batch (with --output, --tolerate): each line says the rest itself")
        return _batch(given, now)
    if given.output is not None or not given.cert or not given.trust:
        raise _misused("--cert and at least one --trust, or --batch")
    return _single(given, now)


def _misused(expected: str) -> Misused:
    return Misused(
        "CHECK_ARGUMENTS", expected=expected, got="something else", remedy="python -m revocation check --help"
    )


def _single(given: argparse.Namespace, now: datetime) -> int:
    at = now if given.at is None else moment_of(given.at)
    case = NamedCase(
        trust=tuple(given.trust),
        intermediates=tuple(given.intermediate),
        lists=tuple(given.crl),
        certificate=given.cert,
        at=at,
        tolerances=frozenset(given.tolerate),
    )
    files = Files()
    verdict = check(case.read(files))
    report: dict[str, Any] = {
        **verdict_record(verdict),
        "at": at.isoformat(),
        "path": [
            {"certificate": number, "status": one.status, "reason": one.reason, "why": one.why}
            for number, one in enumerate(verdict.findings)
        ],
        "lists": [
            _list_record(name, held, at) for name in case.lists for held in files.lists(name, case.tolerances)
        ],
    }
    text = json.dumps(report, ensure_ascii=False) if given.json else "\n".join(_drawn(report))
    encoding = sys.stdout.encoding or "utf-8"
    # A terminal that has no such line still gets the words.
    print(
        text.replace("└─", "--").encode(encoding, "backslashreplace").decode(encoding)
        if not _draws(encoding)
        else text
    )
    return EXIT_OF[verdict.status]


def _draws(encoding: str) -> bool:
    try:
        "└─".encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _list_record(name: str, held: HeldList, at: datetime) -> dict[str, Any]:
    """What a list is, whether or not it was of use."""
    error = held.refused or held.doubt
    refused = None if error is None else sentence(error)
    if not held.is_parsed:
        return {"file": Path(name).name, "form": None, "current": False, "refused": refused}
    found, issuing = held.list, held.issuing
    form = "delta" if held.is_delta else "complete"
    if issuing is not None:
        form += " indirect" if issuing.indirect_crl else ""
        form += " partial" if issuing.is_named or issuing.is_limited else ""
    return {
        "file": Path(name).name,
        "form": form,
        "number": found.crl_number,
        "this_update": found.this_update.isoformat(),
        "next_update": None if found.next_update is None else found.next_update.isoformat(),
        "entries": found.entries.count,
        "current": held.is_current(at),
        "refused": refused,
    }


def _drawn(report: dict[str, Any]) -> Iterator[str]:
    """For people: the verdict, the path from the trust anchor down, the lists."""
    yield f"{report['status']}" + (f" ({report['reason']})" if report["reason"] else "")
    yield f"  {report['why']}"
    yield f"path at {report['at']}"
    yield "  trust anchor"
    last = len(report["path"]) - 1
    for depth, one in enumerate(reversed(report["path"])):
        what = "certificate" if depth == last else f"issuer {last - depth}"
        reason = f" ({one['reason']})" if one["reason"] else ""
        yield f"  {'   ' * depth}└─ {what}: {one['status']}{reason}  {one['why'].partition(':')[0]}"
    yield "lists"
    for one in report["lists"]:
        if one["form"] is None:
            yield f"  {one['file']}: malformed  {one['refused']}"
            continue
        held = "current" if one["current"] else "not current"
        number = "-" if one["number"] is None else one["number"]
        yield (
            f"  {one['file']}: {one['form']}, number {number}, {one['entries']} entries, {held} "
            f"({one['this_update']} to {one['next_update'] or '-'})"
        )
        if one["refused"]:
            yield f"    but: {one['refused']}"


def _batch(given: argparse.Namespace, now: datetime) -> int:
    tolerated = frozenset(given.tolerate)

    def answered(cases: Iterator[bytes], folder: Path | None) -> Iterator[dict[str, Any]]:
        return answers(cases, Files(folder), now, tolerated)

    if given.batch == "-":
        if sys.stdin is None:
            raise _misused("an open standard input with --batch -")
        return _written(sys.stdin.buffer, given.output, lambda cases: answered(cases, None))
    folder = Path(given.batch).absolute().parent
    with Path(given.batch).open("rb") as lines:
        return _written(lines, given.output, lambda cases: answered(cases, folder))


def _written(
    lines: BinaryIO, output: Path | None, answered: Callable[[Iterator[bytes]], Iterator[dict[str, Any]]]
) -> int:
    """Each answer is written whole before the next case is read, so a stop loses none."""
    total = os.fstat(lines.fileno()).st_size if lines.seekable() else 0
    cases = filter(bytes.strip, lines)
    code = Exit.DONE
    with nullcontext(sys.stdout.buffer) if output is None else _opened(output) as out:
        if output is not None:
            code = _resumed(out, cases)
        shown = -1
        for one in answered(cases):
            # A lone surrogate, which an id may hold, stands as the escape that it came as.
            try:
                out.write(json.dumps(one, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")
                out.flush()
            except OSError as error:
                if isinstance(error, BrokenPipeError):
                    raise
                raise _unwritable(output, error) from None
            code = max(code, _came_to(one))
            if total and sys.stderr.isatty() and shown != (percent := 100 * lines.tell() // total):
                shown = percent
                print(f"\rchecked {percent} %", end="", file=sys.stderr, flush=True)
        if shown >= 0:
            print("\r" + " " * 20 + "\r", end="", file=sys.stderr, flush=True)
    return code


def _opened(output: Path) -> BinaryIO:
    try:
        out = output.open("a+b")
    except OSError as error:
        raise _unwritable(output, error) from None
    try:
        # Two at once would answer each case twice; the lock goes with the process, however it ends.
        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        out.close()
        raise InputRefused(
            "OUTPUT_IN_USE",
            expected=f"{output.name} for this run alone",
            got="a file that another run is writing",
            remedy="wait for it, or give another --output",
        ) from None
    return out


def _unwritable(output: Path | None, error: OSError) -> OutsideFailed:
    return OutsideFailed(
        "FILE_UNWRITABLE",
        expected=f"room to write at {'standard output' if output is None else output.name or output}",
        got=error.strerror or type(error).__name__,
        remedy="check path, permissions and disk; what is written stays, and --output goes on after it",
    )


def _resumed(out: BinaryIO, cases: Iterator[bytes]) -> Exit:
    """Leave out the cases that an earlier run has answered; what its answers came to.

    Half a line is what was being written when it was stopped: it is taken away, and its case asked again.
    """
    out.seek(0)
    whole = done = 0
    code = Exit.DONE
    for line in out:
        if not line.endswith(b"\n"):
            break
        case = next(cases, None)
        before = _answer_in(line)
        if case is None or before is None or before["id"] != identifier(case):
            raise InputRefused(
                "OUTPUT_OF_OTHER_CASES",
                expected=f"in the output the answers of an earlier run, here that of case {done + 1}",
                got="something else",
                remedy="give another file as --output, or the cases that it was made from",
            )
        code = max(code, _came_to(before))
        whole += len(line)
        done += 1
    out.truncate(whole)
    out.seek(0, os.SEEK_END)
    if done:
        print(f"{done} answers are there already; going on after them", file=sys.stderr)
    return code


def _came_to(answer: dict[str, Any]) -> Exit:
    """PARTIAL for a line without a status, whatever the reason is: the answer itself says it."""
    return Exit.DONE if answer["status"] is not None else Exit.PARTIAL


def _answer_in(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"id", "status"} <= found.keys() else None
