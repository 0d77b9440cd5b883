"""Loaded by pytest under mutmut only (``python -m tests.mutation``)."""

from __future__ import annotations

import pytest

#: They read the product's source, which here is mutmut's copy with all mutants in it: that proves nothing.
_READ_SOURCE = {"test_good_is_said_in_one_function"}

# mutmut 3.8 reads ``_nodeid``, which pytest 9.2 does not have any more.
pytest.Item._nodeid = property(lambda item: item.nodeid)  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.name in _READ_SOURCE]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
