"""A worker does not outlive its supervisor: the serving word would have nobody to raise it."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

from revocation.exits import OWN_FAULT

_PR_SET_PDEATHSIG: Final = 1


def end_with(supervisor: int) -> None:
    """Killed by the kernel as soon as the supervisor is gone, however it goes (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:  # it went before we asked
        os._exit(OWN_FAULT)
