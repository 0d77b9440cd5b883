"""T18: a list that is too large for the memory there is; the night says so, and what is served stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_CHILD = """
import asyncio, ctypes, json, resource, sys
from pathlib import Path
from benchmarks.nights import Nights
from benchmarks.workload import load
from revocation.crl.fetch import FolderSource
from revocation.ingest import ingest_cycle

folder, entries = Path(sys.argv[1]), int(sys.argv[2])
with asyncio.Runner() as runner:
    nights = Nights(folder, load("short"), entries, runner)
    nights.dawn()
    listed = next(iter(nights.index().items()))[0]

    def cycle():
        source = FolderSource(dict(zip(nights._scopes, nights.files, strict=True)))
        return runner.run(
            ingest_cycle(nights.authorities, source, nights._store, nights._clock, archive=nights._archive)
        )

    for megabytes in map(int, sys.argv[3:]):
        ctypes.CDLL(None).malloc_trim(0)
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + megabytes * 1_000_000, resource.RLIM_INFINITY))
        report = cycle()
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        current = nights._store.current()
        print(json.dumps({
            "megabytes": megabytes,
            "refused": [one.error.code for one in report.refused],
            "published": report.set_seq,
            "serving": current.seq,
            "listed": nights.index().lookup(listed) is not None,
            "left": [path.name for path in (folder / "snapshots").glob(".*")],
        }), flush=True)
        if report.set_seq:
            break
    else:
        print(json.dumps({"published": cycle().set_seq}), flush=True)
"""


@pytest.mark.slow
def test_t18_without_the_memory_for_a_list_the_set_of_before_stays(tmp_path: Path) -> None:
    """Under caps on memory (RLIMIT_AS) too low for the map, the threads, the harvest or the publish in turn:
    refused by a code, nothing is left behind, the set in hand goes on answering in the same process; with
    memory enough the very same cycle publishes."""
    caps = [str(megabytes) for megabytes in (10, 60, 112, 120, 128, 136, 144, 160, 200)]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path), "3000000", *caps],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=Path(__file__).parents[2],
        # What the allocator keeps in reserve for each thread would be memory beyond the cap.
        env=os.environ | {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *tried, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tried) >= 2
    for one in tried:
        assert one["published"] is None
        assert set(one["refused"]) <= {"OUT_OF_MEMORY", "ARCHIVE_UNREADABLE"}, one
        assert one["refused"], one
        assert (one["serving"], one["listed"], one["left"]) == (1, True, []), one
    assert last["published"] == 2
