"""The alert rules of ``deploy/``: Prometheus's own tool tests them, and what they read is what we tell."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from platform_api.config import Settings
from platform_api.logs import Dropped
from platform_api.metrics import Metrics
from platform_api.responder.admin import registry
from platform_api.responder.follow import Follower
from platform_api.snapshots import CurrentSnapshot
from platform_api.workers.place import Place
from revocation.clock import FixedClock
from revocation.ocsp.signer_expiry import expiry
from tests import pki
from tests.responder.running import NOW, crl
from tests.responder.worlds import given, made
from tests.revocation.sets import DAY, T0, every_list, store, world

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = ("ocsp-alerts", "jlis-alerts")


def promtool(*words: str) -> str:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    done = subprocess.run([tool, *words], cwd=DEPLOY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("rules", RULES)
def test_prometheus_reads_the_rules(rules: str) -> None:
    """promtool check rules, without a word of lint."""
    assert "SUCCESS" in promtool("check", "rules", f"{rules}.yml")


@pytest.mark.parametrize("rules", RULES)
def test_alarms_come_when_they_should_and_not_before(rules: str) -> None:
    """T07 and T09 in promtool test rules: a signer 30, 14 and 3 days before its end and after it, lists at
    50, 75 and 90 % of their life and when they were renewed late; calls to J-LIS that are paused, fail or are
    slow; a healthy neighbour is silent."""
    assert "SUCCESS" in promtool("test", "rules", f"{rules}.test.yml")


@pytest.mark.parametrize(("rules", "count"), list(zip(RULES, (6, 5), strict=True)))
def test_every_metric_of_the_rules_is_told(tmp_path: Path, rules: str, count: int) -> None:
    """A rule about a metric that nobody tells would be silent for ever."""
    told = _names_of_the_service(tmp_path) | _names_of_the_responder(tmp_path)
    text = (DEPLOY / f"{rules}.yml").read_text()
    expressions = re.findall(r"expr:(.*?)(?=\n {8}[a-z]+:|\n {6}- )", text, re.DOTALL)
    wanted = set(re.findall(r"\b(?:revocation|jpki)_[a-z_]+\b", " ".join(expressions)))
    assert len(wanted) == count
    assert wanted <= told


def _names_of_the_service(folder: Path) -> set[str]:
    authorities, authority = world()
    snapshots, metrics = CurrentSnapshot(), Metrics()
    snapshots.adopt(store(folder / "sets").publish(every_list(authority), authorities, now=T0))
    metrics.follow(snapshots, authorities, FixedClock(T0), Dropped())
    metrics.follow_jlis(Settings(mode="sandbox"), FixedClock(T0))
    metrics.jlis_called("four_information", "OK", 0.1)
    metrics.jlis_left_alone("four_information", is_so=True)
    metrics.follow_signers(lambda: [expiry("local", T0 + DAY, T0)], authorities, lambda: 0)
    return _names(metrics.registry)


def _names_of_the_responder(folder: Path) -> set[str]:
    ca = pki.make_ca(generations=1, kind="p256", first_key=300)
    wanted, clock = given(folder, [ca], {"ca.crl": crl(ca)}), FixedClock(NOW)
    following = Follower(wanted, clock, made(wanted), lambda _: None)
    found = registry(following, clock, Place.alone().shared)
    labels = [
        sample.labels
        for family in found.collect()
        for sample in family.samples
        if sample.name == "jpki_ocsp_signer_seconds_to_expiry"
    ]
    assert [(one["mode"], bool(one["ca"])) for one in labels] == [("local", True)]
    return _names(found)


def _names(found: CollectorRegistry) -> set[str]:
    text = generate_latest(found).decode()
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
