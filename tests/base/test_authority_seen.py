"""Nobody approves unseen: each act is shown whole, to people and programs: proposed, listed, approved."""

from __future__ import annotations

from typing import Any

import pytest

from tests import pki
from tests.base.authority_cli import FOUND, KIND, Shell, real_ca, write_files

CA = real_ca(3)
SHA256 = [generation.certificate_sha256.hex() for generation in CA.authority().generations]
POINTS = [f"CN=City-{n} CRLDP,OU=Tokyo-to,O=JPKI,C=JP" for n in range(1, 13)]


@pytest.fixture
def shell(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    write_files(tmp_path, CA, partitions=12)
    made = Shell(tmp_path, monkeypatch, capsys)
    made.mode("sandbox")
    return made


def _seen(shell: Shell, *words: str) -> tuple[dict[str, Any], str]:
    """The act as JSON and as text: the same at every command, and on standard error beside JSON."""
    proposed = shell(*words, "--by", "Sato")
    assert proposed.code == 0, proposed.err
    (listed,) = shell.as_json("proposals")["proposals"]
    proposal_id = listed["proposal_id"]
    assert len(proposal_id) == 64
    text = shell("proposals", proposal_id[:16]).out
    assert shell("proposals").out == text
    assert text in proposed.out
    assert shell.as_json("proposals", proposal_id) == {"proposals": [listed], "damaged": []}
    approved = shell("approve", proposal_id[:16], "--by", "Suzuki", "--json")
    assert (approved.code, approved.err) == (0, text)
    assert approved.json["proposal_id"] == proposal_id
    act: dict[str, Any] = listed["act"]
    return act, text


def test_a_new_ca(shell: Shell) -> None:
    """Each fingerprint, partition and field of the policy, also where it is the default."""
    words = [*FOUND[:4], "g3.pem", *FOUND[4:], "--kind", "1.2.3=card-auth", "--serial-ceiling", "6ACFC0"]
    act, text = _seen(shell, *words, "--hold-releasable", "--crl-signing", "newest_for_all")
    assert [key["sha256"] for key in act["generations"]] == SHA256
    assert [row["distribution_point"] for row in act["partitions"]] == POINTS
    assert act["kinds"] == {KIND.partition("=")[0]: "card-sign", "1.2.3": "card-auth"}
    policy = ("crl_signing", "hold_releasable", "purpose_limited", "serial_ceiling", "tolerances")
    assert [act[name] for name in policy] == ["newest_for_all", True, True, "6acfc0", []]
    for said in (*SHA256, *POINTS, "label: City-12", "1.2.3: card-auth", "crl_signing: newest_for_all"):
        assert said in text
    for said in (
        "hold_releasable: yes",
        "purpose_limited: yes",
        "serial_ceiling: 6acfc0",
        "tolerances: none",
    ):
        assert said in text
    assert "signature_algorithms: " + ", ".join(act["signature_algorithms"]) in text


def test_an_undivided_ca_and_new_keys(shell: Shell) -> None:
    """That there is one list for all; the new keys, and what is allowed because of them."""
    options = ("--undivided", "--no-purpose-limited")
    act, text = _seen(shell, "add", "card-sign", "g1.pem", "--kind", KIND, *options)
    assert act["partitions"][0]["distribution_point_der"] == ""
    for said in ("none: one list for all", "purpose_limited: no", "serial_ceiling: none"):
        assert said in text
    act, text = _seen(shell, "add", "card-sign", "g2.pem", "g3.pem")
    assert [key["sha256"] for key in act["generations"]] == SHA256[1:]
    assert act["signature_algorithms_added"]
    assert all(digest in text for digest in SHA256[1:])


def test_partitions_by_name(shell: Shell) -> None:
    """Opened with point and day; closed with the names that stand, and the successor's; opened again."""
    shell.done(*FOUND)
    new = "CN=Shin-shi CRLDP,OU=Tokyo-to,O=JPKI,C=JP"
    words = ("open-partition", "card-sign", "--point", new, "--label", "Shin-shi", "--on", "2127-04-01")
    act, text = _seen(shell, *words)
    der = act["partitions"][0].pop("distribution_point_der")
    assert act == {
        "partitions": [
            {"number": None, "label": "Shin-shi", "distribution_point": new, "opened": "2127-04-01"}
        ]
    }
    assert der
    assert der not in text
    assert new in text
    many = [str(n) for n in range(1, 13)]
    act, text = _seen(shell, "close-partition", "card-sign", *many, "--successor", "13", "--on", "2127-04-01")
    assert [row["distribution_point"] for row in act["partitions"]] == POINTS
    assert (act["successor"]["label"], act["successor"]["number"]) == ("Shin-shi", 13)
    for said in (*POINTS, "successor:", "label: Shin-shi", "closed: 2127-04-01"):
        assert said in text
    act, text = _seen(shell, "open-partition", "card-sign", "--number", "2")
    assert act["partitions"][0]["label"] == "City-2"
    assert "successor: 13" in text
    act, text = _seen(shell, "close-partition", "card-sign", "2", "--none-left")
    assert act["successor"] == "without a successor: no valid certificate of it is left"
    assert text.count("no valid certificate of it is left") == 2  # the summary and the field


def test_tolerances_and_policy(shell: Shell) -> None:
    """Which, on or off; each field that is set, and no other."""
    shell.done(*FOUND)
    act, text = _seen(shell, "tolerate", "card-sign", "missing_crl_number", "on")
    assert act == {"tolerance": "missing_crl_number", "on": True}
    assert "tolerance: missing_crl_number" in text
    words = ("--serial-ceiling", "FF", "--algorithm", "ecdsa-with-SHA256", "--kind", "1.2.3=card-auth")
    act, text = _seen(shell, "set", "card-sign", *words, "--no-purpose-limited")
    assert act == {
        "serial_ceiling": "FF",
        "purpose_limited": False,
        "signature_algorithms": ["ecdsa-with-SHA256"],
        "kinds": {"1.2.3": "card-auth"},
    }
    for said in ("serial_ceiling: FF", "purpose_limited: no", "1.2.3: card-auth"):
        assert said in text


def test_what_would_deceive_the_eye_is_shown_as_code(shell: Shell) -> None:
    """A name that turns the text around, or moves the cursor, in a certificate or a distribution point."""
    ca = pki.make_ca((("C", "JP"), ("O", "JP\u202eKI")), 1, kind="p256", first_key=31)
    write_files(shell.folder, ca)
    act, text = _seen(shell, *FOUND[:3], *FOUND[4:])
    assert "JP\u202eKI" in act["generations"][0]["subject"]
    assert "JP\\u202eKI" in text
    assert "\u202e" not in text


def test_a_damaged_proposal_is_named_beside_the_others(shell: Shell) -> None:
    """Exit code 5, after the good ones; also when it is the only one."""
    shell.as_json(*FOUND, "--by", "Sato")
    folder = shell.folder / "jpki-data" / "authority-proposals"
    (folder / "notes.json").write_text("{}")
    found = shell("proposals", "--json")
    assert (found.code, len(found.json["proposals"])) == (5, 1)
    (bad,) = found.json["damaged"]
    assert (bad["file"], bad["error"]) == ("notes.json", "PROPOSAL_DAMAGED")
    text = shell("proposals")
    assert text.code == 5
    assert "PROPOSAL_DAMAGED notes.json" in text.out
    assert SHA256[1] in text.out
    for path in folder.glob("?" * 64 + ".json"):
        path.unlink()
    alone = shell("proposals")
    assert alone.code == 5
    assert "no proposal waits" in alone.out


def test_a_stale_closing_shows_the_numbers_that_stand_no_more(shell: Shell) -> None:
    """The file was changed past the acts: the numbers are shown, without a name, and that it is stale."""
    shell.done(*FOUND)
    shell.as_json("close-partition", "card-sign", "12", "--successor", "1", "--by", "Sato")
    file = shell.folder / "jpki-data" / "authorities.json"
    file.write_text(file.read_text().replace('"number": 12', '"number": 99'))
    (listed,) = shell.as_json("proposals")["proposals"]
    assert listed["stale"]
    assert listed["act"]["partitions"] == [{"number": 12, "label": None}]
    assert "label: none" in shell("proposals").out
