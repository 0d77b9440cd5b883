"""`jpki authority`: proposals, approvals, show and check, each with its exit code and its JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import pki
from tests.base.authority_cli import FOUND, Shell, real_ca, write_files

CA = real_ca()
USAGE = {
    "ALGORITHM_UNKNOWN",
    "CA_ID_MALFORMED",
    "CRL_SIGNING_UNKNOWN",
    "DAY_MALFORMED",
    "FINGERPRINT_MALFORMED",
    "KIND_MALFORMED",
    "KIND_REQUIRED",
    "LABEL_REQUIRED",
    "OPTIONS_UNCLEAR",
    "PARTITIONS_REQUIRED",
    "SERIAL_MALFORMED",
    "SWITCH_UNKNOWN",
    "TOLERANCE_UNKNOWN",
}


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    write_files(tmp_path, CA)
    made = Shell(tmp_path, monkeypatch, capsys)
    made.mode("sandbox")
    return made


@pytest.fixture
def founded(shell: Shell) -> Shell:
    assert shell.done(*FOUND)["version"] == 1
    return shell


def test_two_people_take_in_a_ca(shell: Shell) -> None:
    """Proposed, looked at, approved, shown: with the id that every command names."""
    proposed = shell.as_json(*FOUND, "--by", "Sato", "--reason", "contract")
    assert (proposed["kind"], proposed["base_version"], proposed["stale"]) == ("add_authority", 0, False)
    waiting = shell.as_json("proposals")["proposals"]
    assert waiting == [proposed]
    assert proposed["proposal_id"] in shell("proposals").out
    approved = shell.as_json("approve", proposed["proposal_id"], "--by", "Suzuki")
    assert (approved["version"], approved["proposed_by"], approved["approved_by"]) == (1, "Sato", "Suzuki")
    assert (approved["reason"], approved["already"]) == ("contract", False)
    again = shell("approve", proposed["proposal_id"], "--by", "Suzuki", "--json")
    assert (again.code, again.json["already"]) == (3, True)
    nothing = shell("proposals", "--json")
    assert (nothing.code, nothing.json) == (3, {"proposals": [], "damaged": []})


def test_show_tells_keys_partitions_policy_and_acts(founded: Shell) -> None:
    """As JSON whole; for people with the fingerprints uncut; --partitions by number and name."""
    shown = founded.as_json("show", "card-sign", "--partitions")
    (authority,) = shown["authorities"]
    assert [key["generation"] for key in authority["generations"]] == ["g1", "g2"]
    assert authority["generations"][0]["key"] == "EC secp256r1"
    assert authority["generations"][0]["subject"] == "OU=JPKI for digital signature,O=JPKI,C=JP"
    assert authority["generations"][0]["not_after"] == "2029-09-14T00:00:00Z"
    assert authority["partition_counts"] == {"open": 3, "closed": 0, "not_yet_open": 0}
    assert authority["partitions"][1]["distribution_point"] == "CN=City-2 CRLDP,OU=Tokyo-to,O=JPKI,C=JP"
    assert (authority["purpose_limited"], authority["hold_releasable"]) == (True, False)
    assert [act["summary"][:16] for act in shown["acts"]] == ["add CA card-sign"]
    assert "partitions" not in founded.as_json("show")["authorities"][0]
    text = founded("show", "--partitions").out
    assert authority["generations"][1]["sha256"] in text
    assert "CN=City-2 CRLDP" in text
    unknown = founded("show", "nobody", "--json")
    assert (unknown.code, unknown.json["error"]) == (5, "CA_UNKNOWN")


def test_partitions_open_close_and_open_again(founded: Shell) -> None:
    """A merger ahead: 1 and 2 into a new 4 on its day; the counts are those of today."""
    point = "CN=Shin-shi CRLDP,OU=Tokyo-to,O=JPKI,C=JP"
    words = ("open-partition", "card-sign", "--point", point, "--label", "Shin-shi", "--on", "2127-04-01")
    assert founded.done(*words)["version"] == 2
    closing = ("close-partition", "card-sign", "1", "2", "--successor", "4", "--on", "2127-04-01")
    assert "close partitions 1, 2" in founded.done(*closing)["summary"]
    (authority,) = founded.as_json("show", "--partitions")["authorities"]
    assert authority["partition_counts"] == {"open": 3, "closed": 0, "not_yet_open": 1}
    assert authority["partitions"][0]["closed"] == "2127-04-01"
    assert authority["partitions"][0]["successor"] == 4
    founded.done("open-partition", "card-sign", "--number", "2")
    founded.done("close-partition", "card-sign", "3", "--none-left")
    (authority,) = founded.as_json("show", "--partitions")["authorities"]
    assert [row["state"] for row in authority["partitions"]] == ["open", "open", "closed", "not_yet_open"]
    assert founded.as_json("show")["version"] == 5


def test_a_new_list_opens_its_partition(founded: Shell) -> None:
    """The CRL of the new municipality is what the operator has: its point is taken from it."""
    der = pki.build_crl(CA.generations[1], dn=CA.subject, distribution_point=pki.point(9))
    (founded.folder / "131016.crl").write_bytes(der)
    founded.done("open-partition", "card-sign", "131016.crl")
    row = founded.as_json("show", "--partitions")["authorities"][0]["partitions"][-1]
    assert (row["number"], row["label"], row["state"]) == (4, "131016", "open")


def test_tolerances_policy_and_new_keys(founded: Shell) -> None:
    """Each by two people, each a version."""
    founded.done("tolerate", "card-sign", "missing_crl_number", "on")
    assert founded.as_json("show")["authorities"][0]["tolerances"] == ["missing_crl_number"]
    founded.done("tolerate", "card-sign", "missing_crl_number", "off")
    founded.done("set", "card-sign", "--serial-ceiling", "7000000", "--hold-releasable")
    founded.done("add", "card-sign", "g3.pem")
    (authority,) = founded.as_json("show")["authorities"]
    assert authority["tolerances"] == []
    assert (authority["serial_ceiling"], authority["hold_releasable"]) == ("7000000", True)
    assert [key["generation"] for key in authority["generations"]] == ["g1", "g2", "g3"]


def test_an_undivided_ca_with_every_option(shell: Shell) -> None:
    """One list for all, its mode, algorithms, ceiling and what it is not limited to."""
    options = ("--undivided", "--crl-signing", "newest_for_all", "--algorithm", "ecdsa-with-SHA256")
    policy = ("--hold-releasable", "--no-purpose-limited", "--serial-ceiling", "FF")
    shell.done("add", "phones", "g1.pem", "--kind", "1.2.3=mobile-sign", *options, *policy)
    (authority,) = shell.as_json("show", "--partitions")["authorities"]
    assert authority["crl_signing"] == "newest_for_all"
    assert authority["signature_algorithms"] == ["ecdsa-with-SHA256"]
    assert (authority["hold_releasable"], authority["purpose_limited"]) == (True, False)
    assert (authority["serial_ceiling"], authority["partitions"][0]["distribution_point"]) == ("ff", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "card-sign", "g3.pem", "--undivided"), "OPTION_NOT_FOR_KNOWN_CA"),
        (("add", "card-sign", "g1.pem"), "KEY_KNOWN"),
        (("add", "other", "g3.pem", "--undivided", "--kind", "1.2.3=card-sign"), "CA_NAME_TAKEN"),
        (("add", "other", "g3.pem", "--undivided"), "KIND_REQUIRED"),
        (("add", "other", "g3.pem", "--undivided", "--kind", "1.2.3=cat"), "KIND_MALFORMED"),
        (("add", "other", "g3.pem", "--kind", "1.2.3=card-sign"), "PARTITIONS_REQUIRED"),
        (
            (
                "add",
                "other",
                "g3.pem",
                "--kind",
                "1.2=card-sign",
                "--undivided",
                "--partitions",
                "points.csv",
            ),
            "PARTITIONS_REQUIRED",
        ),
        (
            ("add", "other", "g3.pem", "--kind", "1.2=card-sign", "--undivided", "--crl-signing", "all"),
            "CRL_SIGNING_UNKNOWN",
        ),
        (("add", "card-sign", "leaf.pem"), "CA_CERTIFICATE_REFUSED"),
        (("add", "card-sign", "key.pem"), "PRIVATE_KEY_GIVEN"),
        (("add", "card-sign", "none.pem"), "FILE_UNREADABLE"),
        (("add", "card-sign", "points.csv"), "CERTIFICATE_FILE_MALFORMED"),
        (("add", "card-sign", "."), "FILE_UNREADABLE"),
        (("add", "Card_Sign", "g3.pem"), "CA_ID_MALFORMED"),
        (("add", "card-sign", "g3.pem", "--algorithm", "sha1WithRSAEncryption"), "ALGORITHM_UNKNOWN"),
        (("add", "card-sign", "g3.pem", "--fingerprint", "ab"), "FINGERPRINT_MALFORMED"),
        (("add", "other", "g3.pem", "--undivided", "--kind", "1.x=card-sign"), "KIND_MALFORMED"),
        (("tolerate", "card-sign", "everything", "on"), "TOLERANCE_UNKNOWN"),
        (("tolerate", "card-sign", "explicit_default", "yes"), "SWITCH_UNKNOWN"),
        (("tolerate", "card-sign", "explicit_default", "off"), "ACT_CHANGES_NOTHING"),
        (("set", "card-sign", "--algorithm", "sha1WithRSAEncryption"), "ALGORITHM_UNKNOWN"),
        (("set", "card-sign", "--serial-ceiling", "0x1"), "SERIAL_MALFORMED"),
        (("open-partition", "card-sign"), "OPTIONS_UNCLEAR"),
        (("open-partition", "card-sign", "points.csv", "--number", "1"), "OPTIONS_UNCLEAR"),
        (("open-partition", "card-sign", "points.csv"), "PARTITION_KNOWN"),
        (
            ("open-partition", "card-sign", "--point", "here", "--label", "x"),
            "DISTRIBUTION_POINT_MALFORMED",
        ),
        (("open-partition", "card-sign", "--point", "CN=x"), "LABEL_REQUIRED"),
        (("close-partition", "card-sign", "1", "--none-left", "--on", "tomorrow"), "DAY_MALFORMED"),
        (("close-partition", "card-sign", "1"), "OPTIONS_UNCLEAR"),
        (("close-partition", "card-sign", "1", "--successor", "2", "--none-left"), "OPTIONS_UNCLEAR"),
        (("close-partition", "card-sign", "1", "--successor", "1"), "AUTHORITY_MALFORMED"),
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence(founded: Shell, words: tuple[str, ...], code: str) -> None:
    """Exit code 5 (2 where the words are wrong whatever stands, 6 where the disk says no), the code, and no
    proposal is left.
    """
    key = CA.generations[0].private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (founded.folder / "key.pem").write_bytes(key)
    (founded.folder / "leaf.pem").write_bytes(pki.issue(CA).public_bytes(Encoding.PEM))
    refused = founded(*words, "--by", "Sato", "--json")
    expected = 6 if code == "FILE_UNREADABLE" else 2 if code in USAGE else 5
    assert (refused.code, refused.json["error"]) == (expected, code)
    assert refused.json["remedy"]
    assert refused.err.count("\n") == 1
    assert key.decode().splitlines()[1] not in refused.out + refused.err
    assert founded("proposals").code == 3


def test_approving_and_rejecting_go_wrong_by_code(founded: Shell) -> None:
    """The same name, an unknown id, a stale proposal; a rejected one is gone."""
    first = founded.as_json("tolerate", "card-sign", "explicit_default", "on", "--by", "Sato")["proposal_id"]
    other = founded.as_json("tolerate", "card-sign", "missing_crl_number", "on", "--by", "Mori")[
        "proposal_id"
    ]
    assert founded("approve", first, "--by", "SATO", "--json").json["error"] == "SECOND_PERSON_REQUIRED"
    assert founded("approve", "0" * 16, "--by", "Suzuki", "--json").json["error"] == "PROPOSAL_UNKNOWN"
    assert founded("approve", first, "--by", "Suzuki").code == 0
    assert founded("approve", other, "--by", "Suzuki", "--json").json["error"] == "PROPOSAL_STALE"
    assert "stale" in founded("proposals").out
    rejected = founded.as_json("reject", other, "--by", "Mori", "--reason", "another came first")
    assert rejected["rejected"] is True
    assert founded("proposals").code == 3


def test_check_of_what_stands(founded: Shell, shell: Shell) -> None:
    """0 with notes only, 4 with a warning, 5 with an error; JSON carries the findings."""
    quiet = founded("check", "--json")
    assert (quiet.code, [one["severity"] for one in quiet.json["findings"]]) == (0, ["note"])
    founded.done("set", "card-sign", "--serial-ceiling", "FFFFFF")
    assert "all right" in founded("check").out
    founded.done("close-partition", "card-sign", "1", "--none-left")
    warned = founded("check", "--json")
    assert (warned.code, warned.json["findings"][0]["code"]) == (4, "CLOSED_WITHOUT_SUCCESSOR")
    file = founded.folder / "jpki-data" / "authorities.json"
    file.write_text(file.read_text().replace('"hold_releasable": false', '"hold_releasable": true'))
    wrong = founded("check", "--json")
    assert (wrong.code, wrong.json["findings"][0]["code"]) == (5, "CHANGED_PAST_THE_ACTS")
    assert "CHANGED_PAST_THE_ACTS" in founded("check").out
    file.write_text("{}")
    assert founded("check", "--json").json["error"] == "AUTHORITY_MALFORMED"


def test_check_of_files_says_what_adding_would_do(founded: Shell) -> None:
    """A new key of a known CA, one that is there, a new CA, a leaf: nothing is changed."""
    other = pki.make_ca((("C", "JP"), ("O", "Other")), 1, kind="p256", first_key=30).certificates[0]
    (founded.folder / "other.pem").write_bytes(other.public_bytes(Encoding.PEM))
    (founded.folder / "leaf.pem").write_bytes(pki.issue(CA).public_bytes(Encoding.PEM))
    found = founded("check", "g1.pem", "g3.pem", "other.pem", "--json")
    assert found.code == 0
    assert [one["would"] for one in found.json["certificates"]] == [
        "nothing: it is g1 of card-sign",
        "become g3 of card-sign",
        "found a new CA: its DN is none of ours",
    ]
    leaf = founded("check", "g3.pem", "leaf.pem", "g3.pem", "--json")
    assert leaf.code == 5
    assert [one["file"] for one in leaf.json["certificates"]] == ["g3.pem", "leaf.pem"]
    assert "leaf.pem: -" in founded("check", "leaf.pem").out
    assert leaf.json["certificates"][1]["problem"].startswith("CA_CERTIFICATE_REFUSED")
    assert "become g3" in founded("check", "g3.pem").out
    over = pki.ca_certificate(pki.key("p256", 40), CA.dn, datetime(2001, 1, 1, tzinfo=UTC))
    (founded.folder / "over.pem").write_bytes(over.public_bytes(Encoding.PEM))
    expired = founded("check", "over.pem", "--json")
    assert (expired.code, expired.json["certificates"][0]["would"]) == (4, "become g1 of card-sign")
    assert expired.json["certificates"][0]["warning"].startswith("KEY_EXPIRED")
    assert founded("proposals").code == 3


def test_where_the_newest_key_signs_for_all_check_says_what_a_new_one_changes(shell: Shell) -> None:
    """Lists would have to be signed by it from then on, or from the day that it begins; an older key changes
    nothing of that.
    """
    options = ("--undivided", "--crl-signing", "newest_for_all", "--kind", "1.2.3=mobile-sign")
    shell.done("add", "phones", "g1.pem", *options)
    over = pki.ca_certificate(pki.key("p256", 40), CA.dn, datetime(2001, 1, 1, tzinfo=UTC))
    (shell.folder / "over.pem").write_bytes(over.public_bytes(Encoding.PEM))
    newer, older = (
        shell("check", name, "--json").json["certificates"][0]["would"] for name in ("g2.pem", "over.pem")
    )
    assert newer == "become g2 of phones; lists would have to be signed by it from then on"
    assert older == "become g1 of phones"
    next_key = pki.ca_certificate(pki.key("p256", 41), CA.dn, datetime(2127, 3, 31, 15, tzinfo=UTC))
    (shell.folder / "next.pem").write_bytes(next_key.public_bytes(Encoding.PEM))
    said = shell.as_json("check", "next.pem")["certificates"][0]["would"]
    assert said == "become g2 of phones; lists would have to be signed by it from 2127-04-01 on"


def test_without_a_file_show_and_check_point_at_add(shell: Shell) -> None:
    """And nothing is made on the way."""
    for command in ("show", "check"):
        missing = shell(command, "--json")
        assert (missing.code, missing.json["error"]) == (5, "AUTHORITIES_MISSING")
        assert "jpki authority add" in missing.json["remedy"]
    assert not (shell.folder / "jpki-data").exists()


@pytest.mark.parametrize(
    "command",
    [
        "add",
        "tolerate",
        "open-partition",
        "close-partition",
        "set",
        "proposals",
        "approve",
        "reject",
        "show",
        "check",
    ],
)
def test_every_command_has_help_with_an_example(shell: Shell, command: str) -> None:
    """--help and --json, everywhere."""
    text = shell(command, "--help").out
    assert "Example: jpki authority" in text
    assert "--json" in text
