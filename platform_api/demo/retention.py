"""Is anything of what was handed over still lying about? Every file is read, in every spelling we know.

Needles are names and addresses that really were delivered. A haystack of a gigabyte and thousands of needles
are too much for one search each, so a file is first cut down to what could be Japanese text in an encoding
(runs of octets that look like it), and only those runs are searched. Looked for: UTF-8, UTF-16 in both
orders, CP932, EUC-JP, JSON escapes, hexadecimal, base64 at every offset, each of them inside gzip and zlib.
Not seen: PostgreSQL's own compression of values over 2 kB, swap, memory.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

#: Shorter texts are found everywhere by chance.
SHORTEST: Final = 4
#: Of a long needle its end alone counts too: a page boundary may have cut it; the house number is there.
_TAIL: Final = 9
_LARGEST_STREAM: Final = 32 * 1024 * 1024
_DEEPEST: Final = 3
_SEPARATOR: Final = b"\x00" * 4

_UTF8 = re.compile(rb"[\x80-\xf4]{12,}")
_ESCAPED = re.compile(rb"(?:\\+u[0-9A-Fa-f]{4}){4,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{24,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}(?:(?:\\n|\r?\n)[A-Za-z0-9+/_-]{4,})*")
#: The high octet of CJK, kana and full-width forms in UTF-16, of which five in a row stand at one parity.
_HIGH_OCTETS = re.compile(rb"[\x30\x4e-\x9f\xd8-\xdf\xf9-\xff]{4,}")
#: The lead octet of two-octet characters in CP932 and EUC-JP.
_LEAD_OCTETS = re.compile(rb"[\x81-\x9f\xa1-\xfe]{4,}")
#: Most of a database's pages and of a log made ahead is nothing.
_ZEROS = re.compile(rb"\0{16,}")
_STREAMS = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")

Search = Callable[[bytes], bytes]


@dataclass(slots=True)
class Found:
    """What a search came to; ``hits`` by encoding, ``places`` names files, never a needle."""

    files: int = 0
    octets: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    places: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        return sum(self.hits.values())


class Needles:
    """Texts to look for, in the octets of every encoding."""

    def __init__(self, texts: Iterable[str]) -> None:
        whole = {text for text in texts if len(text) >= SHORTEST}
        tails = {text[-_TAIL:] for text in whole if len(text) > _TAIL + 3}
        self._spelled: dict[str, tuple[bytes, ...]] = {
            encoding: tuple(_spelled(whole | tails, encoding))
            for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp932", "euc_jp")
        }

    def count(self, runs: bytes, encoding: str) -> int:
        if len(runs) < 2 * SHORTEST:
            return 0
        return sum(1 for spelling in self._spelled[encoding] if spelling in runs)


def as_encoded(text: str, encoding: str) -> bytes:
    """EUC-JP knows the full-width hyphen and tilde under other code points than Windows does."""
    if encoding == "euc_jp":
        text = text.translate({0xFF0D: 0x2212, 0xFF5E: 0x301C})
    return text.encode(encoding)


def _spelled(texts: Iterable[str], encoding: str) -> Iterator[bytes]:
    for text in sorted(texts):
        try:
            yield as_encoded(text, encoding)
        except UnicodeEncodeError:
            continue  # a character that the encoding lacks cannot lie about in it


def search(
    folders: Iterable[Path],
    needles: Needles,
    *,
    leave_out: frozenset[Path] = frozenset(),
    progress: Callable[[str], None] = lambda _: None,
) -> Found:
    """Read every regular file below these folders (or these files). Blocking; what goes away is gone."""
    found = Found()
    seen: set[bytes] = set()
    for path in _files(folders, leave_out):
        try:
            octets = path.read_bytes()
        except OSError:
            continue
        found.files += 1
        found.octets += len(octets)
        progress(f"retention search: {found.files} files, {found.octets // 1_048_576} MiB")
        digest = hashlib.sha256(octets).digest()
        if digest in seen:  # a database's templates are copies of one another
            continue
        seen.add(digest)
        hits = hits_in(_ZEROS.sub(_SEPARATOR, octets), needles)
        if hits:
            found.hits.update(hits)
            found.places.add(path.name)
    return found


def _files(folders: Iterable[Path], leave_out: frozenset[Path]) -> Iterator[Path]:
    for folder in folders:
        every = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
        for path in every:
            if path.is_file() and not path.is_symlink() and not leave_out.intersection((path, *path.parents)):
                yield path


def hits_in(octets: bytes, needles: Needles, depth: int = 0) -> Counter[str]:
    """Needles found in these octets, by encoding; compressed streams, base64 and hexadecimal are opened."""
    hits = _plain(octets, needles)
    hits["json escapes"] += needles.count(_unescaped(octets), "utf-8")
    hits["hexadecimal"] += _plain(_from_hexadecimal(octets), needles).total()
    hits["base64"] += _plain(_from_base64(octets), needles).total()
    if depth < _DEEPEST:
        for stream in _streams(octets):
            hits["compressed"] += hits_in(stream, needles, depth + 1).total()
    return +hits


def _plain(octets: bytes, needles: Needles) -> Counter[str]:
    """As they stand, in each encoding; those of two octets at either parity."""
    hits: Counter[str] = Counter()
    hits["utf-8"] += needles.count(_runs(_UTF8, octets), "utf-8")
    for parity in (0, 1):
        at = octets[parity:]
        hits["utf-16-le"] += needles.count(_paired(_HIGH_OCTETS, at, 1), "utf-16-le")
        hits["utf-16-be"] += needles.count(_paired(_HIGH_OCTETS, at, 0), "utf-16-be")
        two_octets = _paired(_LEAD_OCTETS, at, 0)
        hits["cp932"] += needles.count(two_octets, "cp932")
        hits["euc-jp"] += needles.count(two_octets, "euc_jp")
    return +hits


def _runs(pattern: re.Pattern[bytes], octets: bytes) -> bytes:
    return _SEPARATOR.join(pattern.findall(octets))


def _paired(pattern: re.Pattern[bytes], octets: bytes, high: int) -> bytes:
    """Where every other octet, from ``high`` on, looks like a high or lead octet: those pairs, and one more
    on either side."""
    return _SEPARATOR.join(
        octets[max(0, 2 * run.start() - 2) : 2 * run.end() + 2] for run in pattern.finditer(octets[high::2])
    )


def _unescaped(octets: bytes) -> bytes:
    """``\\u6771\\u4eac`` as UTF-8, surrogate pairs joined."""
    if b"\\u" not in octets:
        return b""
    units = re.sub(rb"\\+u", b"", _runs(_ESCAPED, octets).replace(_SEPARATOR, b"\\u0000"))
    return bytes.fromhex(units.decode("ascii")).decode("utf-16-be", "ignore").encode("utf-8", "ignore")


def _from_hexadecimal(octets: bytes) -> bytes:
    runs = [run.decode("ascii") for run in _HEX.findall(octets)]
    return _SEPARATOR.join(
        bytes.fromhex(run[first : first + (len(run) - first) // 2 * 2]) for run in runs for first in (0, 1)
    )


def _from_base64(octets: bytes) -> bytes:
    """Each run decoded from each of its first four characters on: one of them is aligned."""
    decoded = []
    for run in _BASE64.findall(octets):
        plain = re.sub(rb"\\n|\r?\n", b"", run).translate(bytes.maketrans(b"-_", b"+/"))
        for first in range(4):
            part = plain[first:]
            decoded.append(base64.b64decode(part[: len(part) // 4 * 4]))
            if len(part) % 4 > 1:  # the last, short group
                decoded.append(base64.b64decode(part + b"=" * (-len(part) % 4)))
    return _SEPARATOR.join(decoded)


def _streams(octets: bytes) -> Iterator[bytes]:
    for magic in _STREAMS.finditer(octets):
        opened = zlib.decompressobj(31 if magic[0][:1] == b"\x1f" else 15)
        try:
            plain = opened.decompress(octets[magic.start() :], _LARGEST_STREAM)
        except zlib.error:
            continue
        if len(plain) >= 2 * SHORTEST:
            yield plain


#: How a text may come to lie in a file; each is planted before a search, and must be found by it.
CONTROLS: Final[dict[str, Callable[[str], bytes]]] = {
    "utf-8": lambda text: text.encode(),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-le at an odd offset": lambda text: b"\x01" + text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "utf-16-be at an odd offset": lambda text: b"\x01" + text.encode("utf-16-be"),
    "cp932": lambda text: text.encode("cp932"),
    "cp932 at an odd offset": lambda text: b"\x01" + text.encode("cp932"),
    "euc-jp": lambda text: as_encoded(text, "euc_jp"),
    "json escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
    "json escapes in upper case": lambda text: "".join(f"\\u{ord(c):04X}" for c in text).encode(),
    "json escapes in json": lambda text: "".join(f"\\\\u{ord(c):04x}" for c in text).encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one octet on": lambda text: base64.b64encode(b"x" + text.encode()),
    "base64, two octets on": lambda text: base64.b64encode(b"xy" + text.encode()),
    "base64url of utf-16": lambda text: base64.urlsafe_b64encode(text.encode("utf-16-le")),
    "gzip": lambda text: _gzip(text.encode()),
    "gzip of cp932": lambda text: _gzip(text.encode("cp932")),
    "zlib": lambda text: zlib.compress(text.encode()),
    "base64 in gzip": lambda text: _gzip(base64.b64encode(b"x" + text.encode())),
}


def _gzip(octets: bytes) -> bytes:
    opened = zlib.compressobj(wbits=31)
    return opened.compress(b"before " + octets + b" after") + opened.flush()


def controls_missed(folder: Path, text: str) -> list[str]:
    """Plant the text in every way in a file below ``folder``, search, clean up; the ways that went unseen."""
    missed = []
    planted = folder / "retention-control"
    try:
        for name, spell in CONTROLS.items():
            planted.write_bytes(b"\x00\x17\x42row " + spell(text) + b" \x00\xfe\x99")
            if not search([planted], Needles([text])).total:
                missed.append(name)
    finally:
        planted.unlink(missing_ok=True)
    return missed


def look_for_items(
    data: Path, files: list[Path], received: dict[str, Any], progress: Callable[[str], None]
) -> dict[str, Any]:
    """The demo's search: every name and address that anybody was given, in the service's folder and its logs.

    Before it is believed it must find one of them, planted in each way.
    """
    given = [f["items"] for f in received["fetches"] if f["items"] is not None]
    texts = {items[name] for items in given for name in ("name", "address") if items.get(name)}
    for customer in received["customers"]:
        if customer["items"] is not None:
            texts.update(customer["items"][name]["value"] for name in ("name", "address"))
    control = max(sorted(texts), key=len, default="東京都千代田区見本町１－２－３")
    missed = controls_missed(data, control)
    found = search([data, *files], Needles(texts), progress=progress)
    return {
        "texts": len(texts),
        "files": found.files,
        "octets": found.octets,
        "hits": found.total,
        "by_encoding": dict(sorted(found.hits.items())),
        "places": sorted(found.places),
        "controls": len(CONTROLS),
        "controls_found": len(CONTROLS) - len(missed),
    }
