"""``jpki responder`` as people and scripts meet it: refusals, HTTP, reload, stops."""

from __future__ import annotations

import base64
import hashlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from revocation.exits import Exit
from tests import pki
from tests.pki import entry
from tests.responder.running import (
    GOOD,
    NOW,
    REVOKED,
    THIS_UPDATE,
    WAIT_S,
    Running,
    command,
    crl,
    environment,
    fetch,
    key_pem,
    openssl,
    pem,
    refused,
    running,
    words,
    write_files,
)
from tests.revocation.ocsp_world import point_of, responder_certificate

MALFORMED, UNAUTHORIZED = bytes.fromhex("30030a0101"), bytes.fromhex("30030a0106")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("files")
    write_files(found)
    return found


@pytest.fixture(scope="module")
def one(folder: Path) -> Iterator[Running]:
    """Anonymous, with the port for operators."""
    with running([*words(folder), "--anonymous"]) as found:
        yield found


def request(folder: Path, serial: int = GOOD) -> bytes:
    issuer = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    name = hashlib.sha256(issuer.subject.public_bytes()).digest()
    key = hashlib.sha256(point_of(issuer)).digest()
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, serial, hashes.SHA256())
    return builder.build().public_bytes(Encoding.DER)


# --- HTTP ---


@pytest.mark.parametrize("path", ["", "/", "/ocsp", "/ocsp/", "/anything/at/all"])
def test_post_to_any_path(folder: Path, one: Running, path: str) -> None:
    """Clients are configured with whatever the certificate's AIA says."""
    code, body, headers = fetch(
        one.url + path, data=request(folder), headers={"Content-Type": "application/ocsp-request"}
    )
    assert (code, headers["Content-Type"]) == (200, "application/ocsp-response")
    assert ocsp.load_der_ocsp_response(body).certificate_status is ocsp.OCSPCertStatus.GOOD


@pytest.mark.parametrize("prefix", ["/", "/ocsp/"])
@pytest.mark.parametrize("escape", [False, True])
def test_get_with_the_request_in_the_path(folder: Path, one: Running, prefix: str, escape: bool) -> None:
    """RFC 6960 appendix A.1, behind either prefix; the headers are for every cache (RFC 9919 section 6.2)."""
    text = base64.b64encode(request(folder, REVOKED)).decode()
    if escape:
        text = text.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    code, body, headers = fetch(one.url + prefix + text)
    assert code == 200
    assert ocsp.load_der_ocsp_response(body).certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert "public" in headers["Cache-Control"]
    assert "must-revalidate" in headers["Cache-Control"]
    again, empty, _ = fetch(one.url + prefix + text, headers={"If-None-Match": "*"})
    assert (again, empty) == (304, b"")


def test_without_anonymous_no_cache_may_share(folder: Path) -> None:
    """Whoever asks on loopback alone gets answers for himself."""
    with running(words(folder)) as private:
        _, _, headers = fetch(private.url, data=request(folder))
        assert "private" in headers["Cache-Control"]
        assert "public" not in headers["Cache-Control"]


def test_what_was_said_is_said_again(folder: Path, one: Running) -> None:
    """The same octets under the same tag, by GET and POST; with a nonce a signature each time."""
    text = base64.b64encode(request(folder, 77)).decode().replace("/", "%2F")
    _, first, _ = fetch(f"{one.url}/{text}")
    _, second, headers = fetch(f"{one.url}/{text}")
    _, third, again = fetch(one.url, data=request(folder, 77))
    assert (second, headers["ETag"]) == (third, again["ETag"])
    assert ocsp.load_der_ocsp_response(first).serial_number == 77
    assert fetch(f"{one.url}/{text}", headers={"If-None-Match": headers["ETag"]})[0] == 304


def test_each_ca_has_its_own_delegate(tmp_path: Path) -> None:
    """Two CAs, their lists and delegates in one process: each is believed by its own CA alone."""
    for name, first_key in (("one", 300), ("two", 320)):
        (tmp_path / name).mkdir()
        ca = pki.make_ca((("C", "JP"), ("CN", name)), generations=1, kind="p256", first_key=first_key)
        private = pki.key("p256", 390 + first_key)
        delegate = responder_certificate(private, ca.generations[0])
        for file, octets in {
            "ca.pem": pem(ca.certificates[0]),
            "ca.crl": crl(ca),
            "ocsp.pem": pem(delegate),
            "ocsp.key": key_pem(private),
        }.items():
            (tmp_path / name / file).write_bytes(octets)

    def both(file: str) -> tuple[str, str]:
        return f"one/{file}", f"two/{file}"

    given = words(
        tmp_path, ca=both("ca.pem"), crl=both("ca.crl"), signer=both("ocsp.pem"), signer_key=both("ocsp.key")
    )
    with running(given) as found:
        assert [one["signer"] for one in found.ready["cas"]] == ["delegated", "delegated"]
        for name in ("one", "two"):
            anchor = tmp_path / name / "ca.pem"
            said = openssl(anchor, REVOKED, found.url, "-CAfile", anchor)
            assert "Response verify OK" in said, said
            assert ": revoked" in said, said


