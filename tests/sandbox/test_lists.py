"""Revocation lists of the sandbox, read entry for entry by strangers and compared with the register."""

from __future__ import annotations

import subprocess
from collections import Counter
from datetime import timedelta
from pathlib import Path

from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from platform_api.sandbox.ca import all_generations
from platform_api.sandbox.municipalities import MUNICIPALITIES
from platform_api.sandbox.publications import number_of_day
from platform_api.sandbox.world import World
from tests.base.eventually import HANG_S
from tests.sandbox.worlds import DAY, RESIDENTS, all_lists, open_world, play_days


def test_every_list_is_signed_and_says_what_it_is(played: World) -> None:
    """240 lists: signature, issuer, thisUpdate, nextUpdate 48 h on, AKI, CRLNumber, IDP as the CRLDP."""
    _, publication = played.begun()
    assert len(publication.lists) == 240
    for authority, generation in all_generations(played.authorities):
        key = generation.key.public_key()
        for place in MUNICIPALITIES:
            signed = publication.lists[generation.key_id, place.code]
            found = x509.load_der_x509_crl(signed.der)
            assert found.is_signature_valid(key)
            assert found.issuer == authority.issuer
            assert found.last_update_utc == publication.this_update
            assert found.next_update_utc == publication.this_update + timedelta(hours=48)
            extensions = found.extensions
            identifier = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
            assert identifier.key_identifier == generation.subject_key_identifier
            number = extensions.get_extension_for_class(x509.CRLNumber).value
            assert number.crl_number == number_of_day(publication.day)
            point = extensions.get_extension_for_class(x509.IssuingDistributionPoint)
            assert point.critical
            assert point.value.full_name is not None
            assert point.value.full_name[0].value.public_bytes() == authority.points[place.code]
            assert found.public_bytes(Encoding.DER) == signed.der


def test_entries_are_the_register_entry_for_entry(played: World) -> None:
    """asn1crypto finds exactly the revoked certificates of each partition, with serial, date and reason."""
    register, publication = played.begun()
    expected: dict[tuple[str, str], dict[int, tuple[object, int]]] = {key: {} for key in publication.lists}
    for certificate in register.everything():
        step = certificate.step_at(publication.this_update)
        if step is not None:
            generation = played.authorities[certificate.ca_id].generation(certificate.generation)
            rows = expected[generation.key_id, certificate.municipality_code]
            rows[certificate.serial] = (step.at, step.reason)
    reasons = {
        "key_compromise": 1,
        "affiliation_changed": 3,
        "superseded": 4,
        "cessation_of_operation": 5,
        "certificate_hold": 6,
    }
    for key, signed in publication.lists.items():
        parsed = asn1_crl.CertificateList.load(signed.der, strict=True)
        assert parsed["tbs_cert_list"]["version"].native == "v2"
        entries = parsed["tbs_cert_list"]["revoked_certificates"]
        found = {
            entry["user_certificate"].native: (
                entry["revocation_date"].native,
                reasons[entry.crl_reason_value.native],
            )
            for entry in entries
        }
        assert found == expected[key]
        assert len(entries) == len(found)
        # RFC 5280 section 5.1.2.6: an empty list leaves the field out.
        assert bool(found) == (entries.dump() != b"")


def test_the_past_fills_the_lists_of_both_generations(tmp_path: Path) -> None:
    """2,000 people begin with thousands of entries; each generation has reasons 1, 3, 4, 5 and 6."""
    world = open_world(tmp_path, residents=2000)
    play_days(world, 0)
    register, publication = world.begun()
    assert publication.entries > 2000
    for number in (1, 2):
        reasons = Counter(
            certificate.steps[-1].reason
            for certificate in register.everything()
            if certificate.steps and certificate.generation == number
        )
        assert set(reasons) == {1, 3, 4, 5, 6}
        assert min(reasons.values()) >= 10
    valid = Counter(
        certificate.generation
        for resident in register.residents.values()
        if (certificate := resident.valid_certificate(world.clock.now())) is not None
    )
    assert sum(valid.values()) > 1600
    assert min(valid.values()) > 300
    world.close()


def test_no_entry_of_a_card_ever_leaves_and_numbers_rise(tmp_path: Path) -> None:
    """From day to day every list of a card's CA keeps all its entries; every cRLNumber rises by one."""
    world = open_world(tmp_path)
    previous: dict[tuple[str, str], tuple[int, set[int]]] = {}
    grown = 0
    phones = {
        generation.key_id
        for authority, generation in all_generations(world.authorities)
        if authority.profile.hold_releasable
    }
    for back in range(4, -1, -1):
        world.play(world.clock.real_now() - timedelta(minutes=5) - back * DAY)
        for key, der in all_lists(world).items():
            found = x509.load_der_x509_crl(der)
            number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            serials = {entry.serial_number for entry in found}
            if key in previous:
                assert number == previous[key][0] + 1
                assert serials >= previous[key][1] or key[0] in phones
                grown += len(serials) - len(previous[key][1])
            previous[key] = (number, serials)
    assert grown >= 4 * 8
    world.close()


def test_openssl_agrees_with_the_lists(played: World, tmp_path: Path) -> None:
    """`openssl crl -verify` accepts lists; `verify -crl_check` accepts a good, refuses a revoked one."""
    register, publication = played.begun()
    at = str(int(played.clock.now().timestamp()))
    for authority, generation in all_generations(played.authorities):
        anchor = tmp_path / f"{authority.ca_id}-{generation.number}.pem"
        anchor.write_text(generation.pem)
        revoked = next(
            certificate
            for certificate in register.everything()
            if certificate.revoked
            and certificate.ca_id == authority.ca_id
            and certificate.generation == generation.number
            and certificate.not_after > played.clock.now()
        )
        good = next(
            certificate
            for resident in register.residents.values()
            for kind in authority.profile.kinds
            if (certificate := resident.valid(kind, played.clock.now())) is not None
            and certificate.generation == generation.number
        )
        for certificate, accepted in ((revoked, False), (good, True)):
            listed = tmp_path / "list.pem"
            der = publication.lists[generation.key_id, certificate.municipality_code].der
            listed.write_bytes(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))
            done = _openssl("crl", "-in", listed, "-noout", "-verify", "-CAfile", anchor)
            assert "verify OK" in done.stderr
            file = tmp_path / "certificate.pem"
            issued = x509.load_der_x509_certificate(played.maker.der(certificate))
            file.write_bytes(issued.public_bytes(Encoding.PEM))
            done = _openssl(
                "verify", "-attime", at, "-crl_check", "-CAfile", anchor, "-CRLfile", listed, file
            )
            assert (done.returncode == 0) is accepted, done.stdout + done.stderr
            if not accepted:
                assert "certificate revoked" in done.stdout + done.stderr


def _openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *arguments], capture_output=True, text=True, timeout=HANG_S, check=False
    )


def test_the_population_of_the_tests_is_small(played: World) -> None:
    """The shared world has exactly the residents that it was founded with, apart from those long gone."""
    register, _ = played.begun()
    living = [resident for number, resident in register.residents.items() if number <= RESIDENTS]
    assert len(living) == RESIDENTS
    assert all(resident.struck for number, resident in register.residents.items() if number > RESIDENTS)
