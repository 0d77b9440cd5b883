# cython: language_level=3, boundscheck=False, wraparound=False
"""One set with one version of the authorities: whose certificates are answered for, and what answers share.

An epoch never changes. When the set or the authorities do, the next one takes its place in one step, and no
answer of an earlier one is found any more (``AnswerCache`` has the epoch's number in its keys).
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

cdef tuple HASHES = ("sha1", "sha256", "sha384", "sha512")


cdef class Frame:
    """What many answers have in common: signer, dates, and the octets that they all end with."""

    def __init__(
        self, identity, template, bytes tail not None, bytes dates not None, int64_t next_update, int64_t until
    ):
        """``template``: of the signer's responses, with or without its certificate. ``dates``: Last-Modified and Expires, as header lines. ``until``: the last second (Unix) at which
        an answer may still be handed out from memory."""
        self.identity = identity
        self.template = template
        #: The key's own, where a signature is quick enough for the event loop; else None.
        self.sign = None if identity is None or identity.key.slow else identity.key.sign
        self.tail = tail
        self.dates = dates
        self.next_update = next_update
        self.until = until


cdef class Signed:
    """A signed response on its way to one client."""

    def __init__(self, bytes tag not None, bytes octets not None, Frame frame not None, int kind, bint storable):
        """``tag``: SHA-256 of the whole response; ``octets``: without the frame's tail; ``storable``: may
        anybody keep it? An answer to a nonce may not be kept."""
        if len(tag) != 32:
            raise ValueError("expected a tag of 32 octets")
        self.tag = tag
        self.octets = octets
        self.frame = frame
        self.kind = kind
        self.storable = storable


cdef class Epoch:
    """Of ``snapshot`` (or None: nothing published yet) and the authorities as they stand."""

    def __cinit__(self):
        self.rows = NULL
        self.row_count = 0

    def __init__(self, uint32_t number, snapshot, authorities, issuers):
        """``issuers``: (hash name, name hash, key hash, authority, generation), each hash of each key."""
        cdef list given = list(issuers)
        cdef dict numbers = {}
        cdef IssuerRow *row
        cdef bytes name_hash, key_hash
        self.number = number
        self.snapshot = snapshot
        self.set_seq = 0 if snapshot is None else snapshot.seq
        self.authorities = authorities
        self.issuers = []
        self.frames = []
        self.frame_numbers = {}
        self.rows = <IssuerRow *>calloc(len(given) + 1, sizeof(IssuerRow))
        if self.rows == NULL:
            raise MemoryError
        for hash_name, name_hash, key_hash, authority, generation in given:
            at = numbers.get(generation.key_id)
            if at is None:
                at = len(self.issuers)
                if at > 0xFFFF:
                    raise ValueError("expected at most 65,536 issuing keys")
                numbers[generation.key_id] = at
                self.issuers.append((authority, generation))
            if len(name_hash) != len(key_hash) or len(key_hash) > MOST_HASH:
                raise ValueError("expected two hashes of one length")
            row = &self.rows[self.row_count]
            row.hash_kind = HASHES.index(hash_name)
            row.hash_length = len(key_hash)
            row.issuer = at
            memcpy(row.name_hash, <const uint8_t *>name_hash, len(name_hash))
            memcpy(row.key_hash, <const uint8_t *>key_hash, len(key_hash))
            self.row_count += 1

    def __dealloc__(self):
        free(self.rows)

    cdef int issuer_of(self, const uint8_t *octets, int hash_kind, uint32_t name_hash, uint32_t key_hash) noexcept nogil:
        """Whose key both hashes are of (RFC 6960 section 4.1.1), or -1. The walk has checked their lengths."""
        cdef IssuerRow *row
        cdef int i
        for i in range(self.row_count):
            row = &self.rows[i]
            if (
                row.hash_kind == hash_kind
                and memcmp(row.key_hash, octets + key_hash, row.hash_length) == 0
                and memcmp(row.name_hash, octets + name_hash, row.hash_length) == 0
            ):
                return row.issuer
        return -1

    def frame(self, what, make):
        """The number of the frame of these (hashable) dates and signer, made by ``make()`` where it is new;
        -1 when there are too many, and then the answer is not kept."""
        number = self.frame_numbers.get(what)
        if number is None:
            if len(self.frames) > 0xFFFF:
                return -1
            number = len(self.frames)
            self.frames.append(make())
            self.frame_numbers[what] = number
        return number
