"""`jpki refresh` and `jpki worker` as real processes beside sandbox and service: the way, codes, signals."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from revocation.exits import Exit
from tests.features.delivering import ALGORITHMS, public
from tests.night.live import JPKI, World, call

pytestmark = pytest.mark.timeout(300)


def refresh(world: World, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [*JPKI, "refresh", "--data", str(world.data), "--json", *arguments],
        env=world.env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr
    return done.returncode, json.loads(done.stdout.strip().splitlines()[-1])


def consent(world: World, resident: dict[str, Any], registration_id: str) -> None:
    status, application = call(
        "POST",
        f"{world.api}/v1/consent-applications",
        {
            "service_id": world.institution["service_id"],
            "registration_id": registration_id,
            "items": ["name", "address", "date_of_birth", "gender"],
        },
        world.key,
    )
    assert status == 201, application
    octets = application["application"]
    _, signed = call(
        "POST",
        f"{world.jlis}/sandbox/v1/residents/{resident['resident_id']}/card:sign",
        {"data": octets},
    )
    body = {
        "registration_id": registration_id,
        "application": octets,
        "signature": signed["signature"],
        "signature_algorithm": signed["signature_algorithm"],
        "certificate": signed["certificate"],
    }
    status, given = call("POST", f"{world.api}/v1/consents", body, world.key)
    assert status == 201, given


def test_the_whole_way_by_commands(tmp_path: Path) -> None:
    """A resident moves; nightly, refresh; the institution takes, decrypts and acknowledges; then nothing is
    left to do. A worker says each pass and ends with SIGTERM, 0; a second process is refused meanwhile;
    J-LIS away is exit code 6."""
    key = ECKey.generate_key("P-256")
    with World(tmp_path) as world:
        service = world.institution["service_id"]
        resident = world.residents()[0]
        registration_id = world.register(resident, "a")
        consent(world, resident, registration_id)
        assert call("PUT", f"{world.api}/v1/delivery-keys/k", public(key), world.key)[0] == 200
        policy = {"enabled": True, "items": ["address"], "daily_cap": 5, "daily_questions_cap": 50}
        path = f"{world.api}/v1/services/{service}/refresh-policy"
        assert call("PUT", path, policy, world.key)[0] == 200
        code, nothing = refresh(world)
        assert nothing["asked"] == nothing["created"] == 0
        assert code in (Exit.DONE, Exit.NOTHING_NEW)
        world.publish()
        world.act(resident["resident_id"], "move")
        world.publish()
        assert world.night()[0] == 0
        code, report = refresh(world, "--institution", world.institution["institution_id"])
        assert (code, report["delivered"], report["by_outcome"]) == (Exit.DONE, 1, {"DATA": 1}), report
        _, listed = call("GET", f"{world.api}/v1/deliveries", key=world.key)
        (waiting,) = listed["deliveries"]
        _, taken = call("GET", f"{world.api}/v1/deliveries/{waiting['delivery_id']}", key=world.key)
        content = json.loads(jwe.decrypt_compact(taken["jwe"], key, algorithms=ALGORITHMS).plaintext or b"")
        assert content["payload"]["registration_ref"] == "a"
        assert content["payload"]["four_information"]["address"]["value"]
        assert content["payload"]["four_information"]["name"] is None
        path = f"{world.api}/v1/deliveries/{waiting['delivery_id']}:acknowledge"
        assert call("POST", path, None, world.key)[1]["state"] == "WATCHED"
        code, report = refresh(world)
        assert code == Exit.DONE
        assert report["institutions"][0]["looked"] == {"DONE": 1}
        assert refresh(world)[0] == Exit.NOTHING_NEW
        _worker(world)
        assert refresh(world, "--institution", "00000000-0000-0000-0000-000000000000")[0] == Exit.REFUSED
        world.fault("status_5xx", target="withdrawals")
        code, report = refresh(world)
        assert (code, report["outcome"]) == (Exit.UPSTREAM_DOWN, "JLIS_AWAY"), report


def _worker(world: World) -> None:
    worker = subprocess.Popen(
        [*JPKI, "worker", "--data", str(world.data), "--json", "--refresh-every-s", "1"],
        env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout is not None
    killer = threading.Timer(60, worker.kill)
    killer.start()
    try:
        passes = [json.loads(worker.stdout.readline()) for _ in range(2)]
        assert [one["outcome"] for one in passes] == ["NOTHING_NEW", "NOTHING_NEW"]
        code, refused = refresh(world)
        assert (code, refused["error"]) == (Exit.REFUSED, "REFRESH_RUNNING")
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=30)
        assert (worker.returncode, err) == (0, "")
    finally:
        killer.cancel()


def test_help_says_how_and_what_the_exit_codes_mean() -> None:
    """Both commands: an example, and each exit code."""
    for command in ("refresh", "worker"):
        done = subprocess.run(
            [*JPKI, command, "--help"], capture_output=True, text=True, timeout=60, check=True
        )
        assert f"jpki {command} --data" in done.stdout
        assert "xit code" in done.stdout
