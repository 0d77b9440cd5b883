"""``python -m revocation``: look at CRL files, index files and published sets; build one.

Serial numbers are printed only when asked for (``--serials``): they stand for people.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from revocation.check_arguments import EPILOG, EXAMPLE, add_arguments
from revocation.errors import OutsideFailed, RevocationError
from revocation.exits import Exit, Misused, error_record, exit_code_of, interrupted

Report = dict[str, Any]

_EXAMPLES: Final = """examples:
  python -m revocation decode 131016.crl
  python -m revocation show 131016.crl --serials --json
  python -m revocation stats data/snapshots
  python -m revocation verify-snapshot data/snapshots --publisher keys/publisher.pem
  python -m revocation freshness data/snapshots --authorities data/authorities.json
  python -m revocation build 131016.crl --ca ca.pem --index 131016.index
  python -m revocation verify-index 131016.index
  python -m revocation show 1a2b3c 131016.index
  python -m revocation check --trust ca.pem --crl ca.crl --cert leaf.pem
  python -m revocation diff yesterday.crl today.crl
  python -m revocation diff data/snapshots@7 data/snapshots@8

exit codes: 0 done; 1 our fault (a damaged set); 2 usage; 3 diff found no difference, show no such serial;
4 freshness found a list that is expired or absent;
5 input refused (the code says which rule); 6 the outside failed (a disk, or a file that cannot be read);
check: 10 revoked, 11 not determined, 12 expired or without a valid path; 130 interrupted."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    made = argparse.ArgumentParser(
        prog="python -m revocation",
        description="Look at certificate revocation lists, index files and published sets.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, example: str, run: Callable[[argparse.Namespace], int]) -> Any:
        added = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example:\n  python -m revocation {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.add_argument("--json", action="store_true", help="one JSON object on standard output")
        added.set_defaults(run=run)
        return added

    def publisher(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--publisher",
            type=Path,
            metavar="PEM",
            help="pinned publisher key (Ed25519, public or private); without it the signature is checked "
            "against the key that the manifest names: whole, but from nobody known",
        )

    decode = command("decode", "decode a CRL file and count what it lists", "decode 131016.crl", _decode)
    decode.add_argument("file", type=Path, metavar="FILE")
    build = command(
        "build",
        "decode CRL files into one index file, as a night does, each as a partition of its own",
        "build 131016.crl --ca ca.pem --index 131016.index",
        _build,
    )
    build.add_argument("lists", type=Path, nargs="+", metavar="FILE")
    build.add_argument("--index", type=Path, required=True, metavar="FILE", help="the new file")
    build.add_argument(
        "--ca", type=Path, action="append", default=[], metavar="CERT",
        help="certificate of the key that signs; without it no signature is verified",
    )  # fmt: skip
    verify_index = command(
        "verify-index",
        "read an index file whole: every checksum, and every entry where a look-up finds it",
        "verify-index data/snapshots/card-sign.1a2b.00000008.index",
        _verify_index,
    )
    verify_index.add_argument("file", type=Path, metavar="FILE")
    show = command(
        "show",
        "show a CRL file, or a set and its lists; or what an index file or a set says of a serial number",
        "show data/snapshots@8",
        _show,
    )
    show.add_argument(
        "what", nargs="+", metavar="[SERIAL] FILE|DIR[@SEQ]",
        help="SERIAL in hexadecimal, or - to read it from standard input, where no process list shows it",
    )  # fmt: skip
    show.add_argument("--serials", action="store_true", help="print every entry of the CRL file")
    publisher(show)
    verify = command(
        "verify-snapshot",
        "verify every set of a folder, or one: signatures, chain, hashes, every record",
        "verify-snapshot data/snapshots",
        _verify,
    )
    verify.add_argument("what", metavar="DIR[@SEQ]")
    publisher(verify)
    stats = command("stats", "count the current set by CA key and reason", "stats data/snapshots", _stats)
    stats.add_argument("what", metavar="FILE.index|DIR[@SEQ]")
    publisher(stats)
    freshness = command(
        "freshness",
        "every expected list of a set and how long it still holds, the worst first",
        "freshness data/snapshots --authorities data/authorities.json",
        _freshness,
    )
    freshness.add_argument("what", metavar="DIR[@SEQ]")
    freshness.add_argument("--authorities", type=Path, metavar="FILE", required=True, help="authorities.json")
    freshness.add_argument(
        "--at", metavar="TIME", help="as of this time (2026-11-23T06:00:00Z); default: now"
    )
    publisher(freshness)
    check = command(
        "check", "is this certificate revoked, by these lists of any kind? (RFC 5280)", EXAMPLE, _check
    )
    check.epilog = EPILOG
    add_arguments(check)
    diff = command("diff", "compare two CRL files, or two sets", "diff DIR@7 DIR@8", _diff)
    diff.add_argument("old", metavar="A")
    diff.add_argument("new", metavar="B")
    diff.add_argument("--serials", action="store_true", help="print every changed serial number")
    publisher(diff)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    given = parser().parse_args(arguments)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except RevocationError as error:
        return _fail(error, as_json=given.json)
    except BrokenPipeError:
        # The reader of our output (head, less) has enough; the interpreter must not complain on closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except OSError as error:
        return _fail(_unreadable(error), as_json=given.json)
    except KeyboardInterrupt:
        return _fail(interrupted(), as_json=given.json, code=Exit.INTERRUPTED)
    return code


def _fail(error: RevocationError, *, as_json: bool, code: Exit | None = None) -> int:
    """One sentence for people; with ``--json`` the record that ``jpki`` prints too."""
    code = exit_code_of(error) if code is None else code
    print(error, file=sys.stderr)
    if as_json:
        print(json.dumps(error_record(error, code), ensure_ascii=False))
    return code


def _unreadable(error: OSError) -> OutsideFailed:
    return OutsideFailed(
        "FILE_UNREADABLE",
        expected="a file that can be read",
        got=error.strerror or type(error).__name__,
        remedy="check the path and its permissions",
    )


def _decode(given: argparse.Namespace) -> int:
    from revocation.reports import list_report

    return _print(list_report(given.file), as_json=given.json)


def _show(given: argparse.Namespace) -> int:
    from revocation.reports import list_report, set_report

    *serial, what = given.what
    if len(serial) > 1 or (serial and given.serials):
        raise Misused(
            "ONE_SERIAL",
            expected="at most one serial number before the file or folder, and then no --serials",
            got="more",
            remedy="ask for one after the other: show 1a2b3c DIR",
        )
    if serial:
        return _show_serial(sys.stdin.readline().strip() if serial == ["-"] else serial[0], what, given)
    if _names_a_set(what):
        if given.serials:
            raise Misused(
                "SERIALS_OF_A_SET",
                expected="--serials with a CRL file",
                got="a set",
                remedy="show a CRL file, or compare two sets: diff DIR@7 DIR@8 --serials",
            )
        return _print(set_report(what, given.publisher), as_json=given.json)
    return _print(list_report(Path(what), serials=given.serials), as_json=given.json)


def _show_serial(serial: str, what: str, given: argparse.Namespace) -> int:
    from revocation.index_reports import serial_report
    from revocation.reports import set_serial_report

    if _names_a_set(what):
        report = set_serial_report(what, given.publisher, serial)
    else:
        report = serial_report(Path(what), serial)
    _print(report, as_json=given.json)
    return Exit.DONE if report["found"] else Exit.NOTHING_NEW


def _build(given: argparse.Namespace) -> int:
    from revocation.clock import SystemClock
    from revocation.index_reports import build_report

    line = _ProgressLine()
    try:
        report = build_report(
            given.lists,
            given.index,
            certificates=given.ca,
            now=SystemClock().now(),
            progress=line.update,
        )
    finally:
        line.end()
    return _print(report, as_json=given.json)


class _ProgressLine:
    """On standard error, where somebody looks at it."""

    def __init__(self) -> None:
        self._shown = ""

    def update(self, stage: str, done: int, total: int) -> None:
        shown = f"{stage} {100 * done // max(total, 1)} %"
        if sys.stderr.isatty() and shown != self._shown:
            print(f"\r{shown:<20}", end="", file=sys.stderr, flush=True)
            self._shown = shown

    def end(self) -> None:
        if self._shown:
            print("\r" + " " * 20 + "\r", end="", file=sys.stderr, flush=True)


def _verify_index(given: argparse.Namespace) -> int:
    from revocation.index_reports import verify_index_report

    return _print(verify_index_report(given.file), as_json=given.json)


def _verify(given: argparse.Namespace) -> int:
    from revocation.reports import verification_report

    return _print(verification_report(given.what, given.publisher), as_json=given.json)


def _stats(given: argparse.Namespace) -> int:
    from revocation.index_reports import index_stats_report, is_index
    from revocation.reports import stats_report

    if is_index(Path(given.what)):
        return _print(index_stats_report(Path(given.what)), as_json=given.json)
    return _print(stats_report(given.what, given.publisher), as_json=given.json)


def _freshness(given: argparse.Namespace) -> int:
    from revocation.clock import SystemClock, moment_of
    from revocation.freshness_report import freshness_report

    at = SystemClock().now() if given.at is None else moment_of(given.at)
    report = freshness_report(given.what, given.authorities, given.publisher, at)
    _print(report, as_json=given.json)
    return Exit.DONE if report["complete"] else Exit.PARTIAL


def _check(given: argparse.Namespace) -> int:
    from revocation.checker.command import run
    from revocation.clock import SystemClock

    return run(given, SystemClock().now())


def _diff(given: argparse.Namespace) -> int:
    from revocation.index_reports import index_difference, is_index
    from revocation.reports import list_difference, set_difference

    if _names_a_set(given.old) != _names_a_set(given.new):
        raise Misused(
            "ONE_OF_EACH",
            expected="two files or two sets",
            got="one of each",
            remedy="compare a file with a file, or DIR@7 with DIR@8",
        )
    if _names_a_set(given.old):
        report = set_difference(given.old, given.new, given.publisher, serials=given.serials)
    elif is_index(Path(given.old)) and is_index(Path(given.new)):
        report = index_difference(Path(given.old), Path(given.new), serials=given.serials)
    else:
        report = list_difference(Path(given.old), Path(given.new), serials=given.serials)
    _print(report, as_json=given.json)
    return Exit.DONE if report["changes"] else Exit.NOTHING_NEW


def _names_a_set(what: str) -> bool:
    return Path(what).is_dir() or Path(what.rpartition("@")[0] or what).is_dir()


def _print(report: Report, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print("\n".join(_lines(report)))
    return Exit.DONE


def _lines(report: Report, indent: str = "") -> list[str]:
    lines: list[str] = []
    for name, value in report.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{name}: {len(value)}")
            for item in value:
                text = "  ".join(f"{key} {part}" for key, part in item.items() if part is not None)
                lines.append(f"{indent}  {text}")
        else:
            lines.append(f"{indent}{name}: {'-' if value is None else value}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
