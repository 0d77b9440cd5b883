"""Whether J-LIS takes calls now, by the settings: a gauge that is read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from platform_api.jlis.calls import Kind
from platform_api.jlis.fields import JlisFields
from platform_api.jlis.settings import service_hours


class HoursAtScrape(Collector):
    """1 or 0 for each kind of calls."""

    def __init__(self, fields: JlisFields, now: Callable[[], datetime]) -> None:
        self._hours: Final = service_hours(fields)
        self._always: Final = fields.jlis_open_always
        self._now: Final = now

    def collect(self) -> Iterator[Metric]:
        is_open = self._hours.opens_at(self._now()) is None
        family = GaugeMetricFamily(
            "jpki_jlis_open",
            "1 while J-LIS takes calls of this kind, by its service hours.",
            labels=("kind",),
        )
        for kind in Kind:
            family.add_metric((kind.value,), int(is_open or kind in self._always))
        yield family
