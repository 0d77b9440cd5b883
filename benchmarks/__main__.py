"""``python -m benchmarks``: the command line; without arguments it measures the core."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.core import BARS, report_of
from benchmarks.measuring import LEAST_PAIRS
from benchmarks.ocsp_bars import OCSP_BARS
from benchmarks.workload import NAMES
from revocation.errors import InputRefused, OutsideFailed, RevocationError
from revocation.exits import Exit, exit_code_of, interrupted

_RESULTS: Final = Path(__file__).parent / "results"
_README: Final = Path(__file__).parent / "README.md"
_DEFAULT_ENTRIES: Final = 200_000
_MOST_ENTRIES: Final = 100_000_000
_EXAMPLES: Final = """examples:
  python -m benchmarks core --entries 200000 --only decode_vs_sha256 diff_vs_memcpy --json
  python -m benchmarks core --entries 50000000 --save        a full run, kept under benchmarks/results
  python -m benchmarks table --write                         the newest kept run into benchmarks/README.md
  python -m benchmarks plot                                  an SVG beside each kept run
  python -m benchmarks generate mixed --entries 1000000 lists
  python -m benchmarks checker --cases 10000                 a batch of the checker
  python -m benchmarks ocsp --only cached_get_vs_post --json OCSP over HTTP, one figure
  python -m benchmarks night --residents 1000000             a whole night, step by step
  python -m benchmarks instructions --check                  exit code 1 if a count grew by more than 5 %

