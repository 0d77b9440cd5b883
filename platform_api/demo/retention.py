"""Is anything of what was handed over still lying about? Every file is read, in every spelling we know.

Needles are names and addresses that really were delivered. Looked for: UTF-8, UTF-16 in both orders, CP932,
EUC-JP, JSON escapes, hexadecimal, base64 at every offset, each of them inside gzip and zlib. Not seen: texts
of fewer than eight octets in hexadecimal or base64, PostgreSQL's own compression of values over 2 kB, swap,
memory.
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

from platform_api.demo.needles import SEPARATOR, SHORTEST, Needles, as_encoded

_LARGEST_STREAM: Final = 32 * 1024 * 1024
_DEEPEST: Final = 3

_ESCAPED = re.compile(rb"(?:\\+u[0-9A-Fa-f]{4})+")
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}(?:(?:\\n|\r?\n)[A-Za-z0-9+/_-]{4,})*")
_LINE_END = re.compile(rb"\\n|\r?\n")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
#: Decodes to three zero octets.
_BETWEEN_BASE64: Final = b"AAAA"
#: Blanks what is not ASCII: no part of an escape, and found as it stands already.
_ASCII_ONLY: Final = bytes(octet if octet < 0x80 else 0 for octet in range(256))
#: Most of a database's pages and of a log made ahead is nothing.
_NOTHING: Final = bytes(16)
_STREAMS = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")


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
        hits = hits_in(_without_nothing(octets), needles)
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


def _without_nothing(octets: bytes) -> bytes:
    """Long zeros cut short, at both ends too: the first or last octet of a UTF-16 text may be one of them."""
    return SEPARATOR.join((b"", *filter(None, octets.split(_NOTHING)), b""))


def hits_in(octets: bytes, needles: Needles, depth: int = 0) -> Counter[str]:
    """Needles found in these octets, by encoding; compressed streams, base64 and hexadecimal are opened."""
    hits = needles.found_in(octets)
    if b"\\u" in octets:
        hits["json escapes"] += needles.in_utf8(_ESCAPED.sub(_unescaped, octets.translate(_ASCII_ONLY)))
    hits["hexadecimal"] += needles.found_in(_from_hexadecimal(octets)).total()
    hits["base64"] += needles.found_in(_from_base64(octets)).total()
    if depth < _DEEPEST:
        for stream in _streams(octets):
            hits["compressed"] += hits_in(stream, needles, depth + 1).total()
    return +hits


def _unescaped(run: re.Match[bytes]) -> bytes:
    """``\\u6771\\u4eac`` as UTF-8, surrogate pairs joined."""
    units = run[0].replace(b"\\", b"").replace(b"u", b"").decode("ascii")
    return bytes.fromhex(units).decode("utf-16-be", "ignore").encode("utf-8", "ignore")


def _from_hexadecimal(octets: bytes) -> bytes:
    """Each run from its first and from its second digit on: one of them is aligned."""
    runs = [run.decode("ascii") for run in _HEX.findall(octets)]
    return bytes.fromhex(
        SEPARATOR.hex().join(run[at : at + (len(run) - at) // 2 * 2] for at in (0, 1) for run in runs)
    )


def _from_base64(octets: bytes) -> bytes:
    """Each run from each of its first four characters on: one of them is aligned. A short last group is
    filled up with zeros.
    """
    runs = [
        _LINE_END.sub(b"", run) if b"\n" in run or b"\\n" in run else run for run in _BASE64.findall(octets)
    ]
    parts = (part + b"A" * (-len(part) % 4) for at in range(4) for part in (run[at:] for run in runs))
    return base64.b64decode(_BETWEEN_BASE64.join(parts).translate(_URL_SAFE))


def _streams(octets: bytes) -> Iterator[bytes]:
    view = memoryview(octets)
    for magic in _STREAMS.finditer(octets):
        opened = zlib.decompressobj(31 if magic[0][:1] == b"\x1f" else 15)
        try:
            plain = opened.decompress(view[magic.start() :], _LARGEST_STREAM)
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
    "euc-jp": lambda text: as_encoded(text, "euc-jp"),
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
