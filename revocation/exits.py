"""The fixed exit codes of every command of this project, one each for what a night can come to.

Monitoring and cron mail read these numbers, so a number never changes its meaning.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from revocation.errors import InputRefused, OutsideFailed, RevocationError


class Exit(IntEnum):
    """What the command came to."""

    DONE = 0
    OWN_FAULT = 1
    USAGE = 2
    NOTHING_NEW = 3
    PARTIAL = 4
    REFUSED = 5
    #: The outside failed: J-LIS, the database, a disk or a file.
    UPSTREAM_DOWN = 6
    #: Of ``check``: the certificate, or one above it, is revoked or on hold.
    REVOKED = 10
    #: Of ``check``: no list decides. Never taken for good.
    NOT_DETERMINED = 11
    #: Of ``check``: it is outside its dates, or has no valid path.
    NOT_VALID = 12
    INTERRUPTED = 130


class Misused(InputRefused):
    """These words do not go together: the exit code of a wrong command line."""

    exit_code: Final = Exit.USAGE


DONE: Final = Exit.DONE
OWN_FAULT: Final = Exit.OWN_FAULT
USAGE: Final = Exit.USAGE
NOTHING_NEW: Final = Exit.NOTHING_NEW
PARTIAL: Final = Exit.PARTIAL
REFUSED: Final = Exit.REFUSED
UPSTREAM_DOWN: Final = Exit.UPSTREAM_DOWN
INTERRUPTED: Final = Exit.INTERRUPTED


def exit_code_of(error: RevocationError) -> Exit:
    """Which fixed exit code an error family has; an error may carry its own (a refusing child does)."""
    own = getattr(error, "exit_code", None)
    if isinstance(own, int) and own in set(Exit):
        return Exit(own)
    if isinstance(error, InputRefused):
        return Exit.REFUSED
    if isinstance(error, OutsideFailed):
        return Exit.UPSTREAM_DOWN
    return Exit.OWN_FAULT


def error_record(error: RevocationError, code: Exit) -> dict[str, Any]:
    """What every command prints for ``--json`` when it fails."""
    return {
        "error": error.code,
        "expected": error.expected,
        "got": error.got,
        "remedy": error.remedy,
        "exit_code": int(code),
    }


def interrupted() -> OutsideFailed:
    """Somebody stopped the command: SIGINT or SIGTERM."""
    return OutsideFailed(
        "INTERRUPTED", expected="to come to an end", got="a signal to stop", remedy="start it again to go on"
    )