exit codes: 0 done, whatever the figures are; 1 our fault, or --check found growth; 2 usage;
5 a kept run that cannot be read; 6 the outside failed (a disk, openssl, valgrind); 130 interrupted."""


def _number(least: int, most: int, what: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"expected {least} to {most} {what}, got {text!r}")
        return int(text)

    return parse


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Ratios against a neighbour in the same run; see benchmarks/README.md.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    entries = _number(100, _MOST_ENTRIES, "entries")

    core = commands.add_parser(
        "core", help="decode, ingest, look up, compare", description="The library alone."
    )
    core.add_argument("--entries", type=entries, default=_DEFAULT_ENTRIES, metavar="N")
    core.add_argument(
        "--only", nargs="+", choices=list(BARS), metavar="NAME", help=f"some of: {', '.join(BARS)}"
    )
    core.add_argument(
        "--workload",
        choices=[name for name in NAMES if name != "partitioned"],
        default="short",
        help="of the figures that do not name theirs (default: short)",
    )
    core.add_argument(
        "--pairs",
        type=_number(LEAST_PAIRS, 99, "pairs"),
        default=LEAST_PAIRS,
        metavar="K",
        help=f"so many of ours and the neighbour in turn (default and least: {LEAST_PAIRS})",
    )
    core.add_argument("--json", action="store_true", help="the last line is one JSON object")
    core.add_argument("--save", action="store_true", help="keep the object under benchmarks/results")
    core.set_defaults(run=_core)

    checker = commands.add_parser(
        "checker", help="a batch of the checker", description="python -m revocation check --batch, whole."
    )
    checker.add_argument("--cases", type=_number(20, 1_000_000, "cases"), default=10_000, metavar="N")
    checker.add_argument(
        "--pairs",
        type=_number(1, 99, "pairs"),
        default=LEAST_PAIRS,
        metavar="K",
        help="of ours and each neighbour",
    )
    checker.add_argument("--json", action="store_true", help="the last line is one JSON object")
    checker.set_defaults(run=_checker)

    ocsp = commands.add_parser(
        "ocsp", help="OCSP over HTTP beside nginx and others", description="The product as it is shipped."
    )
    ocsp.add_argument(
        "--only",
        nargs="+",
        choices=list(OCSP_BARS),
        metavar="NAME",
        help=f"some of: {', '.join(OCSP_BARS)}",
    )
    ocsp.add_argument(
        "--pairs",
        type=_number(LEAST_PAIRS, 99, "pairs"),
        default=LEAST_PAIRS,
        metavar="K",
        help="of ours and each neighbour in turn",
    )
    ocsp.add_argument(
        "--seconds", type=_number(1, 60, "seconds"), default=3, metavar="S", help="of each run (default: 3)"
    )
    ocsp.add_argument("--json", action="store_true", help="the last line is one JSON object")
    ocsp.add_argument("--save", action="store_true", help="keep the object under benchmarks/results")
    ocsp.set_defaults(run=_ocsp)

    night = commands.add_parser(
        "night",
        help="one night of the whole flow, seconds and memory",
        description="Sandbox, service and night as processes; no ratio: where a night's time goes.",
    )
    night.add_argument("--residents", type=_number(200, 5_000_000, "residents"), default=20_000, metavar="N")
    night.add_argument("--customers", type=_number(20, 100_000, "customers"), default=200, metavar="N")
    night.add_argument("--json", action="store_true", help="the last line is one JSON object")
    night.add_argument("--save", action="store_true", help="keep the object under benchmarks/results")
    night.set_defaults(run=_night)

    table = commands.add_parser("table", help="a kept run as Markdown")
    table.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: the newest kept run")
    table.add_argument("--write", action="store_true", help="into benchmarks/README.md, with its plot")
    table.set_defaults(run=_table)

    plot = commands.add_parser("plot", help="kept runs as SVG")
    plot.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: every kept run")
    plot.set_defaults(run=_plot)

    generate = commands.add_parser("generate", help="write a workload's signed lists of one day")
    generate.add_argument("workload", choices=NAMES)
    generate.add_argument("folder", type=Path, metavar="FOLDER", help="gets ca.pem and NUMBER.crl")
    generate.add_argument("--entries", type=entries, default=_DEFAULT_ENTRIES, metavar="N")
    generate.add_argument("--day", type=_number(0, 999, "as day"), default=0, metavar="D")
    generate.add_argument("--key", choices=["rsa-2048", "p-256"], help="default: the workload's")
    generate.set_defaults(run=_generate)

    count = commands.add_parser("instructions", help="instructions an entry and a look-up, by callgrind")
    count.add_argument("--check", action="store_true", help="against benchmarks/instructions.json, unchanged")
    count.set_defaults(run=_instructions)
    return made


def _core(given: argparse.Namespace) -> int:
    from benchmarks.tables import table_of

    names = [name for name in BARS if given.only is None or name in given.only]
    report = report_of(
        given.entries, names, workload=given.workload, pairs=given.pairs, beside=given.only is None
    )
    if given.save:
        kept = _RESULTS / f"core-{given.workload}-{given.entries}-{report['machine']['at'][:10]}.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"kept in {kept.name}", file=sys.stderr)
    print(table_of(report))
    if given.json:
        print(json.dumps(report))
    return Exit.DONE


def _checker(given: argparse.Namespace) -> int:
    from benchmarks.checker import report_of as checker_report

    report = checker_report(given.cases, given.pairs, lambda text: print(text, file=sys.stderr))
    print(
        f"{report['cases']} cases in {report['seconds']:.2f} s, {report['cases_per_s']:,.0f} a second, "
        f"{report['peak_octets'] / 1e6:.0f} MB at most"
    )
    for name, value in report["ratios"].items():
        low, high = report["spread"][name]
        print(f"{name}  {value:.3g}  ({low:.3g} to {high:.3g})")
    if given.json:
        print(json.dumps(report))
    return Exit.DONE


def _ocsp(given: argparse.Namespace) -> int:
    from benchmarks.ocsp import report_of as ocsp_report
    from benchmarks.ocsp import table_of

    names = [name for name in OCSP_BARS if given.only is None or name in given.only]
    report = ocsp_report(names, pairs=given.pairs, seconds=given.seconds)
    if given.save:
        kept = _RESULTS / f"ocsp-{report['machine']['at'][:10]}.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"kept in {kept.name}", file=sys.stderr)
    print(table_of(report))
    if given.json:
        print(json.dumps(report))
    return Exit.DONE


def _night(given: argparse.Namespace) -> int:
    from benchmarks.whole_night import report_of as night_report
    from benchmarks.whole_night import told

    report = night_report(given.residents, given.customers)
    if given.save:
        kept = _RESULTS / f"night-{given.residents}-{report['machine']['at'][:10]}.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"kept in {kept.name}", file=sys.stderr)
    print(told(report))
    if given.json:
        print(json.dumps(report))
    return Exit.DONE


def _kept() -> list[Path]:
    found = sorted(_RESULTS.glob("core-*.json"), key=lambda file: (_read(file)["machine"]["at"], file.name))
    if not found:
        raise OutsideFailed(
            "NO_RESULTS",
            expected="a kept run under benchmarks/results",
            got="none",
            remedy="python -m benchmarks core --entries 50000000 --save",
        )
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        report = None
    if (
        not isinstance(report, dict)
        or report.get("benchmark") != "core"
        or not set(report["ratios"]) <= set(BARS)
    ):
        raise InputRefused(
            "RESULTS_MALFORMED",
            expected="one object of python -m benchmarks core",
            got="something else",
            remedy="give a file that --save wrote",
        )
    return report


def _table(given: argparse.Namespace) -> int:
    from benchmarks.tables import filled, markdown_of

    file = given.file or _kept()[-1]
    text = markdown_of(_read(file))
    if given.write:
        drawn = file.with_suffix(".svg")
        picture = f"![the same as a plot]({drawn.resolve().relative_to(_README.parent).as_posix()})\n\n"
        _plot(argparse.Namespace(files=[file]))
        _README.write_text(filled(_README.read_text(encoding="utf-8"), picture + text), encoding="utf-8")
    else:
        print(text)
    return Exit.DONE


def _plot(given: argparse.Namespace) -> int:
    from benchmarks.plot import svg_of

    for file in given.files or _kept():
        drawn = file.with_suffix(".svg")
        drawn.write_text(svg_of(_read(file)), encoding="utf-8")
        print(drawn)
    return Exit.DONE


def _generate(given: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding

    from benchmarks.issuer import Issuer
    from benchmarks.lists import Calendar, write_day
    from benchmarks.workload import load

    workload = load(given.workload)
    calendar = Calendar(workload, given.entries)
    issuer = Issuer(given.key or workload.key, calendar.workload.lists)
    files, entries = write_day(issuer, calendar, given.day, given.folder)
    (given.folder / "ca.pem").write_bytes(issuer.certificate().public_bytes(Encoding.PEM))
    print(f"{len(files)} lists, {entries} entries, {sum(file.stat().st_size for file in files)} octets")
    return Exit.DONE


def _instructions(given: argparse.Namespace) -> int:
    from benchmarks.instructions import check, write

    return check() if given.check else write()


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 whatever the figures are."""
    given = parser().parse_args((sys.argv[1:] if arguments is None else arguments) or ["core"])
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except RevocationError as error:
        print(error, file=sys.stderr)
        return exit_code_of(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except OSError as error:
        print(f"{error}; nothing was kept: look at the disk and at what is installed", file=sys.stderr)
        return Exit.UPSTREAM_DOWN
    except KeyboardInterrupt:
        print(interrupted(), file=sys.stderr)
        return Exit.INTERRUPTED
    return code


if __name__ == "__main__":
    # Also where SIGINT was inherited as ignored; the temporary folder goes in either case.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _stop)
    sys.exit(main())
