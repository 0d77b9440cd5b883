"""The memory that workers share: where words stand, whose they are, and that nothing counted is lost."""

from __future__ import annotations

import mmap
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from platform_api.workers import layout
from platform_api.workers.collector import SharedCollector
from platform_api.workers.counts import LATENCY_BUCKETS, LATENCY_NS, CallerCount, Count
from platform_api.workers.layout import CALLERS, LINE, WORD, Header, Slot, State, TableShape
from platform_api.workers.part import INCIDENT, request_key, request_labels
from platform_api.workers.rows import REST, Rows, read_rows
from platform_api.workers.shared import Shared
from revocation.errors import OwnFault

ROOT = Path(__file__).parents[2]
_INSTITUTION, _KEY = UUID(int=7), UUID(int=1 << 100)
_SMALL = TableShape(rows=5, key_octets=20, values=2)


def test_the_compiled_names_have_the_same_positions() -> None:
    """Each line of _count.pxd says what the enums say, and none is missing."""
    text = (ROOT / "platform_api/workers/_count.pxd").read_text(encoding="utf-8")
    said = {name: int(value) for name, value in re.findall(r"^    ([A-Z0-9_]+) = (\d+)$", text, re.MULTILINE)}
    wanted = {f"COUNT_{count.name}": int(count) for count in Count} | {"COUNT_ALL": len(Count)}
    assert said == wanted | {f"CALLER_{count.name}": int(count) for count in CallerCount}


@given(st.integers(1, layout.MOST_WORKERS))
def test_no_two_spans_share_a_cache_line(workers: int) -> None:
    """Header, slots, counters and tables lie behind each other, each beginning on a line of its own."""
    spans = [layout.slot_span(index) for index in range(workers)]
    for index in range(workers):
        spans += [
            layout.counts_span(index, workers),
            layout.callers_span(index, workers),
            layout.requests_span(index, workers),
            layout.routes_span(index, workers),
            layout.upstream_span(index, workers),
            layout.jlis_calls_span(index, workers),
            layout.jlis_seconds_span(index, workers),
            layout.jlis_paused_span(index, workers),
        ]
    end = layout.HEADER_WORDS
    for span in spans:
        assert span.first == end
        assert span.first % LINE == 0
        end = span.first + span.words
    assert end == layout.total_words(workers)
    assert Header.SERVING // LINE not in {Header.WORKERS // LINE, Header.STOPPING // LINE}


def test_the_serving_word_only_rises() -> None:
    """Whatever it is told, it never goes down; the compiled reader's view is the same word."""
    shared = Shared.private()
    for told, raised in ((3, True), (2, False), (3, False), (9, True), (0, False)):
        assert shared.advance(told) is raised
    assert (shared.serving, shared.serving_word[0], shared.serving_word.format) == (9, 9, "Q")


_COUNTING = """
import os, sys
from uuid import UUID
from platform_api.workers.counts import Count
from platform_api.workers.shared import Shared
part = Shared.inherited(int(sys.argv[1])).part(int(sys.argv[2]))
part.take()
for _ in range(1000):
    part.add(Count.GOOD)
    part.caller(UUID(int=7), UUID(int=1 << 100))[0] += 1
    part.request_done(route="/readyz", method="GET", status=200, seconds=0.004)
part.add(Count.CONNECTIONS_OPEN, 5)
os.kill(os.getpid(), 9)
"""


def test_counts_of_killed_processes_stay_counted_and_add_up() -> None:
    """Two workers count at once and are killed, a third goes on in the place of the first: all of it is
    there, and open connections of the dead are open no more."""
    shared = Shared.make(2)
    assert shared.descriptor is not None
    for turn in ((0, 1), (0,)):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", _COUNTING, str(shared.descriptor), str(index)],
                pass_fds=[shared.descriptor],
                cwd=ROOT,
            )
            for index in turn
        ]
        assert [process.wait(60) for process in started] == [-signal.SIGKILL] * len(turn)
    shared.close_descriptor()
    assert shared.total(Count.GOOD) == 3000
    assert shared.total(Count.CONNECTIONS_OPEN) == 10
    assert shared.callers() == {REST: [0] * 4, _INSTITUTION.bytes + _KEY.bytes: [3000, 0, 0, 0]}
    assert shared.requests()[request_key("/readyz", "GET", 200)] == [3000]
    buckets = shared.routes()[b"/readyz"]
    assert (buckets[2], sum(buckets[:-1]), buckets[-1]) == (3000, 3000, 3000 * 4_000_000)
    assert [shared.slot(index)[Slot.STARTS] for index in (0, 1)] == [2, 1]
    shared.part(1).take()
    assert shared.total(Count.CONNECTIONS_OPEN) == 5


def test_the_memory_cannot_be_cut_short() -> None:
    """Nobody, also not a worker, can change its size: a map behind a cut would kill its reader."""
    shared = Shared.make(1)
    assert shared.descriptor is not None
    for size in (0, 1 << 30):
        with pytest.raises(PermissionError):
            os.ftruncate(shared.descriptor, size)
    shared.close_descriptor()


def test_another_layout_is_refused() -> None:
    """A worker of another version than its supervisor's counts nothing anywhere."""
    descriptor = os.memfd_create("other")
    os.ftruncate(descriptor, mmap.PAGESIZE)
    with pytest.raises(OwnFault, match="SHARED_MEMORY_MISMATCH"):
        Shared.inherited(descriptor)
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


