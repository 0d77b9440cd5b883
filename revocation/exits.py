"""The fixed exit codes of every command of this project, one each for what a night can come to.

Monitoring and cron mail read these numbers, so a number never changes its meaning.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What the command came to."""

    DONE = 0
    OWN_FAULT = 1
    USAGE = 2
    NOTHING_NEW = 3
    PARTIAL = 4
    REFUSED = 5
    UPSTREAM_DOWN = 6
    INTERRUPTED = 130


DONE: Final = Exit.DONE
OWN_FAULT: Final = Exit.OWN_FAULT
USAGE: Final = Exit.USAGE
NOTHING_NEW: Final = Exit.NOTHING_NEW
PARTIAL: Final = Exit.PARTIAL
REFUSED: Final = Exit.REFUSED
UPSTREAM_DOWN: Final = Exit.UPSTREAM_DOWN
INTERRUPTED: Final = Exit.INTERRUPTED
