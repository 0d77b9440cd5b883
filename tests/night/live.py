"""A small world of real processes for the tests of the night: sandbox, service, nights, one institution."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from tests.base.crew import wait_for
from tests.base.eventually import HANG_S

JPKI = [sys.executable, "-m", "platform_api.cli"]
DAY = timedelta(days=1)


def call(
    method: str, url: str, body: dict[str, Any] | None = None, key: str | None = None
) -> tuple[int, dict[str, Any]]:
    """One HTTP call; status and JSON body, also for refusals."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=HANG_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


class Server:
    """A ``jpki`` server as a child; ``port`` is the one it says."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*JPKI, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            self.port = self._ready(name)
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        # Keep the pipe drained, or the server would block on its log.
        self._drain = subprocess.Popen(["cat"], stdin=self.process.stdout, stdout=subprocess.DEVNULL)

    def _ready(self, name: str) -> int:
        """The port, when it says that it is ready."""
        said: list[str] = []
        for line in self.process.stdout or ():
            said.append(line)
            if line.startswith("{") and json.loads(line).get(name) == "ready":
                return int(json.loads(line)["port"])
        raise AssertionError(f"{name} did not start: {said}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code; who does not end is killed, and that is said."""
        self.process.send_signal(number)
        try:
            code = self.process.wait(HANG_S)
            self._drain.wait(HANG_S)
        finally:
            for process in (self.process, self._drain):
                process.kill()
                process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
        return code

    def end(self) -> None:
        """At the end of a test, whatever has happened to it meanwhile."""
        if self.process.poll() is None:
            self.stop()


class World:
    """Day 0 played and published, the service up, one institution with a key."""

    def __init__(self, folder: Path, *, residents: int = 120, first_day: int = 40) -> None:
        self.folder = folder
        self.data = folder / "service"
        self.day = 0
        self.start = datetime.now(UTC) - timedelta(minutes=5) - first_day * DAY
        self.env = dict(os.environ)
        self.sandbox: Server
        self.service: Server
        with ExitStack() as held:
            held.callback(self._end)
            self._begin(residents)
            held.pop_all()

    def _begin(self, residents: int) -> None:
        self.sandbox = self._start_sandbox(residents, port=0)
        self.env |= {
            "JPKI_MODE": "sandbox",
            "JPKI_JLIS_URL": self.jlis,
            "JPKI_SANDBOX_URL": self.jlis,
            "JPKI_PORT": "0",
        }
        self.publish()
        self.service = Server("serve", ["serve", "--data", str(self.data)], self.env)
        code, first = self.night()
        assert code == 0, first
        self.institution = self.run_json(
            "institution", "create", "--name", "Test Bank", "--service", "test-accounts"
        )
        self.key = self.institution["api_key"]
        wait_for(lambda: call("GET", f"{self.api}/readyz")[0] == 200)

    def _start_sandbox(self, residents: int, port: int) -> Server:
        arguments = ["sandbox", "--folder", str(self.folder / "sandbox"), "--port", str(port)]
        arguments += ["--seed", "3", "--residents", str(residents), "--kinds", "card-sign"]
        return Server("sandbox", arguments, self.env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        """Those that were started, and each of them though another one does not end well."""
        with ExitStack() as held:
            for name in ("sandbox", "service"):
                if (server := getattr(self, name, None)) is not None:
                    held.callback(server.end)

    @property
    def jlis(self) -> str:
        return f"http://127.0.0.1:{self.sandbox.port}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.service.port}"

    # -- acts --------------------------------------------------------------------------------------

    def publish(self) -> datetime:
        """The next day's lists; its thisUpdate."""
        at = self.start + self.day * DAY
        stamp = at.isoformat().replace("+00:00", "Z")
        status, answer = call("POST", f"{self.jlis}/sandbox/v1/days:play", {"this_update": stamp})
        assert status in (200, 201), answer
        self.day += 1
        return at

    def night(self) -> tuple[int, dict[str, Any]]:
        """One ``jpki nightly --json``: exit code and its last line."""
        done = subprocess.run(
            [*JPKI, "nightly", "--data", str(self.data), "--json"],
            env=self.env, capture_output=True, text=True, timeout=HANG_S, check=False,
        )  # fmt: skip
        lines = done.stdout.strip().splitlines()
        assert lines, done.stderr
        return done.returncode, json.loads(lines[-1])

    def run_json(self, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [*JPKI, *arguments, "--data", str(self.data), "--json"],
            env=self.env, capture_output=True, text=True, timeout=HANG_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    def fault(self, kind: str, **given: Any) -> None:
        status, answer = call("POST", f"{self.jlis}/sandbox/v1/faults", {"kind": kind, **given})
        assert status in (200, 201), answer

    def heal(self) -> None:
        request = urllib.request.Request(f"{self.jlis}/sandbox/v1/faults", method="DELETE")
        with urllib.request.urlopen(request, timeout=HANG_S) as response:
            assert response.status in (200, 204)

    def act(self, resident_id: str, verb: str, **given: Any) -> dict[str, Any]:
        status, answer = call("POST", f"{self.jlis}/sandbox/v1/residents/{resident_id}:{verb}", given)
        assert status in (200, 201), answer
        return answer

    def residents(self) -> list[dict[str, Any]]:
        status, page = call("GET", f"{self.jlis}/sandbox/v1/residents?limit=500&after=")
        assert status == 200
        return [r for r in page["residents"] if r["certificate"]]

    def register(self, resident: dict[str, Any], ref: str) -> str:
        """On-board one resident; the registration id."""
        challenge = f"challenge {ref}".encode()
        _, signed = call(
            "POST",
            f"{self.jlis}/sandbox/v1/residents/{resident['resident_id']}/card:sign",
            {"data": base64.b64encode(challenge).decode()},
        )
        status, answer = call(
            "POST",
            f"{self.api}/v1/signatures:verify",
            {
                "digest_algorithm": "sha256",
                "digest": base64.b64encode(hashlib.sha256(challenge).digest()).decode(),
                "signature": signed["signature"],
                "certificate": signed["certificate"],
                "purpose": "signature_verification",
                "register": {
                    "service_id": self.institution["service_id"],
                    "registration_ref": ref,
                    "customer_ref": f"customer-{ref}",
                },
            },
            self.key,
        )
        assert status == 200, answer
        assert answer["status"]["status"] == "GOOD", answer
        found: str = answer["registration"]["registration_id"]
        return found

    def events(self) -> list[dict[str, Any]]:
        status, page = call("GET", f"{self.api}/v1/events?after=0&page_size=1000", key=self.key)
        assert status == 200, page
        found: list[dict[str, Any]] = page["events"]
        return found

    def changes_of(self, registration_id: str) -> list[tuple[int, str]]:
        """(set, transition) of every event of one registration, in feed order."""
        return [
            (e["set_seq"], e["transition"]) for e in self.events() if e["registration_id"] == registration_id
        ]

    def status_of(self, registration_id: str) -> dict[str, Any]:
        status, answer = call(
            "POST",
            f"{self.api}/v1/certificates:check",
            {"purpose": "current_status_check", "registration_id": registration_id},
            self.key,
        )
        assert status == 200, answer
        found: dict[str, Any] = answer["status"]
        return found