@pytest.mark.parametrize("path", ["/", "/nothing", "/ocsp", "/ocsp/", "/MAAA", "/favicon.ico"])
def test_wrong_paths_are_malformed_requests(one: Running, path: str) -> None:
    """Not a page of HTML: whoever asks here reads OCSP."""
    code, body, headers = fetch(one.url + path)
    assert (code, body) == (200, MALFORMED)
    assert "no-store" in headers["Cache-Control"]


def test_what_http_refuses(folder: Path, one: Running) -> None:
    """Other methods, and more than any request has."""
    assert fetch(one.url, method="PUT", data=b"x")[0] == 405
    assert fetch(one.url, data=b"x" * 20_000)[0] == 413
    assert fetch(one.url, data=b"x")[1] == MALFORMED
    assert fetch(one.url, data=request(folder))[0] == 200


def test_operators_see_life_readiness_and_figures(folder: Path, one: Running) -> None:
    """On a port of its own; no serial, no name among the figures."""
    fetch(one.url, data=request(folder))
    assert one.admin("/health/live")[0] == 200
    assert one.admin("/health/ready")[0] == 200
    code, metrics = one.admin("/metrics")
    assert code == 200
    text = metrics.decode()
    assert "jpki_ocsp_" in text
    assert 'jpki_responder_seconds_to_next_update{ca="ca-1"}' in text
    assert 'jpki_responder_signer_seconds_left{ca="ca-1"}' in text
    assert "JPKI-TEST" not in text
    assert 'jpki_workers{state="serving"} 1.0' in text


def test_what_the_ordinary_route_answers_is_counted(folder: Path) -> None:
    """By method and status under the route's template, so no request is in a label; other methods as one."""
    with running(words(folder)) as alone:
        fetch(alone.url, data=b"x", method="PUT")
        fetch(alone.url, data=b"x", method="DELETE")
        text = alone.admin("/metrics")[1].decode()
    counted = [line for line in text.splitlines() if line.startswith("jpki_http_requests_total")]
    assert len(counted) == 1
    assert counted[0] == 'jpki_http_requests_total{method="OTHER",route="/{path}",status="405"} 2.0'


# --- Reload ---


def test_a_new_list_is_answered_from_within_seconds(tmp_path: Path) -> None:
    """A new one is taken, a broken one and a missing one are told of once; answers go on."""
    ca = write_files(tmp_path)
    with running(words(tmp_path)) as found:

        def said(serial: int) -> str:
            return openssl(tmp_path / "ca.pem", serial, found.url, "-CAfile", tmp_path / "ca.pem")

        assert ": good" in said(GOOD)
        newer = crl(
            ca, [entry(GOOD, THIS_UPDATE, reason=4)], number=4, this_update=NOW - timedelta(minutes=9)
        )
        (tmp_path / "ca.crl").write_bytes(newer)
        assert found.next_record() == {"responder": "reloaded"}
        assert ": revoked" in said(GOOD)
        (tmp_path / "ca.crl").write_bytes(newer[:-30])
        assert found.next_record()["responder"] == "refused"
        assert ": revoked" in said(GOOD)
        (tmp_path / "ca.crl").unlink()
        record = found.next_record()
        assert (record["error"], record["exit_code"]) == ("FILE_UNREADABLE", Exit.UPSTREAM_DOWN)
        assert ": revoked" in said(GOOD)
        assert b"FILE_UNREADABLE" in found.admin("/health/ready")[1]
        assert found.lines.empty()


def test_answers_end_with_their_list(tmp_path: Path) -> None:
    """At a fixed time after nextUpdate nobody is good: tryLater, and not ready."""
    write_files(tmp_path)
    other = pki.make_ca((("C", "JP"), ("CN", "another")), generations=1, kind="p256", first_key=310)
    (tmp_path / "other.pem").write_bytes(other.certificates[0].public_bytes(Encoding.PEM))
    (tmp_path / "other.crl").write_bytes(crl(other, next_update=NOW + timedelta(days=30)))
    at = (NOW + timedelta(days=2)).isoformat()
    given = words(tmp_path, ca=("ca.pem", "other.pem"), crl=("ca.crl", "other.crl"), signer=("local.pem",))
    with running([*given, "--at", at]) as found:
        assert [one["in_force"] for one in found.ready["cas"]] == [False, True]
        said = openssl(tmp_path / "ca.pem", GOOD, found.url, "-CAfile", tmp_path / "ca.pem")
        assert "trylater" in said
        assert found.admin("/health/ready")[0] == 200


