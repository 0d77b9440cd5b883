"""Live mode: fingerprints that somebody compared, no test CA, and where a night without any CA points."""

from __future__ import annotations

import asyncio
import io
import re
import shlex
from pathlib import Path

import pytest
from aiohttp import web

from platform_api.app import create_app
from platform_api.config import load_settings
from platform_api.doctor import examine
from platform_api.faults import SetupRefused
from platform_api.logs import make_log
from platform_api.provisioning import prepare, refuse_test_authorities
from revocation.errors import InputRefused
from tests import pki
from tests.base.application import settings_for
from tests.base.authority_cli import FOUND, KIND, Shell, real_ca, write_files
from tests.base.postgres import TestDatabase

ROOT = Path(__file__).parents[2]
CA = real_ca()


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path, monkeypatch, capsys)
    made.mode("live")
    return made


def _error(shell: Shell, *words: str) -> str:
    refused = shell(*words, "--by", "Sato", "--json")
    assert refused.code == (2 if refused.json["error"] == "FINGERPRINT_MALFORMED" else 5)
    assert shell("proposals").code == 3
    return str(refused.json["error"])


def test_each_key_needs_its_compared_fingerprint(live: Shell) -> None:
    """None, one for two, a wrong one, one too many, SHA-1: refused; all of them, in any writing: proposed."""
    one, two, three = write_files(live.folder, CA)
    assert _error(live, *FOUND) == "FINGERPRINT_REQUIRED"
    assert _error(live, *FOUND, "--fingerprint", one) == "FINGERPRINT_MISMATCH"
    assert _error(live, *FOUND, "--fingerprint", one, "--fingerprint", three) == "FINGERPRINT_MISMATCH"
    every = [word for text in (one, two, three) for word in ("--fingerprint", text)]
    assert _error(live, *FOUND, *every) == "FINGERPRINT_MISMATCH"
    assert _error(live, *FOUND, "--fingerprint", one[:59]) == "FINGERPRINT_MALFORMED"
    plain = two.replace(":", "").lower()
    live.done(*FOUND, "--fingerprint", one, "--fingerprint", plain)
    assert _error(live, "add", "card-sign", "g3.pem") == "FINGERPRINT_REQUIRED"
    live.done("add", "card-sign", "g3.pem", "--fingerprint", three)


@pytest.mark.parametrize("organization", ["JPKI-TEST", "P8N-MOCK", "Sandbox CA", "a demo"])
def test_a_test_ca_is_refused(live: Shell, organization: str) -> None:
    """By what it calls itself; and check says it of a file beforehand."""
    ca = pki.make_ca((("C", "JP"), ("O", organization)), 2, kind="p256", first_key=25)
    one, two, *_ = write_files(live.folder, ca)
    assert _error(live, *FOUND, "--fingerprint", one, "--fingerprint", two) == "AUTHORITY_IS_TEST"
    found = live("check", "g1.pem", "--json")
    assert found.code == 5
    assert found.json["certificates"][0]["problem"].startswith("AUTHORITY_IS_TEST")


@pytest.mark.parametrize("organization", ["JPKI", "Contest Corp", "Attestation Office"])
def test_a_name_that_only_holds_the_letters_is_no_test(live: Shell, organization: str) -> None:
    """Contest is no test."""
    ca = pki.make_ca((("C", "JP"), ("O", organization)), 2, kind="p256", first_key=25)
    one, two, *_ = write_files(live.folder, ca)
    live.done(*FOUND, "--fingerprint", one, "--fingerprint", two)


def test_a_test_policy_is_refused(live: Shell) -> None:
    """The test hierarchy's policy OID under a real name: also when it comes later."""
    one, two, *_ = write_files(live.folder, CA)
    words = [word if word != KIND else KIND.replace(".1.1.20", ".1.0.20") for word in FOUND]
    assert _error(live, *words, "--fingerprint", one, "--fingerprint", two) == "AUTHORITY_IS_TEST"
    live.done(*FOUND, "--fingerprint", one, "--fingerprint", two)
    later = live.as_json("set", "card-sign", "--kind", "1.2.392.200149.8.5.1.0.20=card-sign", "--by", "Sato")[
        "proposal_id"
    ]
    refused = live("approve", later, "--by", "Suzuki", "--json")
    assert (refused.code, refused.json["error"]) == (5, "AUTHORITY_IS_TEST")


def test_what_was_proposed_in_the_sandbox_is_not_approved_live(live: Shell) -> None:
    """The rule of the mode is asked again when it is approved."""
    ca = pki.make_ca((("C", "JP"), ("O", "JPKI-TEST")), 2, kind="p256", first_key=25)
    write_files(live.folder, ca)
    live.mode("sandbox")
    proposal = live.as_json(*FOUND, "--by", "Sato")["proposal_id"]
    live.mode("live")
    assert live("approve", proposal, "--by", "Suzuki", "--json").json["error"] == "AUTHORITY_IS_TEST"


def test_a_live_night_without_authorities_points_at_the_command(tmp_path: Path) -> None:
    """Nothing is taken from the network on trust; doctor says the same."""
    settings = load_settings(data_dir=tmp_path, mode="live")
    with pytest.raises(SetupRefused, match="jpki authority add") as refused:
        asyncio.run(prepare(settings, object()))  # type: ignore[arg-type]
    assert refused.value.code == "AUTHORITIES_MISSING"


