"""Who signed: issuer, keys by AKI and by signature, each key for itself; and nothing else before that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from revocation.authorities import Authority, SignatureAlgorithm
from revocation.crl.decode import decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from tests import pki
from tests.pki import T0, seq, tlv
from tests.revocation.acceptance import MINUTE, Seen, accept, refusal_of

_ALL = frozenset(SignatureAlgorithm)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """Two RSA generations under one DN."""
    return pki.make_ca()


@pytest.fixture(scope="module")
def authority(ca: pki.CA) -> Authority:
    """All algorithms that exist are allowed, unless a test says otherwise."""
    return ca.authority(signature_algorithms=_ALL)


def verified(der: bytes, authority: Authority) -> bytes:
    return verify_list(decode_certificate_list(der), authority).key_id


def refused(der: bytes, authority: Authority) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        verified(der, authority)
    assert caught.value.expected
    assert caught.value.got
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("number", [0, 1])
def test_item_50_one_dn_two_keys_the_aki_chooses(ca: pki.CA, authority: Authority, number: int) -> None:
    """T10: after a roll-over both keys sign under one DN; each list belongs to the key that it names."""
    signer = ca.generations[number]
    assert verified(pki.build_crl(signer), authority) == signer.key_id


_ISSUER_AND_SERIAL = (tlv(0xA1, tlv(0xA4, pki.name(*pki.SIGN_DN))), tlv(0x82, b"\x01"))


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    "fields",
    [
        None,
        (),
        (tlv(0x80, b"another way of computing it"),),
        _ISSUER_AND_SERIAL,
        (tlv(0x80, b"another way of computing it"), *_ISSUER_AND_SERIAL),
    ],
)
def test_item_50_without_a_known_key_identifier_the_signature_finds_the_key(
    ca: pki.CA, authority: Authority, number: int, fields: tuple[bytes, ...] | None
) -> None:
    """No AKI, an empty one, an unknown one, issuer and serial only (that of g1): the signature decides."""
    signer = ca.generations[number]
    extra = [] if fields is None else [pki.extension("2.5.29.35", seq(*fields))]
    der = pki.build_crl(signer, aki=None, extra_extensions=extra)
    assert verified(der, authority) == signer.key_id
    foreign = pki.build_crl(signer, aki=None, extra_extensions=extra, private=pki.key("rsa", 9))
    assert refused(foreign, authority).code == "SIGNATURE_INVALID"


@pytest.mark.parametrize("number", [0, 1])
def test_item_50_a_list_that_names_the_other_key(ca: pki.CA, authority: Authority, number: int) -> None:
    """The AKI of one generation and the signature of the other contradict each other: refused by name."""
    signer, other = ca.generations[number], ca.generations[1 - number]
    error = refused(pki.build_crl(signer, aki=other.ski), authority)
    assert error.code == "SIGNATURE_INVALID"
    assert authority.generations[1 - number].name in error.got


def test_two_keys_with_one_identifier(ca: pki.CA, authority: Authority) -> None:
    """A key identifier is no key: where two generations bear the same, the signature decides between them."""
    one, other = authority.generations
    shared = tuple(replace(g, subject_key_identifier=b"shared") for g in (one, other))
    confused = replace(authority, generations=shared)
    for signer in ca.generations:
        assert verified(pki.build_crl(signer, aki=b"shared"), confused) == signer.key_id


def test_item_46_bad_signatures(ca: pki.CA, authority: Authority) -> None:
    """The right issuer name over a flipped bit, over a foreign key, over nothing: refused, named or not."""
    signer = ca.generations[0]
    for forged in (
        pki.build_crl(signer, corrupt_signature=True),
        pki.build_crl(signer, aki=None, corrupt_signature=True),
        pki.build_crl(signer, private=pki.key("rsa", 9)),
        pki.build_crl(signer, aki=None, private=pki.key("rsa", 9)),
    ):
        error = refused(forged, authority)
        assert error.code == "SIGNATURE_INVALID"
        assert authority.ca_id in error.expected
    whole = decode_certificate_list(pki.build_crl(signer))
    for size in (1, 255, 257, 4096):
        der = seq(bytes(whole.tbs), whole.outer_signature_algorithm, tlv(0x03, bytes(size + 1)))
        assert refused(der, authority).code == "SIGNATURE_INVALID"


def test_item_46_the_text_tells_a_named_key_from_none(ca: pki.CA, authority: Authority) -> None:
    """A key of ours that was named and did not sign is another matter than no key at all."""
    signer = ca.generations[1]
    named = refused(pki.build_crl(signer, corrupt_signature=True), authority).got
    tried = refused(pki.build_crl(signer, aki=None, corrupt_signature=True), authority).got
    assert "g2" in named
    assert "none of its keys" in tried


def test_a_changed_entry_breaks_the_signature(ca: pki.CA, authority: Authority) -> None:
    """What is signed is what is decoded."""
    der = pki.build_crl(ca.generations[0], entries=[pki.entry(0x12345678)])
    forged = der.replace(b"\x12\x34\x56\x78", b"\x12\x34\x56\x79")
    assert forged != der
    assert refused(forged, authority).code == "SIGNATURE_INVALID"


def test_a_foreign_issuer(ca: pki.CA, authority: Authority) -> None:
    """The DN decides which authority; ours signed under another DN is not ours."""
    foreign = pki.build_crl(ca.generations[0], dn=pki.name(("C", "JP"), ("O", "Other")))
    error = refused(foreign, authority)
    assert error.code == "ISSUER_UNKNOWN"
    assert authority.ca_id in error.expected


def _reencoded() -> list[bytes]:
    """The CA's DN in other octets that RFC 5280 section 7.1 calls equal."""
    upper = [(kind, text.upper()) for kind, text in pki.SIGN_DN]
    spaces = [(kind, f"  {text.replace(' ', '   ')} " if kind != "C" else text) for kind, text in pki.SIGN_DN]
    return [
        pki.name(*pki.SIGN_DN, string_tag=0x13),
        pki.name(*upper),
        pki.name(*spaces),
        pki.name(*upper, string_tag=0x13),
    ]


