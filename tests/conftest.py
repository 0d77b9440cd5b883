"""Fixtures for all tests: the database, and a guard that fails a test whose code blocks the event loop."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from aiohttp import web_app
from hypothesis import settings

from tests.base.blocked_loop import blocked_loop_fails
from tests.base.postgres import cluster, database, institution, other_institution

# What is drawn is the same in every run, or a run would fail for what another one passed; `make search` looks
# further, with what it draws anew each time. No deadline: a busy host makes any example slow.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, print_blob=True, deadline=None)
settings.load_profile("same")

__all__ = ["blocked_loop_fails", "cluster", "database", "institution", "other_institution"]


def pytest_collection_finish() -> None:
    """Take what collecting made out of the garbage collector's sight: a full pass would block a loop."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def forgotten_applications() -> Iterator[None]:
    """After each file: let go of its applications, and keep what stays out of the collector's sight.

    aiohttp remembers the last thousand pairs of handler and application, and each application of ours holds a
    block of address space for its OCSP answers. Hundreds of them made a fork fail, and their objects a full
    collection that blocked a loop.
    """
    yield
    web_app._cached_build_middleware.cache_clear()
    gc.collect()
    gc.freeze()
