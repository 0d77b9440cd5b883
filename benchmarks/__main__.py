"""``python -m benchmarks``: the command line; without arguments it measures the core."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from benchmarks.core import FIGURES, report_of, table_of
from revocation.exits import Exit

_DEFAULT_ENTRIES = 200_000
#: The generator holds every entry in memory (about 150 octets each): mind it above some millions.
_MOST_ENTRIES = 100_000_000


def _entries(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 100 <= int(text) <= _MOST_ENTRIES):
        raise argparse.ArgumentTypeError(f"expected 100 to {_MOST_ENTRIES} entries, got {text!r}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Ratios against a neighbour in the same run; see benchmarks/README.md.",
        epilog="example:\n  python -m benchmarks core --entries 200000 --only decode_vs_sha256 --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    core = commands.add_parser("core", help="decode, ingest and look up", description="The library alone.")
    core.add_argument("--entries", type=_entries, default=_DEFAULT_ENTRIES, metavar="N")
    core.add_argument(
        "--only",
        nargs="+",
        choices=list(FIGURES),
        default=list(FIGURES),
        metavar="NAME",
        help=f"some of: {', '.join(FIGURES)}",
    )
    core.add_argument("--json", action="store_true", help="the last line is one JSON object")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 0 whatever the figures are."""
    given = parser().parse_args((sys.argv[1:] if arguments is None else arguments) or ["core"])
    try:
        report = report_of(given.entries, [name for name in FIGURES if name in given.only])
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    print(table_of(report))
    if given.json:
        print(json.dumps(report))
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
