"""Certificates and lists from the files that people have: PEM or DER, one or a bundle; read once for many.

What a file holds is not judged here: what is no certificate or no list says so when it is decoded. Only a
file that cannot be read at all is an error of its own.
"""

from __future__ import annotations

import base64
import binascii
import mmap
import os
import stat
from collections import OrderedDict
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, NamedTuple

from revocation.checker.lists import HeldList
from revocation.crl.decode import MAX_LIST_OCTETS
from revocation.errors import InputRefused, OutsideFailed

#: RFC 7468 sections 5 and 6; the others are what older tools write.
CERTIFICATE_LABELS: Final = frozenset((b"CERTIFICATE", b"X509 CERTIFICATE"))
LIST_LABELS: Final = frozenset((b"X509 CRL", b"CRL"))
_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_DASHES: Final = b"-----"
_MOST_LABEL: Final = 64
_MOST_BLOCKS: Final = 16_384

#: Larger files are looked into where they stand, instead of being copied into memory.
_MAPPED: Final = 4 * 1024 * 1024
_MOST_PEM: Final = 2 * 1024 * 1024 * 1024
_MOST_CERTIFICATES: Final = 16 * 1024 * 1024
#: A pipe has no size; so much is read of it.
_MOST_OF_A_PIPE: Final = 512 * 1024 * 1024
#: What is kept for the next case: octets of files (a decoded list takes about twice as many), and of each
#: file what it takes to keep anything.
_KEPT: Final = 64 * 1024 * 1024
_KEPT_AT_LEAST: Final = 16 * 1024


class _Kept(NamedTuple):
    facts: tuple[int, ...]
    size: int
    what: tuple[bytes, ...] | tuple[HeldList, ...]


class Files:
    """Reads files, and remembers what it read until a file changes or there is too much of it."""

    def __init__(self, folder: Path | None = None) -> None:
        """``folder``: where relative paths are looked for that are not found from the working folder."""
        self._folder: Final = folder
        self._kept: Final[OrderedDict[tuple[object, ...], _Kept]] = OrderedDict()
        self._size = 0

    def certificates(self, name: str) -> tuple[bytes, ...]:
        """DER of each certificate of a file, in order; the whole content of one that has none in PEM."""
        path, facts = self._found(name)
        known = self._remembered(("certificates", path), facts)
        if known is None:
            content = _content(path, _MOST_CERTIFICATES, _MOST_CERTIFICATES)
            found = tuple(bytes(one) for one in _blocks(content, CERTIFICATE_LABELS))
            known = self._remember(("certificates", path), _Kept(facts, len(content) + _KEPT_AT_LEAST, found))
        return tuple(one for one in known if isinstance(one, bytes))

    def lists(self, name: str, tolerances: AbstractSet[str] = frozenset()) -> tuple[HeldList, ...]:
        """Each list of a file, in order; one that is malformed where the file has none in PEM and is none."""
        path, facts = self._found(name)
        key = ("lists", path, tuple(sorted(tolerances)))
        known = self._remembered(key, facts)
        if known is None:
            content = _content(path, _MOST_PEM, MAX_LIST_OCTETS)
            found = tuple(HeldList(one, tolerances) for one in _blocks(content, LIST_LABELS))
            known = self._remember(key, _Kept(facts, len(content) + _KEPT_AT_LEAST, found))
        return tuple(one for one in known if isinstance(one, HeldList))

    def _found(self, name: str) -> tuple[Path, tuple[int, ...]]:
        path = Path(name)
        if self._folder is not None and not path.is_absolute() and not path.exists():
            path = self._folder / path
        try:
            facts = path.stat()
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None
        return path, (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)

    def _remembered(
        self, key: tuple[object, ...], facts: tuple[int, ...]
    ) -> tuple[bytes, ...] | tuple[HeldList, ...] | None:
        kept = self._kept.get(key)
        if kept is None or kept.facts != facts:
            return None
        self._kept.move_to_end(key)
        return kept.what

    def _remember(self, key: tuple[object, ...], kept: _Kept) -> tuple[bytes, ...] | tuple[HeldList, ...]:
        before = self._kept.pop(key, None)
        self._kept[key] = kept
        self._size += kept.size - (0 if before is None else before.size)
        while self._size > _KEPT and len(self._kept) > 1:
            _, left = self._kept.popitem(last=False)
            self._size -= left.size
        return kept.what


def _content(path: Path, most_pem: int, most_der: int) -> bytes | mmap.mmap:
    """The octets of a file. A list in DER may be as large as the decoder allows; text and pipes less."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                content = file.read(_MOST_OF_A_PIPE + 1)
                return _at_most(path, content, _MOST_OF_A_PIPE)
            if facts.st_size > _MAPPED:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                return _at_most(path, mapped, most_der if mapped[:1] == b"\x30" else most_pem)
            return file.read()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _at_most(path: Path, content: bytes | mmap.mmap, most: int) -> bytes | mmap.mmap:
    if len(content) > most:
        raise InputRefused(
            "FILE_SIZE",
            expected=f"at most {most} octets in {path.name}",
            got="more",
            remedy="give the right file; a list in PEM as DER",
        )
    return content


def _blocks(content: bytes | mmap.mmap, labels: AbstractSet[bytes]) -> tuple[bytes | mmap.mmap, ...]:
    """RFC 7468: each block with such a label; else the content as it stands, whatever it is.

    A block that is cut off or damaged is handed over as the text that it is: no DER, and so refused where it
    is decoded. Skipping it would lose the list that revokes.
    """
    if content[:1] == b"\x30" or content.find(_BEGIN) == -1:
        return (content,)
    found: list[bytes] = []
    at = content.find(_BEGIN)
    while at != -1:
        if len(found) == _MOST_BLOCKS:
            # Whatever comes here is no list: it was never meant as a bundle.
            found.append(content[at : at + _MOST_LABEL])
            break
        start = at + len(_BEGIN)
        end_of_label = content.find(_DASHES, start, start + _MOST_LABEL + len(_DASHES))
        label = content[start:end_of_label].upper() if end_of_label != -1 else b""
        body = start if end_of_label == -1 else end_of_label + len(_DASHES)
        end = content.find(_DASHES, body)
        closing = _END + label + _DASHES
        is_whole = end_of_label != -1 and end != -1 and content[end : end + len(closing)].upper() == closing
        if label in labels or not label:
            text = content[body : len(content) if end == -1 else end]
            found.append(_decoded(text) if is_whole else text)
        at = content.find(_BEGIN, body)
    return tuple(found) or (bytes(content[:]),)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return text


def _unreadable(path: Path, error: Exception) -> OutsideFailed:
    got = error.strerror if isinstance(error, OSError) else None
    return OutsideFailed(
        "FILE_UNREADABLE",
        expected=f"a file that can be read at {path.name or path}",
        got=got or type(error).__name__,
        remedy="check the path and its permissions",
    )