@pytest.mark.parametrize("dn", _reencoded())
def test_item_49_the_issuer_in_other_octets(ca: pki.CA, authority: Authority, dn: bytes) -> None:
    """String type, case and spaces do not make another issuer: taken, and for this CA alone."""
    signer = ca.generations[0]
    assert dn != authority.subject
    assert accept(ca, dn=dn)
    assert verified(pki.build_crl(signer, dn=dn), authority) == signer.key_id
    foreign = pki.make_ca((("C", "JP"), ("O", "Other")), 1, first_key=5).authority("other")
    assert refused(pki.build_crl(signer, dn=dn), foreign).code == "ISSUER_UNKNOWN"


@pytest.mark.parametrize(
    "changed",
    [
        (*pki.SIGN_DN[:3], ("OU", "Japan Agency for Local Authority Information  System")),
        pki.SIGN_DN[:3],
        (*pki.SIGN_DN, ("OU", "one more")),
        (pki.SIGN_DN[0], pki.SIGN_DN[1], pki.SIGN_DN[3], pki.SIGN_DN[2]),
        (("C", "KR"), *pki.SIGN_DN[1:]),
    ],
)
def test_item_49_another_name_is_another_issuer(
    ca: pki.CA, authority: Authority, changed: tuple[tuple[str, str], ...]
) -> None:
    """One letter, one RDN less or more, another order: refused loudly, though our own key signed it."""
    assert (
        refused(pki.build_crl(ca.generations[0], dn=pki.name(*changed)), authority).code == "ISSUER_UNKNOWN"
    )


def test_item_47_inner_and_outer_algorithm_differ(ca: pki.CA, authority: Authority) -> None:
    """RFC 5280 section 5.1.1.2: the same octets; NULL here and absent there are two."""
    for outer in ("sha256WithRSAEncryption-no-null", "sha512WithRSAEncryption", "sha1WithRSAEncryption"):
        der = pki.build_crl(ca.generations[0], outer_algorithm=pki.ALGORITHMS[outer])
        assert refused(der, authority).code == "ALGORITHM_MISMATCH"


def test_t13_another_ca_with_the_same_dn(ca: pki.CA) -> None:
    """Whoever calls himself our CA: named by his key or by ours, he signs nothing for us."""
    impostor = pki.make_ca(first_key=5)
    assert impostor.subject == ca.subject
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    for aki in (impostor.generations[0].ski, ca.generations[0].ski, None):
        der = pki.build_crl(impostor.generations[0], distribution_point=pki.point(1), aki=aki)
        assert refusal_of(der, authority, scope).code == "SIGNATURE_INVALID"


def test_t13_a_list_signed_by_a_leaf(ca: pki.CA) -> None:
    """A holder's key under the CA's name, or under his own: neither is a key of the authority."""
    private = pki.key("p256", 77)
    leaf = pki.SigningGeneration(private, pki.issue(ca, public_key=private.public_key()))
    authority = ca.authority(signature_algorithms=_ALL)
    scope = authority.expected_lists()[0]
    named = pki.build_crl(leaf, distribution_point=pki.point(1))
    assert refusal_of(named, authority, scope).code == "SIGNATURE_INVALID"
    subject = leaf.certificate.subject.public_bytes()
    own = pki.build_crl(leaf, dn=subject, distribution_point=pki.point(1))
    assert refusal_of(own, authority, scope).code == "ISSUER_UNKNOWN"


def test_item_77_a_key_that_was_taken_out(ca: pki.CA) -> None:
    """A generation removed from the authority signs nothing any more, nor does a removed CA."""
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    without = replace(authority, generations=authority.generations[1:])
    der = pki.crl_for(ca, scope)
    assert refusal_of(der, without, without.expected_lists()[0]).code == "SIGNATURE_INVALID"
    other = pki.make_ca((("C", "JP"), ("O", "Other")), 1, first_key=5).authority("other")
    assert refusal_of(der, other, other.expected_lists()[0]).code == "ISSUER_UNKNOWN"


@pytest.mark.parametrize(
    "also_wrong",
    [
        {"distribution_point": pki.point(2)},
        {"idp": None},
        {"number": None},
        {"number": 0},
        {"this_update": T0 + 600 * MINUTE, "next_update": T0 + 900 * MINUTE},
        {"next_update": T0 - MINUTE},
        {"delta_base": 1},
        {"extra_extensions": [pki.extension("1.2.3", b"", critical=True)]},
        {"idp_critical": False},
    ],
)
def test_nothing_of_an_unverified_list_decides(ca: pki.CA, also_wrong: dict[str, Any]) -> None:
    """Whatever else a forged list says wrongly, what is reported is its signature: the rest is hearsay."""
    authority = ca.authority()
    scope = authority.expected_lists()[0]
    mark = Seen(5, T0 - MINUTE)
    honest = pki.crl_for(ca, scope, **also_wrong)
    assert refusal_of(honest, authority, scope, mark=mark).code != "SIGNATURE_INVALID"
    forged = pki.crl_for(ca, scope, corrupt_signature=True, **also_wrong)
    assert refusal_of(forged, authority, scope, mark=mark).code == "SIGNATURE_INVALID"