@pytest.fixture
def test_ca_taken_in(live: Shell) -> Shell:
    """A folder that was a sandbox's until the mode was changed."""
    ca = pki.make_ca((("C", "JP"), ("O", "JPKI-TEST")), 2, kind="p256", first_key=25)
    write_files(live.folder, ca)
    live.mode("sandbox")
    live.done(*FOUND)
    assert live("check").code == 0
    live.mode("live")
    return live


def test_a_live_service_does_not_begin_upon_a_test_ca(test_ca_taken_in: Shell) -> None:
    """Neither a night nor serve: the code, the CA, and that a live service begins in a new folder. A file
    that cannot be read does not keep serve from starting: it follows the file.
    """
    settings = load_settings(data_dir=test_ca_taken_in.folder / "jpki-data", mode="live")

    def night() -> None:
        asyncio.run(prepare(settings, object()))  # type: ignore[arg-type]

    for begin in (night, lambda: refuse_test_authorities(settings)):
        with pytest.raises(InputRefused, match="a live service begins in a new folder") as refused:
            begin()
        assert (refused.value.code, refused.value.got.split(",")[0]) == ("AUTHORITY_IS_TEST", "card-sign")
    refuse_test_authorities(settings.model_copy(update={"mode": "sandbox"}))
    settings.authorities_file.write_text("{broken")
    refuse_test_authorities(settings)
    settings.authorities_file.unlink()
    refuse_test_authorities(settings)


async def test_serve_does_not_start_upon_a_test_ca(
    database: TestDatabase, test_ca_taken_in: Shell, tmp_path: Path
) -> None:
    """It ends with the code instead."""
    settings = await settings_for(database, tmp_path / "jpki-data", mode="live")
    runner = web.AppRunner(create_app(settings, log=make_log(io.StringIO())))
    try:
        with pytest.raises(InputRefused) as refused:
            await runner.setup()
    finally:
        await runner.cleanup()
    assert refused.value.code == "AUTHORITY_IS_TEST"


def test_check_and_doctor_name_a_test_ca_that_is_taken_in(test_ca_taken_in: Shell) -> None:
    """As an error with its remedy; in the sandbox it is none."""
    found = test_ca_taken_in("check", "--json")
    assert (found.code, found.json["findings"][0]["code"]) == (5, "AUTHORITY_IS_TEST")
    settings = load_settings(data_dir=test_ca_taken_in.folder / "jpki-data", mode="live")
    (said,) = [one for one in examine(settings) if "AUTHORITY_IS_TEST" in one.found]
    assert (said.what, said.ok) == ("authorities card-sign", False)
    assert "--data" in said.remedy


def test_doctor_says_what_check_finds(live: Shell) -> None:
    """An error with its remedy, a warning as a pointer, and where there is no file the command."""
    data = live.folder / "jpki-data"
    settings = load_settings(data_dir=data, mode="live")

    def found() -> dict[str, str]:
        return {f"{one.what}: {one.found}": one.remedy for one in examine(settings) if "authorit" in one.what}

    assert "jpki authority add" in found()["authorities: none yet"]
    one, two, *_ = write_files(live.folder, CA)
    live.done(*FOUND, "--fingerprint", one, "--fingerprint", two)
    assert found() == {"authorities: version 1: 1 CA, 6 lists expected a day": ""}
    live.done("close-partition", "card-sign", "1", "--none-left")
    assert found()["authorities: warnings: see jpki authority check"] == ""
    file = data / "authorities.json"
    file.write_text(file.read_text().replace('"hold_releasable": false', '"hold_releasable": true'))
    (said,) = [text for text in found() if "CHANGED_PAST_THE_ACTS" in text]
    assert found()[said]
    file.write_text("{broken")
    (said,) = found()
    assert said == "authorities: AUTHORITY_MALFORMED: something else"
    assert found()[said].startswith("restore the newest backup")


@pytest.mark.parametrize("readme", ["README.md", "README.ja.md"])
def test_the_commands_of_the_readme_work_as_printed(live: Shell, readme: str) -> None:
    """The block of the section, line by line, by two people, on nineteen municipalities."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (block,) = [
        match
        for part in section
        if "authorit" in part.splitlines()[0] or "受け入れるCA" in part.splitlines()[0]
        for match in re.findall(r"```sh\n(.*?)```", part, flags=re.DOTALL)
    ]
    ca = real_ca(2)
    g2, g3 = write_files(live.folder, ca, partitions=19)
    for number, name in ((1, "signca02.cer"), (2, "signca03.cer")):
        (live.folder / f"g{number}.pem").rename(live.folder / name)
    ran = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:2] != ["jpki", "authority"]:
            continue
        waiting = live("proposals", "--json").json["proposals"]
        known = {"$G2": g2, "$G3": g3, "$ID": waiting[-1]["proposal_id"] if waiting else ""}
        answer = live(*(known.get(word, word) for word in words[2:]))
        assert answer.code == 0, (line, answer.err)
        ran.append(words[2])
    assert ran == ["check", "add", "proposals", "approve", "show", "check", "tolerate", "approve",
                   "close-partition", "approve"]  # fmt: skip
    assert live.as_json("show")["version"] == 3
