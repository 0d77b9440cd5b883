"""GeneralNames: read whole, bounded, and compared as RFC 5280 section 7 wants it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.crl.general_names import comparable, is_directory_name, read_general_names, same_general_name
from revocation.der import DerReader
from tests.checker.material import general, named, refusal, uri
from tests.der_writer import name, seq, tlv

_DNS = tlv(0x82, b"crl.example")


def _read(content: bytes) -> tuple[bytes, ...]:
    return read_general_names(DerReader(content), "fullName")


def test_every_name_is_read_in_its_order() -> None:
    """RFC 5280 section 4.2.1.6: a directoryName as its Name, every other form whole with its tag."""
    names = (uri("http://a/1.crl"), named("A"), _DNS, named("B"))
    assert _read(b"".join(map(general, names))) == names


def test_no_name_at_all_is_refused() -> None:
    """RFC 5280 section 4.2.1.6: SEQUENCE SIZE (1..MAX)."""
    error = refusal(_read, b"")
    assert (error.code, error.expected) == ("DER_EXTENSIONS", "fullName: at least one GeneralName")
    assert error.got == "none at byte offset 0"


def test_at_most_64_names_are_read() -> None:
    """A list that nobody has verified yet can not make us remember more."""
    assert len(_read(_DNS * 64)) == 64
    error = refusal(_read, _DNS * 65)
    assert (error.code, error.expected) == ("DER_EXTENSIONS", "fullName: at most 64 names")
    assert error.got == f"more at byte offset {64 * len(_DNS)}"


@pytest.mark.parametrize(
    "content",
    [
        tlv(0xA4, named("A") + named("B")),  # two Names in one directoryName
        tlv(0xA4, tlv(0x31, b"")),  # not a SEQUENCE
        tlv(0xA4, b""),
        b"\x86\x05http:"[:-1],  # cut off
        b"\x86\x80\x00\x00",  # indefinite length
    ],
)
def test_what_is_no_general_name_is_refused(content: bytes) -> None:
    """X.690 section 10.1 and X.680 section 31.2.7: strict DER, one Name under the explicit tag [4]."""
    assert refusal(_read, content).code.startswith("DER_")


def test_only_the_name_of_a_directory_name_is_one() -> None:
    """RFC 5280 section 4.2.1.6: the other eight forms carry context tags."""
    assert is_directory_name(named("A"))
    assert is_directory_name(seq())
    assert not any(map(is_directory_name, (uri("http://a"), _DNS, tlv(0xA0, b""), b"")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (named("City 1"), named("CITY  1 ")),
        (named("A"), name(("C", "JP"), ("CN", "a"), string_tag=0x13)),
        (uri("HTTP://Crl.Example/Path"), uri("http://cRL.example/Path")),
        (uri("ldap://Host:389/cn=A?x"), uri("LDAP://hOST:389/cn=A?x")),
        (uri("http://HOST"), uri("http://host")),
        (uri("a+b.c-1://H/x"), uri("A+B.C-1://h/x")),
        (_DNS, _DNS),
    ],
)
def test_what_is_written_another_way_is_the_same(one: bytes, other: bytes) -> None:
    """RFC 5280 sections 7.1 and 7.4: case and spaces of a DN; scheme and host of a URI."""
    assert same_general_name(one, other)
    assert same_general_name(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (named("City 1"), named("City 2")),
        (uri("http://a/Path"), uri("http://a/path")),
        (uri("http://a/?X"), uri("http://a/?x")),
        (uri("http://a?X"), uri("http://a?x")),
        (uri("http://a#X"), uri("http://a#x")),
        (uri("http://a/http://B"), uri("http://a/http://b")),
        (uri("cn=A"), uri("cn=a")),
        (uri("urn:A"), uri("urn:a")),
        (uri("1://A"), uri("1://a")),
        (uri("http://a"), uri("http://a/")),
        (_DNS, tlv(0x82, b"CRL.example")),  # other forms: octet by octet
        (tlv(0x82, b"http://A"), tlv(0x82, b"http://a")),
        (uri("http://A"), tlv(0x82, b"http://a")),
        (named("A"), tlv(0xA0, named("A"))),
        (named("A"), uri("A")),
    ],
)
def test_what_means_something_else_is_another(one: bytes, other: bytes) -> None:
    """RFC 5280 section 7.4: path and query keep their case; section 4.2.1.6: a form is part of the name."""
    assert not same_general_name(one, other)
    assert not same_general_name(other, one)


def test_a_name_that_is_none_is_refused_when_it_is_read() -> None:
    """RFC 5280 section 4.1.2.4: a directoryName is a Name, of bounded length."""
    for wrong in (seq(tlv(0x31, b"")), seq(seq()), seq(b"\x05\x00" * 3000)):
        assert refusal(_read, general(wrong)).code.startswith("DER_")
        assert refusal(comparable, wrong).code.startswith("DER_")


def test_a_long_uri_takes_no_longer_than_it_is() -> None:
    """RFC 3986 section 3: scheme and host stand at the beginning, and are looked for nowhere else."""
    long = "a" * 200_000
    assert same_general_name(uri(long + "://H"), uri(long + "://h"))
    assert not same_general_name(uri("1" + long + "://H"), uri("1" + long + "://h"))


_TEXTS = st.text(alphabet="aAbB /:?#.-1", max_size=12)
_NAMES = st.one_of(
    _TEXTS.map(lambda text: uri("http://" + text)),
    _TEXTS.map(uri),
    _TEXTS.filter(bool).map(named),
    _TEXTS.map(lambda text: tlv(0x82, text.encode())),
)


@given(_NAMES, _NAMES, _NAMES)
def test_sameness_is_an_equivalence(one: bytes, two: bytes, three: bytes) -> None:
    """RFC 5280 section 7: reflexive, symmetric and transitive, whatever the forms are."""
    assert same_general_name(one, one)
    assert same_general_name(one, two) == same_general_name(two, one)
    if same_general_name(one, two) and same_general_name(two, three):
        assert same_general_name(one, three)
    assert (comparable(one) == comparable(two)) == same_general_name(one, two)
    assert hash(comparable(one)) == hash(comparable(one))


@given(st.text(alphabet="aAbB.-1", max_size=8), st.text(alphabet="aAbB?#/", max_size=8))
def test_a_uri_differs_by_its_tail_only(host: str, tail: str) -> None:
    """RFC 5280 section 7.4: another case of scheme and host is the same; of what follows it is not."""
    one = uri(f"http://{host}/{tail}")
    assert same_general_name(one, uri(f"HTTP://{host.swapcase()}/{tail}"))
    assert same_general_name(one, uri(f"http://{host}/{tail.swapcase()}")) == (tail == tail.swapcase())
