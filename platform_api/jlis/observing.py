"""What is told of calls to J-LIS, to the log and to the metrics: names of calls, codes, seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from platform_api.jlis.guard import code_of
from platform_api.logs import failure

if TYPE_CHECKING:
    from platform_api.jlis.calls import Call, Kind
    from platform_api.logs import Log
    from platform_api.metrics import Metrics

#: Told by the metric alone: the first says so itself, the second is the caller's.
_NO_NEWS: Final = frozenset({"JLIS_PAUSED", "JLIS_CLOSED", "GIVEN_UP"})


class Observing:
    """``Observer`` of a process that serves."""

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self._log: Final = log
        self._metrics: Final = metrics
        self._alone: Final[set[Kind]] = set()

    def call_ended(self, call: Call, error: BaseException | None, seconds: float) -> None:
        code = code_of(error)
        self._metrics.jlis_called(call.name, code, seconds)
        if error is not None and code not in _NO_NEWS:
            self._log.warning("jlis.failed", component=call.name, ms=round(seconds * 1000), **failure(error))

    def left_alone(self, kind: Kind, *, is_so: bool) -> None:
        self._metrics.jlis_left_alone(kind.value, is_so=is_so)
        if is_so and kind not in self._alone:
            self._alone.add(kind)
            self._log.error("jlis.paused", component=kind.value)
        elif not is_so and kind in self._alone:
            self._alone.discard(kind)
            self._log.info("jlis.resumed", component=kind.value)
