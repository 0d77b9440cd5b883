"""``jpki institution``: keys with a purpose and limits, bindings, listings; exit codes, one JSON line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from platform_api.institutions import store
from platform_api.institutions.api_keys import ApiKey
from tests import pki
from tests.base.application import settings_for
from tests.base.authority_cli import Shell
from tests.base.postgres import TestDatabase, TestInstitution

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def jpki(
    database: TestDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """The command on the test's database, with the test's keys in the data folder of its default name."""
    await settings_for(database, tmp_path / "jpki-data")
    monkeypatch.setenv("JPKI_DSN", database.app_dsn)
    monkeypatch.setenv("JPKI_OWNER_DSN", database.owner_dsn)
    return Shell(tmp_path, monkeypatch, capsys, "institution")


def certificate_file(folder: Path, number: int, *, days: int = 30, count: int = 1) -> tuple[Path, str]:
    now = datetime.now(UTC)
    private = pki.key("p256", 500 + number)
    made = [
        pki.ca_certificate(private, (("CN", "client"),), now - timedelta(days=3653 - days), serial=number + n)
        for n in range(count)
    ]
    path = folder / f"client-{number}.pem"
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in made))
    return path, made[0].fingerprint(SHA256()).hex()


async def _record(database: TestDatabase, text: str) -> store.KeyRecord | None:
    key = ApiKey.parse(text)
    assert key is not None
    return await store.find_key(database.app_pool, database.hasher.api_key(key))


async def test_keys_with_a_purpose_and_limits(
    jpki: Shell, database: TestDatabase, institution: TestInstitution
) -> None:
    """A key made with every option is what the options say; one without is for status checks of registered
    certificates at the server's rate. Both are listed, never their text or hash.
    """

    def run() -> list[dict[str, object]]:
        whose = ("--institution-id", str(institution.institution_id))
        made = [
            jpki.as_json("create-key", *whose, "--label", "plain"),
            jpki.as_json(
                *("create-key", *whose, "--label", "signing", "--scope", "signatures:verify"),
                *("--ocsp-purpose", "signature_verification", "--ocsp-rate", "50", "--ocsp-burst", "70"),
                *("--entitlement", "any", "--expires", "2030-01-01T00:00:00+09:00"),
            ),
        ]
        listed = jpki("keys", *whose)
        assert listed.code == 0
        assert "signing" in listed.out
        for one in made:
            assert one["api_key"] not in listed.out
        keys = {one["key_id"]: one for one in jpki.as_json("keys", *whose)["keys"]}
        assert keys.keys() == {str(institution.principal.key_id), *(one["key_id"] for one in made)}
        second = keys[made[1]["key_id"]]
        assert second["expires_at"] == "2029-12-31T15:00:00+00:00"
        assert (
            second["ocsp_purpose"],
            second["ocsp_rate_per_s"],
            second["ocsp_burst"],
            second["living"],
        ) == (
            *("signature_verification", 50, 70),
            True,
        )
        assert not any("hash" in name for one in keys.values() for name in one)
        return made

    plain, signing = await asyncio.to_thread(run)
    record = await _record(database, str(plain["api_key"]))
    assert record is not None
    assert (record.ocsp_purpose, record.ocsp_rate_per_s, record.ocsp_burst, record.principal.entitlement) == (
        *("current_status_check", None, None),
        "registered",
    )
    record = await _record(database, str(signing["api_key"]))
    assert record is not None
    assert record.principal.scopes == {"signatures:verify"}
    assert record.principal.entitlement == "any"


async def test_a_further_service_is_added_once(jpki: Shell, institution: TestInstitution) -> None:
    """A second service of an institution is made; a code that is taken is refused, as is no institution."""

    def run() -> None:
        words = ("add-service", "--institution-id", str(institution.institution_id), "--name", "Loans")
        made = jpki.as_json(*words, "--service", "loans")
        assert made["service"] == "loans"
        assert made["service_id"] != str(institution.service_id)
        for refused in (
            jpki(*words, "--service", "loans", "--json"),
            jpki(*words, "--service", "not a code", "--json"),
            jpki("add-service", "--institution-id", str(uuid4()), "--name", "x", "--service", "y", "--json"),
        ):
            assert (refused.code, refused.json["error"]) == (5, "INSTITUTION_REFUSED")

    await asyncio.to_thread(run)


async def test_an_institution_s_first_key_has_the_options_too(jpki: Shell, database: TestDatabase) -> None:
    """``create`` takes entitlement, purpose and limits for the key that it makes."""
    made = await asyncio.to_thread(
        jpki.as_json,
        *("create", "--name", "Aozora Bank", "--service", "aozora", "--entitlement", "any"),
        *("--ocsp-purpose", "signature_verification", "--ocsp-rate", "7"),
    )
    record = await _record(database, made["api_key"])
    assert record is not None
    assert (record.ocsp_purpose, record.ocsp_rate_per_s, record.ocsp_burst, record.principal.entitlement) == (
        *("signature_verification", 7, None),
        "any",
    )


async def test_bindings_are_made_listed_and_ended(
    jpki: Shell, institution: TestInstitution, tmp_path: Path
) -> None:
    """Exit code 0 for what was done, 3 for what was so before; one JSON line says the binding's id."""

    def run() -> None:
        key_id = str(institution.principal.key_id)
        path, fingerprint = certificate_file(tmp_path, 1)
        bound = jpki.as_json("bind-certificate", key_id, str(path))
        assert (bound["kind"], bound["of"], bound["already"]) == ("certificate", fingerprint, False)
        again = jpki("bind-certificate", key_id, str(path), "--json")
        assert (again.code, again.json["binding_id"], again.json["already"]) == (
            3,
            bound["binding_id"],
            True,
        )
        network = jpki("bind-network", key_id, "10.1.0.0/16", "--json")
        assert (network.code, network.json["of"]) == (0, "10.1.0.0/16")
        assert "ocsp_networks is off" in network.err
        whose = ("--institution-id", str(institution.institution_id))
        (listed,) = jpki.as_json("keys", *whose)["keys"]
        assert [one["of"] for one in listed["bindings"]] == [fingerprint, "10.1.0.0/16"]
        shown = jpki("keys", *whose).out
        assert f"certificate {fingerprint} as {bound['binding_id']}" in shown
        assert f"network 10.1.0.0/16 as {network.json['binding_id']}" in shown
        assert jpki.as_json("unbind", bound["binding_id"]) == {
            "binding_id": bound["binding_id"],
            "ended": True,
        }
        assert jpki("unbind", bound["binding_id"]).code == 3
        ended = jpki("revoke-key", *whose, "--key-id", key_id)
        assert ended.code == 0
        (listed,) = jpki.as_json("keys", *whose)["keys"]
        assert not listed["living"]
        assert all(one["revoked_at"] is not None for one in listed["bindings"])

    await asyncio.to_thread(run)


