"""Errors of starting and running: one sentence with the remedy, and a fixed exit code.

They are ``revocation.errors`` families, so that the command line prints every failure in one way.
"""

from __future__ import annotations

from revocation.errors import InputRefused, OutsideFailed
from revocation.exits import Exit


class UsageRefused(InputRefused):
    """A word on the command line is none that the command takes; nothing was looked at."""

    exit_code = Exit.USAGE


class SetupRefused(InputRefused):
    """A setting, a folder or a key file is not as it must be; nothing was started."""


class DatabaseFailed(OutsideFailed):
    """PostgreSQL cannot be started or reached, or is not set up as it must be."""


class AlreadyRunning(InputRefused):
    """A port or a folder is held by another process."""
