"""A pair whose key is on a PKCS #11 token, in ``keys/responders/`` of a running service (SoftHSM2)."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from platform_api.signing.pairs import AGAIN_S, PairFolder
from platform_api.signing.token_keys import AWAY, TokenKey
from tests.base.eventually import HANG_S, eventually
from tests.base.responder_pairs import key_of, put_certificate, put_token_file
from tests.features.ocsp_face import ROUTES
from tests.features.test_ocsp_signers import HOUR, Serving, signed_by, signing
from tests.revocation.ocsp_world import NOW, REVOKED, cert_id, request
from tests.revocation.sets import DAY, ca
from tests.revocation.softhsm import SoftHsm, module
from tests.revocation.token_world import Ticking, lose_sessions

pytestmark = pytest.mark.timeout(60)

TOKEN, KEY = "served", key_of(63)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """A token of this file's own: a process has one login for each."""
    found = SoftHsm(module(), tmp_path_factory.mktemp("hsm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(found.configure()))
        make(found)
        yield found
        lose_sessions(found)


def make(hsm: SoftHsm) -> None:
    hsm.make_token(TOKEN)
    hsm.import_key(TOKEN, KEY, "ocsp-2027", "01")
    hsm.import_key(TOKEN, key_of(64), "another", "02")


def put_pair(hsm: SoftHsm, folder: Path, *, key: str = "ocsp-2027", token: str = TOKEN) -> None:
    put_certificate(folder, "token", KEY, begins=NOW - HOUR, ends=NOW + DAY)
    put_token_file(folder, "token", module=hsm.module, token=token, pin_file=hsm.pin_file(), key=key)


async def verified_by_openssl(service: Serving, route: str, folder: Path, serial: int) -> str:
    """Another implementation's word about what this route answers."""
    async with service.client.post(
        f"http://127.0.0.1:{service.made.ports[route]}/ocsp", data=request(cert_id(serial))
    ) as response:
        octets = await response.read()

    def ask() -> str:
        (folder / "answer.der").write_bytes(octets)
        issuer = folder / "issuer.pem"
        issuer.write_bytes(ca().generations[0].certificate.public_bytes(Encoding.PEM))
        words = ("openssl", "ocsp", "-respin", str(folder / "answer.der"), "-issuer", str(issuer))
        trust = ("-sha256", "-serial", str(serial), "-VAfile", str(service.folder / "token.crt"))
        done = subprocess.run([*words, *trust], capture_output=True, text=True, timeout=HANG_S, check=False)
        return done.stdout + done.stderr

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize("route", ROUTES)
async def test_openssl_verifies_what_a_token_signed(hsm: SoftHsm, tmp_path: Path, route: str) -> None:
    """Dropped in beside the first pair, the token signs the next answer, beside the event loop."""
    async with signing(tmp_path) as service:
        await asyncio.to_thread(put_pair, hsm, service.folder)
        await service.look()
        said = await verified_by_openssl(service, route, tmp_path, REVOKED)
        assert "Response verify OK" in said
        assert ": revoked" in said


async def test_a_token_that_is_away_is_try_later_and_signs_when_it_is_back(
    hsm: SoftHsm, tmp_path: Path
) -> None:
    """An older key of a file does not sign in its place; what was signed before is handed out on."""
    async with signing(tmp_path) as service:
        await asyncio.to_thread(put_pair, hsm, service.folder)
        await service.look()
        for route in ROUTES:
            assert (await service.ask(route, REVOKED)).certificates != [service.old]
        await asyncio.to_thread(lose_sessions, hsm)
        await asyncio.to_thread(hsm.delete_token, TOKEN)
        for route in ROUTES:
            away = await service.ask_new(route)
            assert away.response_status is ocsp.OCSPResponseStatus.TRY_LATER
            held = await service.ask(route, REVOKED)
            assert held.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
        await asyncio.to_thread(make, hsm)
        answers: list[ocsp.OCSPResponse] = []

        async def ask_until_signed() -> None:
            while not answers or answers[-1].response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                answers.append(await service.ask_new(ROUTES[0]))
                await asyncio.sleep(0.05)

        asking = asyncio.create_task(ask_until_signed())
        await eventually(asking.done, seconds=20)
        await asking
        assert not signed_by(answers[-1], service.old)


async def test_a_start_while_the_token_is_away_lets_no_older_key_sign(hsm: SoftHsm, tmp_path: Path) -> None:
    """As if it had gone a moment later: tryLater; a pair that is dropped in meanwhile is not taken."""

    await asyncio.to_thread(put_pair, hsm, tmp_path / "responders", token="gone-before")
    async with signing(tmp_path) as service:
        for route in ROUTES:
            answer = await service.ask(route, REVOKED)
            assert answer.response_status is ocsp.OCSPResponseStatus.TRY_LATER

    later = tmp_path / "later"
    async with signing(later) as service:
        await asyncio.to_thread(put_pair, hsm, service.folder, token="gone-later")
        await service.look()
        assert service.follower.refused == 1
        for route in ROUTES:
            assert signed_by(await service.ask(route, REVOKED), service.old)


def test_another_key_of_the_token_is_refused(hsm: SoftHsm, tmp_path: Path) -> None:
    """By a signature, before the first answer; so is a label that the token does not have."""
    put_pair(hsm, tmp_path)
    _, key = PairFolder(tmp_path).look().taken["token"]
    assert isinstance(key, TokenKey)
    assert key.sign(b"a session, which the test before has lost")
    put_pair(hsm, tmp_path, key="another")
    assert PairFolder(tmp_path).look().refused["token"].code == "RESPONDER_KEY_REFUSED"
    put_pair(hsm, tmp_path, key="nobody's")
    assert PairFolder(tmp_path).look().refused["token"].code == "TOKEN_KEY_MISSING"


def test_a_pair_whose_token_comes_later_is_taken_then(hsm: SoftHsm, tmp_path: Path) -> None:
    """The files are the same; they are tried again after half a minute, and not at each look."""
    ticking = Ticking()
    looks = PairFolder(tmp_path, ticking)
    looks.look()
    put_pair(hsm, tmp_path, token="comes-later")
    looks.look()
    assert looks.look().refused["token"].code in AWAY
    hsm.make_token("comes-later")
    hsm.import_key("comes-later", KEY, "ocsp-2027", "01")
    lose_sessions(hsm)
    ticking.at += AGAIN_S - 1
    assert looks.look().refused
    for _ in range(200):  # the token itself rests for a second of real time
        ticking.at += AGAIN_S
        if looks.look().taken:
            break
        threading.Event().wait(0.05)
    assert list(looks.look().taken) == ["token"]
    assert not looks.look().refused
