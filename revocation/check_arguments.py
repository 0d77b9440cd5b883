"""The options of ``python -m revocation check``, and nothing that takes long to import."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

EXAMPLE: Final = "check --trust ca.pem --crl ca.crl --cert leaf.pem"
EPILOG: Final = """examples:
  python -m revocation check --trust ca.pem --crl ca.crl --cert leaf.pem
  python -m revocation check --trust root.pem --intermediate sub.pem --crl root.crl --crl sub.crl
      --crl delta.crl --cert leaf.pem --at 2026-11-23T06:00:00Z --json
  python -m revocation check --batch cases.jsonl --output answers.jsonl

status, and exit code: good 0; revoked, issuer-revoked 10; unknown, malformed 11 (no list decides);
expired-cert, path-invalid 12. With --batch: 0 every line has a status; 4 some line says why it has none.
Of the path is not checked: name constraints, policies, extended key usage, strength of the algorithms."""

#: Names of ``checker.lists.TOLERANCES``.
TOLERATED: Final = ("critical_known_extension", "explicit_default", "missing_crl_number", "weak_signature")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The options of ``check``."""
    command.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="FILE",
        help="trust anchor, PEM or DER; may come again",
    )
    command.add_argument(
        "--intermediate", action="append", default=[], metavar="FILE",
        help="other certificates: of CAs, of signers of lists; may come again",
    )  # fmt: skip
    command.add_argument(
        "--crl", action="append", default=[], metavar="FILE", help="a list, PEM or DER; may come again"
    )
    command.add_argument("--cert", metavar="FILE", help="the certificate that is asked about")
    command.add_argument("--at", metavar="TIME", help="as of this time (2026-11-23T06:00:00Z); default: now")
    command.add_argument(
        "--tolerate", action="append", default=[], metavar="NAME",
        help=f"let a quirk of the lists pass: {', '.join(TOLERATED)}",
    )  # fmt: skip
    command.add_argument(
        "--batch", metavar="FILE",
        help='one case a line: {"id":…,"trust":[…],"intermediates":[…],"crls":[…],"cert":…,"at":…}; - reads '
        "standard input. Relative paths count from here, or else from the folder of FILE",
    )  # fmt: skip
    command.add_argument(
        "--output", type=Path, metavar="FILE",
        help="with --batch: append the answers to FILE; cases of which it holds the answer (by order and id) "
        "are not asked again, so take a new FILE when lists, times or tolerances have changed",
    )  # fmt: skip
