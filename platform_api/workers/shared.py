"""The memory that the supervisor and its workers share: the serving word, and what each worker counted.

It is an anonymous file (memfd_create(2)), sealed against a change of its size, that workers inherit by its
descriptor; a single process uses the same over memory of its own. It holds numbers, route templates and
ids of institutions and keys; no serial, no name, no secret. It ends with the processes.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Callable
from typing import Final, TypeAlias

from platform_api.workers.counts import Count
from platform_api.workers.layout import (
    CALLERS,
    JLIS_CALLS,
    JLIS_PAUSED,
    JLIS_SECONDS,
    MAGIC,
    MOST_WORKERS,
    REQUESTS,
    ROUTES,
    UPSTREAM,
    WORD,
    Header,
    Span,
    TableShape,
    callers_span,
    counts_span,
    jlis_calls_span,
    jlis_paused_span,
    jlis_seconds_span,
    requests_span,
    routes_span,
    slot_span,
    total_words,
    upstream_span,
)
from platform_api.workers.part import Part
from platform_api.workers.rows import read_rows
from revocation.errors import OwnFault

_SpanOf: TypeAlias = Callable[[int, int], Span]
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Shared:
    """The whole memory, for reading; ``part`` gives one worker what it alone writes."""

    def __init__(self, memory: mmap.mmap, workers: int, descriptor: int | None) -> None:
        self.words: Final = memoryview(memory).cast("Q")
        self.workers: Final = workers
        #: To be inherited by workers; None for memory of one process.
        self.descriptor: Final = descriptor
        #: One word, format "Q": for the compiled fast path, which compares it on each request.
        self.serving_word: Final = self._view(Span(Header.SERVING, 1))

    @classmethod
    def private(cls) -> Shared:
        """For a process that is alone."""
        return cls._begun(mmap.mmap(-1, total_words(1) * WORD), 1, None)

    @classmethod
    def make(cls, workers: int) -> Shared:
        """For ``workers`` processes that inherit ``descriptor``; close it with ``close_descriptor``."""
        if not 1 <= workers <= MOST_WORKERS:
            raise ValueError(f"expected 1 to {MOST_WORKERS} workers")
        size = total_words(workers) * WORD
        descriptor = os.memfd_create("jpki-workers", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(descriptor, size)
            # A map whose file is cut short kills whoever reads behind the cut (SIGBUS).
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
            return cls._begun(mmap.mmap(descriptor, size), workers, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def inherited(cls, descriptor: int) -> Shared:
        """The memory behind an inherited descriptor, which is closed: the map holds on by itself."""
        try:
            size = os.fstat(descriptor).st_size
            memory = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        words = memoryview(memory).cast("Q")
        workers = words[Header.WORKERS]
        if words[Header.MAGIC] != MAGIC or size != total_words(workers) * WORD:
            raise OwnFault(
                "SHARED_MEMORY_MISMATCH",
                expected="the shared memory of a supervisor of this version",
                got="another layout",
                remedy="stop jpki serve and start it again: it was updated while it ran",
            )
        return cls(memory, workers, None)

    @classmethod
    def _begun(cls, memory: mmap.mmap, workers: int, descriptor: int | None) -> Shared:
        made = cls(memory, workers, descriptor)
        made.words[Header.WORKERS] = workers
        made.words[Header.MAGIC] = MAGIC
        return made

    def close_descriptor(self) -> None:
        """No more workers will inherit it; the memory itself goes with the last one who has it mapped."""
        if self.descriptor is not None:
            os.close(self.descriptor)

    def _view(self, span: Span) -> memoryview:
        return self.words[span.slice]

    # -- the serving word ----------------------------------------------------------------------------------

    @property
    def serving(self) -> int:
        """The number of the set that may be answered from; 0 before the first."""
        return int(self.serving_word[0])

    def advance(self, seq: int) -> bool:
        """Raise the serving word; False where it is there or above. Its one writer alone calls this."""
        if seq <= self.serving_word[0]:
            return False
        self.serving_word[0] = seq
        return True

    @property
    def stopping(self) -> bool:
        """True from the moment on which the whole is not ready any more."""
        return bool(self.words[Header.STOPPING])

    def say_stopping(self) -> None:
        self.words[Header.STOPPING] = 1

    # -- what was counted ----------------------------------------------------------------------------------

    def part(self, index: int) -> Part:
        """What worker ``index`` writes; one process at a time may hold it."""
        if not 0 <= index < self.workers:
            raise IndexError(index)
        return Part(self.words, index, self.workers)

    def slot(self, index: int) -> memoryview:
        """The words of a worker's slot, by ``Slot``."""
        return self._view(slot_span(index))

    def counts(self, index: int) -> memoryview:
        """The words of a worker's counters, by ``Count``."""
        return self._view(counts_span(index, self.workers))

    def total(self, count: Count) -> int:
        """One counter over all workers, the dead ones too."""
        return sum(self.counts(index)[count] for index in range(self.workers))

    def callers(self) -> dict[bytes, list[int]]:
        """``CallerCount`` values by institution_id and key_id (32 octets); b"" for those without a row."""
        return self._summed(CALLERS, callers_span)

    def requests(self) -> dict[bytes, list[int]]:
        """How many requests by key (see ``labels.request_key``)."""
        return self._summed(REQUESTS, requests_span)

    def routes(self) -> dict[bytes, list[int]]:
        """Buckets and sum of a route's seconds by key."""
        return self._summed(ROUTES, routes_span)

    def upstream(self) -> dict[bytes, list[int]]:
        """How many by "ca outcome"."""
        return self._summed(UPSTREAM, upstream_span)

    def jlis_calls(self) -> dict[bytes, list[int]]:
        """How many by "call outcome"."""
        return self._summed(JLIS_CALLS, jlis_calls_span)

    def jlis_seconds(self) -> dict[bytes, list[int]]:
        """Buckets and sum of a call's seconds by its name."""
        return self._summed(JLIS_SECONDS, jlis_seconds_span)

    def jlis_paused(self) -> dict[bytes, list[int]]:
        """How many processes leave a kind of calls alone."""
        return self._summed(JLIS_PAUSED, jlis_paused_span)

    def _summed(self, shape: TableShape, span: _SpanOf) -> dict[bytes, list[int]]:
        sums: dict[bytes, list[int]] = {}
        for index in range(self.workers):
            for key, values in read_rows(self._view(span(index, self.workers)), shape):
                before = sums.get(key)
                found = values.tolist()
                sums[key] = (
                    found if before is None else [sum(pair) for pair in zip(before, found, strict=True)]
                )
        return sums
