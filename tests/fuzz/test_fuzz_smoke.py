"""The harness notices what it is there to notice; what is fuzzed stands many changed inputs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fuzz import builds, changes_target, http_target, walk_target
from tests.fuzz.seeds import seeds


@pytest.fixture(scope="module")
def _sanitizers() -> None:
    if builds.library("libasan.so") is None or builds.library("libubsan.so") is None:
        pytest.skip("needs the libraries of gcc's AddressSanitizer and UndefinedBehaviorSanitizer")


@pytest.mark.usefixtures("_sanitizers")
def test_planted_faults_are_found_and_the_walk_has_none() -> None:
    """One octet read too far ends the child, and its input is kept; a lost entry is told; else nothing is."""
    build = walk_target.build(thorough=False)
    over_read = walk_target.build(thorough=False, plant="OVER_READ")
    lost = walk_target.build(thorough=False, plant="WRONG_COUNT")
    with ThreadPoolExecutor(2) as threads:
        clean, died, told = threads.map(
            lambda one: walk_target.run_once(one, seed=7, executions=200_000, seconds=60, guided=False),
            (build, over_read, lost),
        )

    assert clean["finding"] is None
    assert clean["executions"] == 200_000
    assert clean["accepted"] > 1000
    assert clean["resumed"] > 1000
    assert set(clean["refused"]) == {str(number) for number in range(1, 31)}

    assert died["finding"] == "the child died with status 77"
    assert "heap-buffer-overflow" in died["report"]
    assert "0 bytes after" in died["report"] or "0 bytes to the right" in died["report"]
    assert len(died["input"][1]) > 2 * 60

    assert told["finding"] == "another number of records than whole entries before the end or the refusal"
    assert told["input"] is not None


@pytest.mark.usefixtures("_sanitizers")
def test_planted_faults_are_found_in_the_comparison_and_it_has_none() -> None:
    """One octet read too far ends the child, and both sides are kept; a lost entry is told; else none is."""
    build = changes_target.build(thorough=False)
    over_read = changes_target.build(thorough=False, plant="OVER_READ")
    lost = changes_target.build(thorough=False, plant="WRONG_COUNT")
    with ThreadPoolExecutor(2) as threads:
        clean, died, told = threads.map(
            lambda one: changes_target.run_once(one, seed=7, executions=40_000, seconds=60),
            (build, over_read, lost),
        )

    assert clean["finding"] is None
    assert clean["executions"] == 40_000
    assert all(clean[kind] > 1000 for kind in ("compared", "too_different", "resumed", "same"))
    assert clean["told"] > 10_000
    assert clean["without_memory"] > 0

    assert died["finding"] == "the child died with status 77"
    assert "heap-buffer-overflow" in died["report"]
    assert "0 bytes after" in died["report"] or "0 bytes to the right" in died["report"]
    assert len(died["input"]["new"]) > 2 * 60

    assert told["finding"] == "an entry was lost or invented"
    assert told["input"]["new"] != told["input"]["old"]


@pytest.mark.usefixtures("_sanitizers")
def test_planted_faults_are_found_in_the_http_splitter_and_it_has_none() -> None:
    """One octet read too far ends the child, and its input is kept; a wrong end is told; else nothing is,
    and aiohttp's parser agrees."""
    build = http_target.build(thorough=False)
    over_read = http_target.build(thorough=False, plant="OVER_READ")
    wrong = http_target.build(thorough=False, plant="WRONG_COUNT")
    with ThreadPoolExecutor(2) as threads:
        clean, died, told = threads.map(
            lambda one: http_target.run_once(one, seed=7, executions=100_000, seconds=60),
            (build, over_read, wrong),
        )

    assert clean["finding"] is None
    assert clean["executions"] == 100_000
    assert all(clean["heads"][verdict] > 1000 for verdict in ("partial", "whole", "odd"))
    assert clean["heads"]["too_long"] > 0
    assert all(clean["chunked"][verdict] > 100 for verdict in ("whole", "partial", "odd", "too_large"))
    assert all(count > 1000 for count in clean["targets"].values())

    agreed = http_target.run_agreement(build, seed=7, executions=2_000)
    assert agreed["finding"] is None
    assert agreed["taken"] > 200

    assert died["finding"] == "the child died with status 77"
    assert "heap-buffer-overflow" in died["report"]
    assert died["input"]["octets"].startswith(b"G".hex())

    assert told["finding"] == "another end of a head than the reference, or one outside of the octets"
    assert told["input"]["octets"].startswith(b"H".hex())


def test_the_corpus_is_small_and_each_file_is_named_for_its_content() -> None:
    """A few hundred small files, none of them twice."""
    found = seeds()
    assert 100 < len(found) < 600
    assert max(len(octets) for _, octets in found) <= 2048