def _table(shape: TableShape) -> memoryview:
    return memoryview(bytearray(shape.words * WORD)).cast("Q")


@given(st.lists(st.tuples(st.binary(max_size=24), st.integers(0, 50), st.booleans())))
def test_a_table_loses_nothing(steps: list[tuple[bytes, int, bool]]) -> None:
    """Against a dict: each key has its own sum as long as there is room, the first row has all the others,
    and a new writer of the same table goes on."""
    words, rows, model = _table(_SMALL), None, {REST: 0}
    for key, n, taken_over in steps:
        if rows is None or taken_over:
            rows = Rows(words, _SMALL)
        rows.values(key)[1] += n
        fits = 0 < len(key) <= _SMALL.key_octets and (key in model or len(model) < _SMALL.rows)
        model[key if fits else REST] = model.get(key if fits else REST, 0) + n
    assert {key: values[1] for key, values in read_rows(words, _SMALL)} == model
    assert all(values[0] == 0 for _, values in read_rows(words, _SMALL))


def test_a_row_whose_writer_was_killed_is_none() -> None:
    """A key without its length is not read, and its place is taken by the next row."""
    words = _table(_SMALL)
    Rows(words, _SMALL).values(b"first")[0] += 1
    words[2 * _SMALL.row_words + 1] = 0x4141414141414141
    assert [key for key, _ in read_rows(words, _SMALL)] == [REST, b"first"]
    Rows(words, _SMALL).values(b"next")[0] += 2
    assert {key: values[0] for key, values in read_rows(words, _SMALL)} == {REST: 0, b"first": 1, b"next": 2}


def test_more_callers_than_rows_are_counted_together() -> None:
    """The table is bounded: the last callers share one row, and the sum is still right."""
    shared = Shared.private()
    part = shared.part(0)
    for number in range(CALLERS.rows + 10):
        part.caller(_INSTITUTION, UUID(int=number))[CallerCount.UNKNOWN] += 1
    counted = shared.callers()
    assert len(counted) == CALLERS.rows
    assert counted[REST] == [0, 0, 11, 0]
    assert sum(values[CallerCount.UNKNOWN] for values in counted.values()) == CALLERS.rows + 10


@given(st.from_regex(r"/[A-Za-z0-9_.:/{}-]{0,120}", fullmatch=True), st.sampled_from(("GET", "OTHER")))
def test_labels_come_back_from_a_key(route: str, method: str) -> None:
    """What is put into a key is what the label says; the longest key has room in a row."""
    assert request_labels(request_key(route, method, 200)) == (route, method, "200")
    assert len(request_key(route, method, 200)) <= layout.REQUESTS.key_octets
    assert len(route) <= layout.ROUTES.key_octets


def test_what_is_exposed() -> None:
    """A Prometheus parser reads the sums over the workers, the answers by kind, cumulative buckets, and the
    callers by institution."""
    shared = Shared.make(2)
    for index in (0, 1):
        part = shared.part(index)
        part.take()
        part.add(Count.REVOKED, 2)
        part.add(Count.LATENCY_SUM_NS, 60_000)
        part.add(LATENCY_BUCKETS[index])
        part.caller(_INSTITUTION, UUID(int=index))[CallerCount.REVOKED] += 2
        part.request_done(route="/v1/x/{id}", method="GET", status=200, seconds=0.002)
        part.upstream("card-sign", "paused")
        part.upstream("card-sign", INCIDENT)
    part.enter(State.SERVING)
    registry = CollectorRegistry()
    registry.register(SharedCollector(shared))
    found = {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }
    assert found["jpki_ocsp_answers_total", "revoked"] == 4
    assert found["jpki_ocsp_answers_total", "try_later"] == 0
    assert found["jpki_ocsp_caller_answers_total", "revoked", str(_INSTITUTION)] == 4
    assert found["jpki_ocsp_seconds_bucket", "5e-05"] == 1
    assert found["jpki_ocsp_seconds_bucket", "0.0001"] == 2
    assert found["jpki_ocsp_seconds_count",] == 2
    assert found["jpki_ocsp_seconds_sum",] == pytest.approx(0.00012)
    assert found["jpki_http_requests_total", "GET", "/v1/x/{id}", "200"] == 2
    assert found["jpki_http_request_seconds_bucket", "0.0025", "/v1/x/{id}"] == 2
    assert found["jpki_http_request_seconds_bucket", "0.001", "/v1/x/{id}"] == 0
    assert found["jpki_upstream_ocsp_total", "card-sign", "paused"] == 2
    assert found["jpki_upstream_ocsp_incidents_total", "card-sign"] == 2
    assert found["jpki_workers", "serving"] == found["jpki_workers", "starting"] == 1
    assert len(LATENCY_NS) + 1 == sum(name[0] == "jpki_ocsp_seconds_bucket" for name in found)
    shared.close_descriptor()


def test_the_fast_path_knows_the_same_latency_buckets() -> None:
    """The bounds in ``ocsp/_measured.pxd`` are those of ``counts.py``, in nanoseconds."""
    text = (ROOT / "platform_api" / "ocsp" / "_measured.pxd").read_text(encoding="utf-8")
    bounds = re.findall(r"(\d+)ULL", text)
    assert tuple(map(int, bounds)) == LATENCY_NS
