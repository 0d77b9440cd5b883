"""`jpki jlis` and what `jpki doctor` says of the line to J-LIS."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from platform_api.cli import app as command_line
from platform_api.config import load_settings
from platform_api.doctor import examine
from platform_api.jlis.calls import CALLS, Kind
from platform_api.jlis.error_codes import MEANINGS
from tests.base.test_tls import CLIENT

pytestmark = pytest.mark.timeout(60)


def run(*words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(command_line, [*words, "--json"])
    return done.exit_code, json.loads(done.stdout.splitlines()[-1]) if done.stdout else done.exception


def test_jpki_jlis_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting with its value, its default and its question; every call and code explained."""
    monkeypatch.setenv("JPKI_JLIS_DAILY_CLOSURE", "23:00-06:00")
    monkeypatch.setenv("JPKI_JLIS_ERROR_CODES", '{"E1": "JLIS_BUSY"}')
    code, report = run("jlis", "settings", "--data", str(tmp_path))
    assert code == 0
    rows = {row["name"]: row for one in report["questions"] for row in one["settings"]}
    assert rows["jlis_daily_closure"]["value"] == "23:00-06:00"
    assert rows["jlis_daily_closure"]["default"] is None
    assert not rows["jlis_daily_closure"]["is_default"]
    assert rows["jlis_open_always"] | {"description": ""} == {
        "name": "jlis_open_always",
        "value": ["lists"],
        "default": ["lists"],
        "is_default": True,
        "description": "",
    }
    assert "E1" in report["codes"]["JLIS_BUSY"]["theirs"]
    assert [one["call"] for one in report["calls"]] == [call.name for call in CALLS]
    shown = CliRunner().invoke(
        command_line, ["jlis", "settings", "--data", str(tmp_path)], env={"COLUMNS": "200"}
    )
    assert shown.exit_code == 0
    assert "同意の起算日" in shown.stdout
    assert "23:00-06:00" in shown.stdout


def test_jpki_jlis_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No address: refused by name; nobody there: exit code 6, with what it means in two languages."""
    code, refused = run("jlis", "check", "--data", str(tmp_path))
    assert getattr(refused, "code", None) == "JLIS_URL_MISSING"
    monkeypatch.setenv("JPKI_JLIS_URL", "http://127.0.0.1:9")
    code, record = run("jlis", "check", "--data", str(tmp_path))
    assert (code, record["exit_code"], record["answer"]) == (6, 6, "JLIS_UNREACHABLE")
    assert record["ja"] == MEANINGS["JLIS_UNREACHABLE"].ja
    assert set(record["breakers"]) == {kind.value for kind in Kind}


class Authorities(BaseHTTPRequestHandler):
    """A J-LIS with no CA, in a thread of its own: the command has its own event loop."""

    def do_GET(self) -> None:
        body = b'{"authorities":[]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


def test_jpki_jlis_check_of_one_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 with the time it took; 3 outside its hours, with when it opens, and nothing is sent."""
    with HTTPServer(("127.0.0.1", 0), Authorities) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            monkeypatch.setenv("JPKI_JLIS_URL", f"http://127.0.0.1:{server.server_port}")
            code, record = run("jlis", "check", "--data", str(tmp_path))
            assert (code, record["answer"], record["authorities"], record["open"]) == (0, "OK", 0, True)
            assert record["ms"] > 0
        finally:
            server.shutdown()
            thread.join(10)
    monkeypatch.setenv("JPKI_JLIS_MAINTENANCE", '["2000-01-01T00:00Z/2999-01-01T00:00Z"]')
    monkeypatch.setenv("JPKI_JLIS_OPEN_ALWAYS", "[]")
    code, record = run("jlis", "check", "--data", str(tmp_path))
    assert (code, record["answer"], record["open"]) == (3, "JLIS_CLOSED", False)
    assert record["opens_at"].startswith("2999-01-01T00:00")


def findings(tmp_path: Path, **given: Any) -> list[tuple[str, str, str]]:
    found = examine(load_settings(data_dir=tmp_path, **given))
    ours = [one for one in found if one.what.lower().startswith(("j-lis", "j_lis"))]
    return [(one.what, one.found, one.remedy) for one in ours]


def test_doctor_looks_at_the_line(tmp_path: Path) -> None:
    """A file that is missing, exposed or not the key of the certificate is named by its setting."""
    assert findings(tmp_path)[0][2] == "set JPKI_JLIS_URL, or jlis_url in jpki.toml"
    url = {"jlis_url": "https://jlis.example"}
    assert findings(tmp_path, **url) == [("J-LIS", "address set, TLS", "")]
    (_, found, remedy), *_ = findings(tmp_path, **url, jlis_ca=tmp_path / "absent.pem")
    assert "SETTING_REFUSED" in found
    assert "JPKI_JLIS_CA" in remedy
    certificate, key = CLIENT.write(tmp_path, "client")
    ours = url | {"jlis_client_certificate": certificate, "jlis_client_key": key}
    assert findings(tmp_path, **ours) == [("J-LIS", "address set, TLS", "")]
    key.chmod(0o644)
    assert "KEY_FILE_EXPOSED" in findings(tmp_path, **ours)[0][1]
    key.chmod(0o600)
    key.write_bytes(b"no key")
    assert "JPKI_JLIS_CLIENT_CERTIFICATE" in findings(tmp_path, **ours)[0][2]
