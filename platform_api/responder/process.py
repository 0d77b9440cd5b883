"""What every process of the stand-alone responder does alike: its log, and what is counted beside OCSP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platform_api.logs import Dropped, LibraryMessages, make_log, take_over_logging
from platform_api.workers.counts import Count

if TYPE_CHECKING:
    from platform_api.logs import Log
    from platform_api.workers.part import Part

BACKLOG: Final = 1024
#: Seconds between two looks at the files.
LOOK_S: Final = 1.0


def begin_log(worker: int | None = None) -> tuple[Log, Dropped]:
    """Of this process, and what it keeps out; ``take_messages`` says where that is counted."""
    dropped = Dropped()
    return make_log(dropped=dropped, worker=worker), dropped


def take_messages(log: Log, dropped: Dropped, part: Part) -> None:
    """What libraries log goes to ours; what is no HTTP, and what may not be logged, is counted."""
    dropped.count_in(part.counts[Count.LOG_DROPPED : Count.LOG_DROPPED + 1])
    take_over_logging(LibraryMessages(log, lambda: part.add(Count.HTTP_MALFORMED)))
