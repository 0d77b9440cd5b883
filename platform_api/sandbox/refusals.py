"""What the sandbox refuses, and what may break at its start: each with a code and one sentence."""

from __future__ import annotations


class SandboxError(Exception):
    """Base of the three families; never raised itself."""


class StartRefused(SandboxError):
    """The sandbox cannot start here; the text is the one sentence with the remedy that the operator reads."""


class FolderDamaged(SandboxError):
    """A stored file of the sandbox contradicts itself; nothing is guessed, nothing is overwritten."""


class RequestRefused(SandboxError):
    """A request that cannot be done: HTTP status, stable code, one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
