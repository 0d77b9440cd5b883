"""Structured logs, one JSON object a line, through an allow-list (``log_fields``).

Exceptions are logged as type, code, SQLSTATE and place, never as text: the text of a database error quotes
the row, that of a validation error the input. Messages of libraries are reduced to their logger and level
for the same reason.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias

import orjson
import structlog
from aiohttp.http_exceptions import HttpProcessingError

from platform_api.log_fields import EVENTS, FIELDS
from revocation.clock import Clock, SystemClock

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

    Log: TypeAlias = FilteringBoundLogger

_PACKAGES: Final = Path(__file__).resolve().parent.parent


class Dropped:
    """How many events and fields the allow-list kept out; more than zero is a fault of ours to look for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._word = memoryview(bytearray(8)).cast("Q")

    @property
    def count(self) -> int:
        return int(self._word[0])

    def add(self, n: int) -> None:
        with self._lock:
            self._word[0] += n

    def count_in(self, word: memoryview) -> None:
        """Go on in this word (format "Q"), which others read: what it says already stays in it."""
        with self._lock:
            word[0] += self._word[0]
            self._word = word


class AllowList:
    """The processor that lets through what the table declares, and counts the rest."""

    def __init__(self, dropped: Dropped) -> None:
        self._dropped = dropped

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        event = event_dict.pop("event", None)
        allowed = EVENTS.get(event) if isinstance(event, str) else None
        if allowed is None:
            self._dropped.add(1)
            raise structlog.DropEvent
        kept: EventDict = {"event": event}
        for name, value in event_dict.items():
            if name == "level" or (name in allowed and FIELDS[name](value)):
                kept[name] = value
            elif value is not None:
                self._dropped.add(1)
        return kept


def make_log(
    stream: TextIO | None = None,
    *,
    clock: Clock | None = None,
    dropped: Dropped | None = None,
    worker: int | None = None,
) -> Log:
    """A logger to ``stream`` (default: standard error, because standard output belongs to the ready line).

    Lines carry the machine's own time, also in sandbox mode: they are compared with other machines' logs;
    and which of several workers wrote them.
    """
    of_worker = {} if worker is None else {"worker": worker}
    time_of_day = clock or SystemClock()

    def stamp(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        at = time_of_day.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"at": at, **of_worker, **event_dict}

    log: Log = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[structlog.processors.add_log_level, AllowList(dropped or Dropped()), stamp, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    return log


def _as_json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    return orjson.dumps(event_dict, default=str).decode()


def failure(error: BaseException) -> dict[str, Any]:
    """What may be said of an exception: fields for an event, never its text."""
    fields: dict[str, Any] = {"error_type": type(error).__qualname__.replace("<locals>.", "")}
    for field, attribute in (("code", "code"), ("sqlstate", "sqlstate"), ("constraint", "constraint_name")):
        value = getattr(error, attribute, None)
        if isinstance(value, str):
            fields[field] = value
    place = _place(error)
    if place is not None:
        fields["raised_at"] = place
    return fields


def _place(error: BaseException) -> str | None:
    """The innermost line of our own packages; a library's line would say less."""
    # walk_tb, not extract_tb: the latter reads source files, which would block the event loop.
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_PACKAGES) and path.relative_to(_PACKAGES).parts[0] in (
            "platform_api",
            "revocation",
        ):
            return f"{path.relative_to(_PACKAGES)}:{line}"
    return None


class LibraryMessages(logging.Handler):
    """The only handler of the standard library's logging: passes on who spoke and how loud, not what.

    aiohttp logs a traceback with the raw octets for every malformed request: on a public port that is a way
    to fill and to forge logs. Those are counted and not written at all.
    """

    def __init__(self, log: Log, malformed: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._malformed = malformed

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "aiohttp.server" and (
            isinstance(error, HttpProcessingError) or (error is None and record.levelno < logging.ERROR)
        ):
            self._malformed()
            return
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        write("library.message", logger=record.name, **(failure(error) if error is not None else {}))


def take_over_logging(handler: LibraryMessages) -> None:
    """Make ``handler`` the process's only one. Called by ``serve`` alone: a process has one such place."""
    root = logging.getLogger()
    for other in list(root.handlers):
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
