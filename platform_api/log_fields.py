"""The one table of what may be logged: event names, and for each field the shape its value must have.

An allow-list: what is not here does not exist. Shapes are narrow on purpose: no field can hold a name, an
address, a date of birth, a serial number or free text, so a mistake in a handler cannot put one into a log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID


def _matches(pattern: str) -> Callable[[Any], bool]:
    shape = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and shape.fullmatch(value) is not None


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12


def _milliseconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**9


def _uuid(value: Any) -> bool:
    return isinstance(value, UUID)


#: A route template of ours: names in braces, no value of any request.
_ROUTE: Final = r"/[A-Za-z0-9_.:/{}-]{0,120}"
_CODE: Final = r"[A-Z][A-Z0-9_]{1,63}"

FIELDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "request_id": _matches(r"[0-9a-f]{32}"),
    "institution_id": _uuid,
    "key_id": _uuid,
    "method": _matches(r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|OTHER"),
    "route": _matches(_ROUTE),
    "status": _count,
    "ms": _milliseconds,
    "code": _matches(_CODE),
    "error_type": _matches(r"[A-Z][A-Za-z]{0,63}(\.[A-Z][A-Za-z]{0,63}){0,3}|_[A-Z][A-Za-z]{0,63}"),
    "sqlstate": _matches(r"[0-9A-Z]{5}"),
    "constraint": _matches(r"[a-z_][a-z0-9_]{0,62}"),
    "raised_at": _matches(r"[a-z_][a-z0-9_./]{0,120}:[0-9]{1,6}"),
    "logger": _matches(r"[a-z_]{1,32}(\.[a-z_]{1,32}){0,7}"),
    "set_seq": _count,
    "ca_id": _matches(r"[a-z][a-z0-9-]{0,31}"),
    "n": _count,
    "worker": _count,
    "port": _count,
    "component": _matches(r"[a-z_]{1,32}"),
    # The name of a pair in keys/responders/, which the operator chose.
    "signer": _matches(r"[a-z][a-z0-9-]{0,31}"),
    "version": _matches(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}"),
}

_REQUEST: Final = frozenset(
    {"request_id", "institution_id", "key_id", "method", "route", "status", "ms", "code"}
)
_FAILURE: Final = frozenset({"code", "error_type", "sqlstate", "constraint", "raised_at"})

EVENTS: Final[Mapping[str, frozenset[str]]] = {
    "serve.started": frozenset({"port", "version"}),
    "serve.stopping": frozenset(),
    "serve.stopped": frozenset(),
    "worker.started": frozenset({"worker", "ms"}),
    # status: the exit code, or 128 and the number of the signal that ended it.
    "worker.ended": frozenset({"worker", "status", "code"}),
    "request.done": _REQUEST,
    "request.failed": _REQUEST | _FAILURE,
    "request.malformed": frozenset({"n"}),
    "snapshot.adopted": frozenset({"set_seq", "n"}),
    "snapshot.refused": _FAILURE,
    "authorities.adopted": frozenset({"n"}),
    "authorities.refused": _FAILURE,
    "clock.followed": frozenset({"n"}),
    "clock.lost": _FAILURE,
    "database.ready": frozenset({"ms"}),
    "component.failed": _FAILURE | {"component"},
    "tls.taken": frozenset(),
    # n: how many pairs may sign in their time.
    "signer.taken": frozenset({"n"}),
    "signer.refused": _FAILURE | {"signer"},
    # n: whole days left.
    "signer.ends": frozenset({"component", "ca_id", "code", "n"}),
    "component.missing": frozenset({"component"}),
    "api_key.burnt": frozenset({"institution_id", "key_id"}),
    "library.message": frozenset({"logger"}) | _FAILURE,
    "night.begun": frozenset({"set_seq"}),
    "night.done": frozenset({"set_seq", "n", "ms", "code"}),
    "night.failed": _FAILURE,
    "detection.done": frozenset({"set_seq", "n", "ms"}),
    "upstream.failed": _FAILURE | {"ca_id"},
    "upstream.incident": frozenset({"ca_id"}),
    # component: the call, or the kind of calls.
    "jlis.failed": _FAILURE | {"component", "ms"},
    "jlis.paused": frozenset({"component"}),
    "jlis.resumed": frozenset({"component"}),
    # code: how it went, or why not; never which letter.
    "letter.signed": frozenset({"institution_id", "code"}),
    "letter.refused": frozenset({"institution_id", "code"}),
    "four_information.asked": frozenset({"institution_id", "code", "ms"}),
}
