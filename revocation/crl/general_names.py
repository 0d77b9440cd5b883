"""GeneralNames (RFC 5280 section 4.2.1.6): read whole, and compared as section 7 wants it.

A directoryName stands as the DER of its Name; any other form stands whole, with its context tag.
"""

from __future__ import annotations

import re
from typing import Final

from revocation.der import SEQUENCE, DerReader, refused
from revocation.distinguished_names import canonical_name

_MAX_NAMES: Final = 64
_DIRECTORY_NAME: Final = 0xA4
_URI: Final = 0x86
#: RFC 3986 sections 3.1 and 3.2: scheme, "://", authority; what follows is compared as it stands. Only ever
#: matched at the beginning: whoever writes the name would decide how long a search takes.
_SCHEME_AND_HOST: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def read_general_names(names: DerReader, what: str) -> tuple[bytes, ...]:
    """Every name of the content of a GeneralNames: at least one, a bounded number."""
    found: list[bytes] = []
    while names.peek() != -1:
        at = names.at
        if len(found) == _MAX_NAMES:
            raise refused("DER_EXTENSIONS", what, at, f"at most {_MAX_NAMES} names", "more")
        tag, start, end = names.header("GeneralName")
        if tag == _DIRECTORY_NAME:
            # Name is a CHOICE, so its tag [4] is explicit (X.680 section 31.2.7).
            choice = DerReader(names.data, start, end)
            name = choice.raw(SEQUENCE, "directoryName")
            choice.finish("directoryName")
            # What is no Name is refused here, and not when somebody compares it.
            canonical_name(name)
            found.append(name)
        else:
            found.append(bytes(names.data[at:end]))
    if not found:
        raise refused("DER_EXTENSIONS", what, names.at, "at least one GeneralName", "none")
    return tuple(found)


def is_directory_name(name: bytes) -> bool:
    """Whether this is the Name of a directoryName, and no other form."""
    return name[:1] == b"\x30"


def comparable(name: bytes) -> object:
    """Equal for names that are the same: RFC 5280 section 7.1 for directory names, 7.4 for URIs.

    Other forms are compared octet by octet. ``InputRefused`` for a directory name that is none, or too long.
    """
    if is_directory_name(name):
        return canonical_name(name)
    if name[:1] != bytes([_URI]):
        return name
    # Section 7.4: scheme and host without regard to case, all else as it stands.
    _, start, end = DerReader(name).header("uniformResourceIdentifier")
    text = name[start:end]
    found = _SCHEME_AND_HOST.match(text)
    return "URI", text if found is None else found[0].lower() + text[found.end() :]


def same_general_name(one: bytes, other: bytes) -> bool:
    """Whether both are the same name, as ``comparable`` says."""
    return one == other or comparable(one) == comparable(other)
