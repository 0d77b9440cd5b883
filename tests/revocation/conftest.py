"""Fixtures of the library's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import pki
from tests.revocation.nights import Night


@pytest.fixture(scope="session")
def ca() -> pki.CA:
    """RSA: the same list signed again has the same bytes."""
    return pki.make_ca()


@pytest.fixture
def night(tmp_path: Path, ca: pki.CA) -> Night:
    return Night(tmp_path, ca)