async def test_what_cannot_be_is_refused(jpki: Shell, institution: TestInstitution, tmp_path: Path) -> None:
    """Exit code 5 and a stable code: no such key, an overlapping network, a bundle, a private key, limits
    that make no sense; 2 for words that are none; 3 for an institution without keys.
    """

    def run() -> None:
        key_id = str(institution.principal.key_id)
        path, _ = certificate_file(tmp_path, 2)
        expired, _ = certificate_file(tmp_path, 3, days=-1)
        bundle, _ = certificate_file(tmp_path, 4, count=2)
        private = tmp_path / "private.pem"
        private.write_bytes(b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n")
        whose = ("--institution-id", str(institution.institution_id))
        jpki.as_json("bind-network", key_id, "10.1.0.0/16")
        for words, code in (
            (("bind-certificate", str(uuid4()), str(path)), "BINDING_REFUSED"),
            (("bind-certificate", key_id, str(expired)), "BINDING_REFUSED"),
            (("bind-certificate", key_id, str(bundle)), "CERTIFICATE_FILE_UNCLEAR"),
            (("bind-certificate", key_id, str(private)), "PRIVATE_KEY_GIVEN"),
            (("bind-network", key_id, "10.1.2.0/24"), "BINDING_REFUSED"),
            (("bind-network", key_id, "everybody"), "BINDING_REFUSED"),
            (("create-key", *whose, "--label", "x", "--ocsp-rate", "0"), "INSTITUTION_REFUSED"),
            (("create-key", *whose, "--label", "x", "--scope", "all"), "INSTITUTION_REFUSED"),
            (("create-key", *whose, "--label", "x", "--expires", "soon"), "TIME_MALFORMED"),
            (("create-key", "--institution-id", str(uuid4()), "--label", "x"), "INSTITUTION_REFUSED"),
        ):
            answer = jpki(*words, "--json")
            assert (answer.code, answer.json["error"]) == (5, code), words
        assert jpki("create-key", *whose, "--label", "x", "--ocsp-purpose", "four_information").code == 2
        assert jpki("bind-network", "no-id", "10.0.0.0/8").code == 2
        assert jpki("keys", "--institution-id", str(uuid4())).code == 3

    await asyncio.to_thread(run)


@pytest.mark.parametrize(
    "command",
    [
        *("create", "add-service", "create-key", "keys", "bind-certificate", "bind-network", "unbind"),
        "revoke-key",
    ],
)
def test_help_has_an_example(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command shows how it is called."""
    answer = Shell(tmp_path, monkeypatch, capsys, "institution")(command, "--help")
    assert answer.code == 0
    assert f"jpki institution {command}" in " ".join(answer.out.split())
