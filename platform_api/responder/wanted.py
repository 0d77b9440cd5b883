"""What the command line asks for, and what is said to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from platform_api.responder.admin import readiness
from platform_api.responder.follow import Follower
from platform_api.responder.given import Given
from revocation.clock import Clock, FixedClock
from revocation.errors import RevocationError
from revocation.exits import error_record, exit_code_of

#: One object each: ready, reloaded, refused; whoever is told prints it.
Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    given: Given
    host: str
    port: int
    admin_port: int | None
    #: Everybody may ask, and every cache may keep the answers.
    anonymous: bool
    clock: Clock
    #: Processes that answer as one.
    workers: int = 1

    @property
    def at(self) -> str | None:
        """The moment at which the clock stands still, as ``moment_of`` reads it; None for one that runs."""
        return self.clock.now().isoformat() if isinstance(self.clock, FixedClock) else None


def ready_record(worlds: Follower, wanted: Wanted, *, port: int, admin_port: int | None) -> dict[str, Any]:
    """What the ready line says of each CA."""
    state = readiness(worlds, wanted.clock)
    return {
        "responder": "ready",
        "port": port,
        "admin_port": admin_port,
        "anonymous": wanted.anonymous,
        "workers": wanted.workers,
        "cas": [
            {
                "ca": said.ca_id,
                "lists": said.lists,
                "entries": said.entries,
                "signer": str(said.trust),
                "unlisted": "good" if said.whole else "not answered",
                "in_force": said.ca_id not in state["not_in_force"],
                "next_update": _text(said.next_update),
            }
            for said in worlds.current.cas
        ],
    }


def refused_record(error: RevocationError) -> dict[str, Any]:
    """Of changed files that were not taken; the responder goes on with those in hand."""
    return {"responder": "refused", **error_record(error, exit_code_of(error))}


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
