"""Fixtures for all tests: the database, and a guard that fails a test whose code blocks the event loop."""

from __future__ import annotations

import pytest

from tests.base.blocked_loop import blocked_loop_fails
from tests.base.postgres import cluster, database, institution, other_institution

__all__ = ["blocked_loop_fails", "cluster", "database", "institution", "other_institution"]


def pytest_configure(config: pytest.Config) -> None:
    """asyncio's debug mode for every test loop: it tells which callback held the loop, and for how long."""
    if config.option.asyncio_debug is None:
        config.option.asyncio_debug = True
