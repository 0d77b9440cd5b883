"""The signed part of a list, hashed by a second core while the first one reads the entries."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from mmap import mmap
from typing import Final

from revocation.crl.pages import PagesBehind, windows

#: Below it a thread costs more than it saves; where the other cores have lists of their own, below that.
_LARGE_OCTETS: Final = 2 * 1024 * 1024
_LARGE_OF_MANY: Final = 64 * 1024 * 1024
#: hashlib looks a name up for longer than it hashes a small list.
_MAKE: Final = {name: getattr(hashlib, name) for name in ("sha256", "sha384", "sha512")}

#: How often the one who waits for the hash says how far it is.
_LOOK_S: Final = 0.1


class SignedPartHashes(AbstractContextManager["SignedPartHashes"]):
    """Hashes of ``data[start:end]``: begun on entry where it is large, stopped and joined on the way out.

    hashlib lets the interpreter lock go while it works. ``buffer`` is what ``data`` is a view of: if it is a
    mapped file, its pages are given back behind the hash. ``of_many``: other lists are at work beside.
    """

    def __init__(
        self,
        buffer: bytes | bytearray | memoryview | mmap,
        data: memoryview,
        start: int,
        end: int,
        names: Iterable[str],
        *,
        of_many: bool = False,
    ) -> None:
        self._large: Final = _LARGE_OF_MANY if of_many else _LARGE_OCTETS
        self._data: Final = data
        self._start: Final = start
        self._end: Final = end
        self._pages: Final = PagesBehind(buffer)
        self._hashes: Final = {name: _MAKE[name]() for name in names}
        self._stop = False
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        #: Offset up to which everything is hashed.
        self.at = start

    def __enter__(self) -> SignedPartHashes:
        if self._end - self._start > self._large:
            thread = threading.Thread(target=self._run, name="list hash", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # No more threads to be had: then it is hashed after the entries, by this one.
                return self
            self._thread = thread
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever happened, no thread reads the octets any more."""
        self._stop = True
        if self._thread is not None:
            self._thread.join()

    def is_done(self) -> bool:
        """Also where nothing runs beside: then there is no time to fill."""
        return self._thread is None or not self._thread.is_alive()

    def digests(self, waiting: Callable[[], None]) -> Mapping[str, bytes]:
        """By the names that hashlib knows; ``waiting`` is called now and then until they are there."""
        if self._thread is None:
            self._hash()
        else:
            while self._thread.is_alive():
                self._thread.join(_LOOK_S)
                waiting()
        if self._failure is not None:
            raise self._failure
        return {name: digest.digest() for name, digest in self._hashes.items()}

    def _run(self) -> None:
        try:
            self._hash()
        except BaseException as error:
            # For the thread that waits.
            self._failure = error

    def _hash(self) -> None:
        for after, window in windows(self._data, self._start, self._end):
            if self._stop:
                return
            for digest in self._hashes.values():
                digest.update(window)
            self._pages.drop(after)
            self.at = after
