"""NSS ``vfychain``: GET, SHA-1 CertIDs, no nonce, delegated mode; POST where GET gave nothing."""

from __future__ import annotations

import pytest

from tests.clients.cases import Cannot, Case, Client, Kind, Status, Trust, only
from tests.clients.conftest import Responders
from tests.clients.nss import databases
from tests.clients.running import Done, run

pytestmark = [pytest.mark.clients, pytest.mark.timeout(60)]

CLIENT = Client(
    "NSS vfychain",
    {"vfychain": "libnss3-tools", "certutil": "libnss3-tools"},
    (
        Cannot("it has no option for a pinned responder (see NSS ocspclnt)", only(trust=Trust.LOCAL)),
        Cannot("it begins with GET", only(method="POST")),
        Cannot("its CertIDs are SHA-1 only", only(hash_name="sha256")),
        Cannot("it sends no nonce", only(nonce=True)),
    ),
)
#: Without an answer that it believes, the chain is bad.
_STRICT = ("-s", "failIfNoInfo")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, responders: Responders) -> dict[Kind, str]:
    return databases(tmp_path_factory.mktemp("nss"), responders.folders)


def _asked(case: Case, responders: Responders, known: dict[Kind, str], *flags: str) -> Done:
    """As an SSL client's certificate, with the PKIX library and OCSP for the leaf."""
    options = ["-d", known[case.kind], "-pp", "-u", "0", "-g", "leaf", "-m", "ocsp", *flags]
    return run("vfychain", *options, "-a", responders.leaf(case))


@CLIENT.parametrize()
def test_vfychain_agrees(case: Case, responders: Responders, known: dict[Kind, str]) -> None:
    """Good even where an answer must be had; revoked even where none need be; unknown is neither.

    It calls both revoked and undetermined -8180, but asks again, by POST, only where GET gave nothing.
    """
    strict = _asked(case, responders, known, *_STRICT)
    again = "POST" if case.status is Status.UNKNOWN else None
    responders.check_sent(case, then=again)
    lenient = _asked(case, responders, known)
    responders.check_sent(case, then=again)
    expected = {Status.GOOD: (0, 0), Status.UNKNOWN: (1, 0)}.get(case.status, (1, 1))
    assert (strict.code, lenient.code) == expected, strict.output + lenient.output
    for done in (strict, lenient):
        assert ("Chain is good!" if done.code == 0 else "ERROR -8180") in done.output, done.output


def test_vfychain_refuses_a_locally_trusted_answer(responders: Responders, known: dict[Kind, str]) -> None:
    """The comparison can fail: good, said by one who is no delegate, is not believed."""
    case = Case(Kind.RSA, Trust.LOCAL, "GET", "sha1", nonce=False, status=Status.GOOD)
    assert _asked(case, responders, known, *_STRICT).code == 1
