"""`jpki refresh` and `jpki worker` as real processes beside sandbox and service: the way, codes, signals."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey

from revocation.exits import Exit
from tests.base.eventually import HANG_S
from tests.features.delivering import ALGORITHMS, public
from tests.night.live import JPKI, World, call


def refresh(world: World, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [*JPKI, "refresh", "--data", str(world.data), "--json", *arguments],
        env=world.env, capture_output=True, text=True, timeout=HANG_S, check=False,
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
    killer = threading.Timer(HANG_S, worker.kill)
    killer.start()
    try:
        passes = [json.loads(worker.stdout.readline()) for _ in range(2)]
        assert [one["outcome"] for one in passes] == ["NOTHING_NEW", "NOTHING_NEW"]
        code, refused = refresh(world)
        assert (code, refused["error"]) == (Exit.REFUSED, "REFRESH_RUNNING")
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=HANG_S)
        assert (worker.returncode, err) == (0, "")
    finally:
        killer.cancel()
        worker.kill()
        worker.communicate()


def test_a_renewal_is_linked_by_the_sandbox(tmp_path: Path) -> None:
    """The sandbox's renewal ends the old certificate in the very second in which the new one begins: linked,
    and watched. Of one who renewed and then moved before anybody asked, nothing is taken for granted."""
    with World(tmp_path) as world:
        service = world.institution["service_id"]
        key = public(ECKey.generate_key("P-256"))
        assert call("PUT", f"{world.api}/v1/delivery-keys/k", key, world.key)[0] == 200
        policy = {
            "enabled": True,
            "items": ["name"],
            "daily_cap": 5,
            "daily_questions_cap": 50,
            "linkage": True,
        }
        path = f"{world.api}/v1/services/{service}/refresh-policy"
        assert call("PUT", path, policy, world.key)[0] == 200
        renewed, moved = world.residents()[:2]
        ids = []
        for ref, resident in (("a", renewed), ("b", moved)):
            sign = f"{world.jlis}/sandbox/v1/residents/{resident['resident_id']}/card:sign"
            _, signed = call("POST", sign, {"data": base64.b64encode(b"x").decode()})
            body = {"certificate": signed["certificate"], "customer_ref": ref, "linkage_agreed": True}
            path = f"{world.api}/v1/services/{service}/registrations/{ref}"
            status, made = call("PUT", path, body, world.key)
            assert (status, made["linkage_agreed"]) == (200, True), made
            ids.append(made["registration_id"])
        world.publish()
        world.act(renewed["resident_id"], "renew")
        world.act(moved["resident_id"], "renew")
        world.publish()
        world.act(moved["resident_id"], "move")
        world.publish()
        assert world.night()[0] == 0
        code, report = refresh(world)
        assert (code, report["linked"], report["handed_over"]) == (Exit.DONE, 1, 1), report
        states = [
            call("GET", f"{world.api}/v1/registrations/{one}", key=world.key)[1]["state"] for one in ids
        ]
        assert states == ["WATCHED", "RENEWED_UNLINKED"]
        told = [e["action"] for e in world.events() if e["type"] == "four_information.unavailable"]
        assert told == ["OBTAIN_CERTIFICATE_AT_NEXT_LOGIN"]


def test_help_says_how_and_what_the_exit_codes_mean() -> None:
    """Both commands: an example, and each exit code."""
    for command in ("refresh", "worker"):
        done = subprocess.run(
            [*JPKI, command, "--help"], capture_output=True, text=True, timeout=HANG_S, check=True
        )
        assert f"jpki {command} --data" in done.stdout
        assert "xit code" in done.stdout
