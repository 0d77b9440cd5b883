"""The sandbox's folder: made if need be, writable, and used by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from platform_api.sandbox.refusals import StartRefused


class LockedFolder:
    """Holds the folder while the process lives; the kernel lets go of it even after SIGKILL."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._descriptor = -1

    def __enter__(self) -> LockedFolder:
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartRefused(
                f"the folder {self.path} cannot be written ({error.strerror}); "
                "choose another with --folder or correct its permissions"
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise StartRefused(
                f"another sandbox runs on the folder {self.path}; stop it or choose another with --folder"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
