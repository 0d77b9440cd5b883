"""The harness notices what it is there to notice; the walk over a request stands many changed inputs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from revocation.ocsp.request_faults import RequestFault
from tests.fuzz import builds, request_target


@pytest.mark.skipif(
    builds.library("libasan.so") is None or builds.library("libubsan.so") is None,
    reason="needs the libraries of gcc's AddressSanitizer and UndefinedBehaviorSanitizer",
)
def test_planted_faults_are_found_in_requests_and_the_walk_has_none() -> None:
    """One octet read too far ends the child and its input is kept; a lost CertID is told; else none is."""
    build = request_target.build(thorough=False)
    over_read = request_target.build(thorough=False, plant="OVER_READ")
    lost = request_target.build(thorough=False, plant="WRONG_COUNT")
    with ThreadPoolExecutor(2) as threads:
        clean, died, told = threads.map(
            lambda one: request_target.run_once(one, seed=7, executions=200_000, seconds=60, guided=False),
            (build, over_read, lost),
        )

    assert clean["finding"] is None
    assert clean["executions"] == 200_000
    assert all(clean[kind] > 1000 for kind in ("accepted", "nonces", "signatures", "neighbours"))
    assert set(clean["refused"]) == {str(int(fault)) for fault in RequestFault}

    assert died["finding"] == "the child died with status 77"
    assert "heap-buffer-overflow" in died["report"]
    assert len(died["input"]) > 2 * 60

    assert told["finding"] == "another number of CertIDs than the reference"
    assert told["input"] is not None
