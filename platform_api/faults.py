"""Errors of starting and running: one sentence with the remedy, and a fixed exit code.

They are ``revocation.errors`` families, so that the command line prints every failure in one way.
"""

from __future__ import annotations

from revocation.errors import InputRefused, OutsideFailed


class SetupRefused(InputRefused):
    """A setting, a folder or a key file is not as it must be; nothing was started."""


class DatabaseFailed(OutsideFailed):
    """PostgreSQL cannot be started or reached, or is not set up as it must be."""


class AlreadyRunning(InputRefused):
    """A port or a folder is held by another process."""
