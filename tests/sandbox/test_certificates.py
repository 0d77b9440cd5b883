"""Certificates of the sandbox, read by cryptography and OpenSSL against the profile in jpki.md section 1."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from platform_api.sandbox.ca import SERIAL_CEILING, all_generations
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.kinds import ALL, CARD, MOBILE, OCSP_URLS, POLICY_OIDS, SIGNING
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.names import FURIGANA_FROM
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.settings import Chosen
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from tests.base.eventually import HANG_S
from tests.sandbox.worlds import NOW, RESIDENTS, folder_with_keys


@pytest.fixture(scope="module", params=["four CAs", "phone shares the CA", "P-384 cards"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same people under each setting of the CAs."""
    folder = tmp_path_factory.mktemp("world")
    chosen = {
        "four CAs": Chosen(residents=RESIDENTS),
        "phone shares the CA": Chosen(residents=RESIDENTS, phone_shares_ca=True),
        "P-384 cards": Chosen(residents=RESIDENTS, card_algorithm=Algorithm.P384),
    }[request.param]
    if request.param == "four CAs":
        folder_with_keys(folder)
    opened = World.open(folder, chosen, base=FixedClock(NOW))
    opened.play(NOW - timedelta(minutes=5))
    yield opened
    opened.close()


def _samples(world: World, kind: str) -> list[IssuedCertificate]:
    """Certificates of all generations, valid and revoked."""
    register, _ = world.begun()
    everything = sorted(
        (found for found in register.everything() if found.kind == kind), key=lambda found: found.serial
    )
    return everything[:: max(1, len(everything) // 12)]


def _verified(world: World, issued: IssuedCertificate) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(world.maker.der(issued))
    generation = world.authorities[issued.ca_id].generation(issued.generation)
    certificate.verify_directly_issued_by(generation.certificate)
    return certificate


def test_the_generations_of_a_ca_share_a_name_and_nothing_else(world: World) -> None:
    """One DN, self-signed keys, keyCertSign and cRLSign, no AKI, CRLDP naming itself (section 1.1)."""
    for authority in world.authorities.values():
        certificates = [generation.certificate for generation in authority.generations]
        assert {found.subject for found in certificates} == {authority.issuer}
        assert authority.issuer.rfc4514_string().endswith("O=JPKI-TEST,C=JP")
        for older, newer in itertools.pairwise(certificates):
            assert older.not_valid_before_utc < newer.not_valid_before_utc < older.not_valid_after_utc
            assert older.serial_number < newer.serial_number
            assert older.public_key() != newer.public_key()
        for certificate in certificates:
            certificate.verify_directly_issued_by(certificate)
            usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
            assert usage.critical
            assert usage.value.key_cert_sign
            assert usage.value.crl_sign
            with pytest.raises(x509.ExtensionNotFound):
                certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
            points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
            assert points[0].full_name == [x509.DirectoryName(authority.issuer)]
    names = {authority.issuer for authority in world.authorities.values()}
    assert len(names) == (2 if world.settings.phone_shares_ca else 4)


@pytest.mark.parametrize("kind", ALL)
def test_end_entities_follow_the_profile(world: World, kind: str) -> None:
    """Subject, usages, policy, CRLDP, AIA, AKI, dates and algorithm are those of the kind's profile."""
    samples = _samples(world, kind)
    assert len(samples) >= 10
    for issued in samples:
        authority = world.authorities[issued.ca_id]
        generation = authority.generation(issued.generation)
        certificate = _verified(world, issued)
        place = BY_CODE[issued.municipality_code]
        subject = [(attribute.oid, attribute.value) for attribute in certificate.subject]
        localities = [
            (NameOID.LOCALITY_NAME, place.prefecture_romanised),
            (NameOID.LOCALITY_NAME, place.name_romanised),
        ]
        assert subject[:-1] == [(NameOID.COUNTRY_NAME, "JP"), *(localities if kind in SIGNING else [])]
        common_name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        assert isinstance(common_name, str)
        assert len(common_name) == 23
        assert common_name[14:19] == place.code[:5]
        extensions = certificate.extensions
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        assert (usage.value.digital_signature, usage.value.content_commitment) == (True, kind in SIGNING)
        policies = extensions.get_extension_for_class(x509.CertificatePolicies)
        assert policies.critical
        assert [policy.policy_identifier.dotted_string for policy in policies.value] == [POLICY_OIDS[kind]]
        assert authority.kinds[POLICY_OIDS[kind]] == kind
        point = extensions.get_extension_for_class(x509.CRLDistributionPoints).value[0]
        assert point.full_name is not None
        assert point.full_name[0].value.public_bytes() == authority.points[place.code]
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value[0]
        assert access.access_method == AuthorityInformationAccessOID.OCSP
        assert access.access_location.value == OCSP_URLS[kind]
        identifier = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        assert identifier == generation.subject_key_identifier
        assert certificate.not_valid_before_utc == issued.not_before
        assert certificate.not_valid_after_utc == issued.not_after
        expected = RSAPublicKey if generation.algorithm is Algorithm.RSA else EllipticCurvePublicKey
        assert isinstance(certificate.public_key(), expected)
        if kind in SIGNING:
            with pytest.raises(x509.ExtensionNotFound):
                extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        else:
            usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
            with pytest.raises(x509.ExtensionNotFound):
                extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_cards_and_phones_have_the_algorithms_of_the_setting(world: World) -> None:
    """Cards RSA, their newest key as chosen; phones P-384 with CAs of their own, else as the card's."""
    found = {
        authority.ca_id: [generation.algorithm for generation in authority.generations]
        for authority in world.authorities.values()
    }
    card = [Algorithm.RSA, world.settings.card_algorithm]
    phone = {} if world.settings.phone_shares_ca else {kind: [Algorithm.P384] for kind in MOBILE}
    assert found == {**dict.fromkeys(CARD, card), **phone}


def test_the_other_names_carry_the_four_items(world: World) -> None:
    """Six distinct otherNames and perhaps the reading, each a UTF8String with the register's value."""
    readings = 0
    for issued in (*_samples(world, "card-sign"), *_samples(world, "mobile-sign")):
        names = _verified(world, issued).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = {
            name.type_id.dotted_string: core.UTF8String.load(name.value, strict=True).native
            for name in names.value
            if isinstance(name, x509.OtherName)
        }
        items = issued.items
        assert items is not None
        expected = {
            "1.2.392.200149.8.5.5.1": items.name,
            "1.2.392.200149.8.5.5.2": items.name_substitute_characters,
            "1.2.392.200149.8.5.5.3": items.gender,
            "1.2.392.200149.8.5.5.4": items.date_of_birth,
            "1.2.392.200149.8.5.5.5": items.address,
            "1.2.392.200149.8.5.5.6": items.address_substitute_characters,
        }
        if items.name_furigana is not None:
            assert issued.not_before >= FURIGANA_FROM
            expected["1.2.392.200149.8.5.5.7"] = items.name_furigana
            readings += 1
        assert len(names.value) == len(expected)
        assert found == expected
    assert readings > 0


@pytest.mark.parametrize("kind", ALL)
def test_the_holder_signs_with_the_key_in_the_certificate(world: World, kind: str) -> None:
    """PKCS #1 v1.5 with SHA-256, or ECDSA with SHA-384; the same data give the same signature."""
    issued = _samples(world, kind)[-1]
    signature, algorithm = world.sign(issued, b"data")
    assert world.sign(issued, b"data") == (signature, algorithm)
    public_key = _verified(world, issued).public_key()
    if isinstance(public_key, RSAPublicKey):
        assert algorithm == "RSASSA-PKCS1-v1_5-SHA256"
        public_key.verify(signature, b"data", PKCS1v15(), SHA256())
    else:
        assert isinstance(public_key, EllipticCurvePublicKey)
        assert algorithm == "ECDSA-SHA384"
        public_key.verify(signature, b"data", ec.ECDSA(SHA384()))


def test_serial_numbers_are_dense_over_all_generations(world: World) -> None:
    """One counter for each CA: every number from its first certificate on is taken once, the older first."""
    register, _ = world.begun()
    issued = list(register.everything())
    for authority in world.authorities.values():
        own = [generation.certificate.serial_number for generation in authority.generations]
        mine = [found for found in issued if found.ca_id == authority.ca_id]
        taken = sorted([*(found.serial for found in mine), *own])
        assert taken == list(range(own[0], own[0] + len(taken)))
        for found in mine:
            assert found.serial > own[found.generation - 1]
            assert len(own) == found.generation or found.serial < own[found.generation]
        by_number = sorted(mine, key=lambda found: found.serial)
        assert [found.not_before for found in by_number] == sorted(found.not_before for found in mine)
        assert max(taken) < SERIAL_CEILING
    signing = [found.serial for found in issued if found.ca_id == "card-sign"]
    assert min(signing) < 0x8000 <= max(signing), "numbers with and without a sign octet have to occur"


def test_every_certificate_is_found_by_its_identity_and_no_other(world: World) -> None:
    """CA, issuer key and serial find the very certificate; another CA's or generation's key finds nothing."""
    register, _ = world.begun()
    for issued in register.everything():
        identity = world.identity(issued)
        serial = int(identity["serial_number"], 16)
        assert register.find(identity["ca_id"], identity["issuer_key"], serial) is issued
        for authority, generation in all_generations(world.authorities):
            if generation.key_id != identity["issuer_key"]:
                assert register.find(identity["ca_id"], generation.key_id, serial) is not issued
                if authority.ca_id == issued.ca_id:
                    assert register.find(identity["ca_id"], generation.key_id, serial) is None
    for authority, generation in all_generations(world.authorities):
        own = generation.certificate.serial_number
        for serial in (0, own, SERIAL_CEILING):
            assert register.find(authority.ca_id, generation.key_id, serial) is None
    assert register.find("no-such-ca", "00", 1) is None


def test_openssl_verifies_the_chain(world: World, tmp_path: Path) -> None:
    """`openssl verify` accepts a certificate of each kind and generation below all anchors together."""
    anchors = tmp_path / "anchors.pem"
    anchors.write_text("".join(found.pem for _, found in all_generations(world.authorities)))
    register, _ = world.begun()
    now = world.clock.now()
    chosen = {
        (kind, found.generation): found
        for resident in register.residents.values()
        for kind in ALL
        if (found := resident.valid(kind, now)) is not None
    }
    assert {kind for kind, _ in chosen} == set(ALL)
    for issued in chosen.values():
        file = tmp_path / "certificate.pem"
        pem = x509.load_der_x509_certificate(world.maker.der(issued)).public_bytes(Encoding.PEM)
        file.write_bytes(pem)
        done = subprocess.run(
            ["openssl", "verify", "-attime", str(int(now.timestamp())), "-CAfile", anchors, file],
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_delegated_responder_is_one_below_each_generation(fresh: World) -> None:
    """OCSPSigning, nocheck, digitalSignature under both keys; the same key gets the same certificates."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    first = fresh.responder_certificates(pem)
    assert fresh.responder_certificates(pem) == first
    generations = [generation for _, generation in all_generations(fresh.authorities)]
    assert [row["generation"] for row in first] == [found.key_id for found in generations]
    for row, generation in zip(first, generations, strict=True):
        certificate = x509.load_pem_x509_certificate(row["certificate"].encode())
        certificate.verify_directly_issued_by(generation.certificate)
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usages) == [ExtendedKeyUsageOID.OCSP_SIGNING]
        assert certificate.extensions.get_extension_for_class(x509.OCSPNoCheck).critical is False
        assert certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
        assert certificate.not_valid_before_utc < fresh.clock.now() < certificate.not_valid_after_utc
        assert certificate.public_key() == key
