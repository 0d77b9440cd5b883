"""Fixtures for all tests: the database, and a guard that fails a test whose code blocks the event loop."""

from __future__ import annotations

from tests.base.blocked_loop import blocked_loop_fails  # noqa: F401 - autouse
from tests.base.postgres import cluster, database, institution, other_institution  # noqa: F401