def test_at_replays_a_past_day(tmp_path: Path) -> None:
    """``--at``: answers as of that time, from the list of that day, which has lapsed since."""
    ca = write_files(tmp_path)
    day = NOW - timedelta(days=10)
    (tmp_path / "ca.crl").write_bytes(crl(ca, this_update=day, next_update=day + timedelta(days=1)))
    at = (day + timedelta(hours=1)).isoformat()
    given = words(tmp_path, signer=("ca.pem",), signer_key=("ca.key",))
    with running([*given, "--at", at]) as found:
        answer = ocsp.load_der_ocsp_response(fetch(found.url, data=request(tmp_path, REVOKED))[1])
        assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert answer.this_update_utc == day
    code, record, _ = refused(given)
    assert (code, record["error"]) == (Exit.REFUSED, "NEXT_UPDATE_PASSED")


# --- Starting and stopping ---


REFUSALS: dict[str, tuple[dict[str, tuple[str, ...]], str | None, int]] = {
    "a key for another certificate": ({"signer_key": ("ca.key",)}, "RESPONDER_CERTIFICATE_REFUSED", 5),
    "a key as a certificate": ({"ca": ("ca.key",)}, "PRIVATE_KEY_GIVEN", 5),
    "a certificate as a key": ({"signer_key": ("ca.pem",)}, "KEY_FILE_MALFORMED", 5),
    "a leaf as a CA": ({"ca": ("leaf.pem",)}, "CA_CERTIFICATE_REFUSED", 5),
    "no such file": ({"crl": ("nothing.crl",)}, "FILE_UNREADABLE", 6),
    "a folder": ({"crl": (".",)}, "FILE_NOT_REGULAR", 5),
    "a certificate as a list": ({"crl": ("ca.pem",)}, None, 5),
    "a list of another CA": ({"crl": ("ca.crl", "other.crl")}, "ISSUER_UNKNOWN", 5),
    "a signer without key": ({"signer": ("local.pem", "delegated.pem")}, "RESPONDER_ARGUMENTS", 2),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_at_start(folder: Path, case: str) -> None:
    """One sentence with what was expected, got and to do; the machine's record; the fixed exit code."""
    other = pki.make_ca((("C", "JP"), ("CN", "another")), generations=1, kind="p256", first_key=310)
    (folder / "other.crl").write_bytes(crl(other))
    changed, error, expected = REFUSALS[case]
    code, record, sentence = refused(words(folder, **changed))
    assert code == record["exit_code"] == expected
    assert error in (None, record["error"])
    assert f"jpki: {record['error']}: expected {record['expected']}; got {record['got']}" in sentence
    assert record["remedy"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--host", "0.0.0.0"], "RESPONDER_ARGUMENTS"),  # noqa: S104 - refused
        (["--tolerate", "weak_signature"], "RESPONDER_ARGUMENTS"),
        (["--at", "yesterday"], "TIME_MALFORMED"),
    ],
)
def test_words_that_do_not_go_together(folder: Path, more: list[str], code: str) -> None:
    """Nothing is read then."""
    exit_code, record, _ = refused([*words(folder), *more])
    assert record["error"] == code
    assert exit_code in (Exit.USAGE, Exit.REFUSED)


def test_a_port_that_is_taken(folder: Path) -> None:
    """Refused before anything is read."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            command([*words(folder), "--port", str(port)]),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            env=environment(),
            check=False,
        )
    assert (done.returncode, "PORT_IN_USE" in done.stderr) == (Exit.REFUSED, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_is_no_failure(folder: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it at once, with exit code 0."""
    with running(words(folder)) as found:
        assert found.stop(number) == Exit.DONE


def test_people_read_sentences(tmp_path: Path) -> None:
    """Without --json: which CA, until when, who signs, and what is not answered."""
    ca = write_files(tmp_path)
    (tmp_path / "ca.crl").write_bytes(crl(ca, distribution_point=pki.point(1)))
    process = subprocess.Popen(
        command([*words(tmp_path), "--port", "0"]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    lines = [process.stdout.readline(), process.stdout.readline()]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=WAIT_S)
    assert lines[0].startswith("ready on port ")
    assert "ca-1: 1 lists, 2 entries, in force until" in lines[1]
    assert "signer: delegated" in lines[1]
    assert "--all-lists" in errors
