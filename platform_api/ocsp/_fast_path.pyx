# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""From the octets of one OCSP request to the octets of its answer, for all connections of one process.

A request that was answered before, from this epoch, is answered here, without a Python object being made.
Everything else is asked of ``answers`` (``answers.py``), which the ordinary route asks as well; both say the
same, octet by octet, and the tests hold them to it.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

import asyncio

from revocation.errors import RevocationError

from platform_api.ocsp._caller_view cimport MAY_ASK, MAY_NOT_ASK, NOBODY_CAN_TELL, NOT_ASKED
from platform_api.ocsp._head cimport METHOD_POST
from platform_api.ocsp._render cimport (
    HEAD_ROOM,
    put,
    put_common,
    put_content,
    put_end,
    put_status,
    put_uncached,
    put_validators,
)
from platform_api.workers._count cimport (
    CALLER_ERROR,
    CALLER_GOOD,
    COUNT_ALL,
    COUNT_BEHIND,
    COUNT_CACHE_HIT,
    COUNT_CACHE_MISS,
    COUNT_CALLERS_REFUSED,
    COUNT_GOOD,
    COUNT_INTERNAL_ERROR,
    COUNT_MALFORMED_REQUEST,
    COUNT_NONCE,
    COUNT_NOT_MODIFIED,
    COUNT_SIGNATURES,
    COUNT_SIG_REQUIRED,
    COUNT_TRY_LATER,
    COUNT_UNAUTHORIZED,
)
from revocation.ocsp._cache cimport SERIAL_ROOM, UNSIGNED_FORM
from revocation.ocsp._request_at cimport HASH_UNKNOWN, MAX_REQUEST_OCTETS, CertIdAt
from revocation.ocsp._request_walk cimport walk_request

cdef enum:
    FIRST_ROOM = 1 << 16
    MOST_TARGET_OCTETS = 8192
    BODY_ROOM = MAX_REQUEST_OCTETS + MOST_TARGET_OCTETS

cdef int[7] COUNT_OF_STATUS
COUNT_OF_STATUS[:] = [
    COUNT_INTERNAL_ERROR, COUNT_MALFORMED_REQUEST, COUNT_INTERNAL_ERROR, COUNT_TRY_LATER,
    COUNT_INTERNAL_ERROR, COUNT_SIG_REQUIRED, COUNT_UNAUTHORIZED,
]


cdef uint64_t *words_of(object view, Py_ssize_t least) except NULL:
    """Where the words of a view (format Q) stand; whoever asks keeps the view."""
    cdef Py_buffer buffer
    cdef void *found
    PyObject_GetBuffer(view, &buffer, PyBUF_SIMPLE | PyBUF_WRITABLE)
    found = buffer.buf
    size = buffer.len
    PyBuffer_Release(&buffer)
    if size < least * <Py_ssize_t>sizeof(uint64_t):
        raise ValueError("expected more words to count in")
    return <uint64_t *>found


cdef class FastPath:
    """``answers``: see ``answers.py``. ``factory``: makes aiohttp's protocols, for what is not ours.

    ``paths``: (path, trust mode's number), the longest first. ``anonymous``: nobody is asked who they are.
    """

    def __cinit__(self):
        self.out = <uint8_t *>malloc(FIRST_ROOM)
        self.body = <uint8_t *>malloc(BODY_ROOM)
        if self.out == NULL or self.body == NULL:
            raise MemoryError
        self.out_room = FIRST_ROOM
        self.out_used = 0

    def __init__(self, answers, cache, factory, *, paths, counts, serving, bint anonymous, bint shared_caches,
                 bint ask_peer, bint nonces, bint signatures_matter, int most_connections, double request_s,
                 double idle_s, double stalled_s):
        self.answers = answers
        self.cache = cache
        self.factory = factory
        self.paths = [(bytes(path), int(mode)) for path, mode in paths]
        self.counts_view = counts
        self.serving_view = serving
        self.counts = words_of(counts, COUNT_ALL)
        self.serving = words_of(serving, 1)
        self.anonymous = anonymous
        self.shared_caches = shared_caches
        self.ask_peer = ask_peer
        self.nonces = nonces
        self.signatures_matter = signatures_matter
        self.most_connections = most_connections
        self.request_s = request_s
        self.idle_s = idle_s
        self.stalled_s = stalled_s
        self.clock_now, self.timer, self.share = answers.clock_now, answers.timer, answers.nonce_share
        self.plain = Frame(None, None, b"", b"", 0, 0)
        self.entitlements = Entitlements(16)
        self.connections = set()
        self.draining = False
        self.emptied = asyncio.Event()  # set while the process stops, when the last connection is gone

    def __dealloc__(self):
        free(self.out)
        free(self.body)

    # -- what changes from time to time --------------------------------------------------------------------

    def adopt(self, Epoch epoch not None):
        """From now on this one is answered from."""
        self.epoch = epoch

    def tick(self, int64_t now, bytes date not None, double monotonic):
        """The time of day as Unix seconds and as an HTTP date, at this moment of the monotonic clock."""
        if len(date) != 29:
            raise ValueError("expected an HTTP date of 29 octets")
        memcpy(self.date, <const char *>date, 29)
        self.now = now
        self.ticked_at = monotonic
        self.monotonic = monotonic

    cdef bint on_time(self) except -1:
        """The time of day is never older than a second: after a pause of the loop it is read at once."""
        if self.monotonic - self.ticked_at >= 1.0:
            self.answers.tick()
        return True

    cdef bint caught_up(self) except -1:
        """Another worker answers from a newer set: is it here by now?"""
        self.answers.refresh()
        return self.serving[0] == self.epoch.set_seq

    # -- where a request goes ------------------------------------------------------------------------------

    cdef int mode_of(self, const uint8_t *target, Py_ssize_t length, int method, Py_ssize_t *text) noexcept:
        """The trust mode of an address of ours, or -1; of a GET also where its base64 begins.

        A POST goes to the path itself, with or without a slash behind it.
        """
        cdef bytes path
        cdef int mode
        cdef Py_ssize_t size
        for path, mode in self.paths:
            size = len(path)
            if length < size or memcmp(target, <const char *>path, size) != 0:
                continue
            if method == METHOD_POST:
                if length == size or (length == size + 1 and target[size] == 0x2F):
                    return mode
            elif length > size + 1 and target[size] == 0x2F and target[size + 1] != 0x3F:
                text[0] = size + 1
                return mode
        return -1

    # -- answering -----------------------------------------------------------------------------------------

    cdef int make_room(self, size_t octets) except -1:
        cdef uint8_t *more
        cdef size_t room = self.out_room
        if self.out_used + octets <= room:
            return 0
        while room < self.out_used + octets:
            room *= 2
        more = <uint8_t *>realloc(self.out, room)
        if more == NULL:
            raise MemoryError
        self.out = more
        self.out_room = room
        return 0

    cdef object flushed(self):
        """What was laid out since the last time."""
        cdef object octets = PyBytes_FromStringAndSize(<char *>self.out, self.out_used)
        self.out_used = 0
        if self.out_room > 16 * FIRST_ROOM:
            free(self.out)
            self.out = <uint8_t *>malloc(FIRST_ROOM)
            if self.out == NULL:
                self.out_room = 0
                raise MemoryError
            self.out_room = FIRST_ROOM
        return octets

    cdef int error(self, const Head *head, int status, CallerView view) except -1:
        """OCSPResponse { responseStatus }, unsigned (RFC 6960 section 4.2.1)."""
        cdef uint8_t *out
        cdef char der[5]
        self.make_room(HEAD_ROOM)
        memcpy(der, b"\x30\x03\x0a\x01\x00", 5)
        der[4] = <char>status
        out = self.out + self.out_used
        out = put_common(put_content(put_status(out, head, False), 5), self.date)
        out = put_end(put_uncached(out), head)
        if head.with_body:
            out = put(out, der, 5)
        self.out_used = out - self.out
        self.counts[COUNT_OF_STATUS[status]] += 1
        if view is not None:
            view.count(CALLER_ERROR)
        return ANSWERED

    cdef int answer(
        self, const Head *head, const uint8_t *body, Py_ssize_t length, int mode, CallerView view, bytes wanted
    ) except -1:
        """``view``: None where nobody is asked who they are. ``wanted``: If-None-Match of a GET, or None."""
        cdef RequestAt found
        cdef CertIdAt *cert_id
        cdef AnswerKey key
        cdef Found kept
        cdef Frame frame
        cdef int issuer, known
        cdef bint has_nonce
        cdef uint64_t question
        if walk_request(body, length, &found):
            return self.error(head, MALFORMED_REQUEST, view)
        if self.serving[0] != self.epoch.set_seq and not self.caught_up():
            self.counts[COUNT_BEHIND] += 1
            return self.error(head, TRY_LATER, view)
        if found.count > 1 or self.signatures_matter:
            return self.ask(head, body, length, mode, view, wanted, None)
        cert_id = &found.cert_ids[0]
        issuer = -1
        if cert_id.hash_kind != HASH_UNKNOWN and cert_id.serial_length <= SERIAL_ROOM:
            issuer = self.epoch.issuer_of(body, cert_id.hash_kind, cert_id.name_hash, cert_id.key_hash)
        if issuer < 0:
            # RFC 9919 section 4.2.4: no authoritative record. Cheaper than a signature.
            return self.error(head, UNAUTHORIZED, view)
        memset(&key, 0, sizeof(key))
        key.serial_length = <uint8_t>cert_id.serial_length
        key.issuer = issuer
        memcpy(key.serial, body + cert_id.serial, cert_id.serial_length)
        if view is not None:
            known = view.permission(self.epoch.number, issuer, len(self.epoch.issuers))
            if known == NOT_ASKED:
                known = MAY_ASK if self.answers.may_ask(view.caller, self.epoch.issuers[issuer][0]) else MAY_NOT_ASK
                view.permit(issuer, known == MAY_ASK)
            if known == MAY_ASK and view.registered_only:
                question = self.cache.hashed(&key, view.number)
                known = self.entitlements.known(question, <uint32_t>self.monotonic)
                if known == NOT_ASKED:
                    self.awaited = self.answers.entitle(
                        view.caller, issuer, body[cert_id.serial : cert_id.serial + cert_id.serial_length], question
                    )
                    return ASK_AGAIN
                if known == NOBODY_CAN_TELL:
                    return self.error(head, TRY_LATER, view)
            if known != MAY_ASK:
                self.counts[COUNT_CALLERS_REFUSED] += 1
                return self.error(head, UNAUTHORIZED, view)
        key.form = cert_id.hash_kind | cert_id.parameters << 2 | <uint8_t>(mode << 3)
        has_nonce = found.nonce_length > 0 and self.nonces
        if not self.cache.find(&key, self.epoch.number, &kept):
            key.form |= UNSIGNED_FORM
            if not has_nonce or not self.cache.find(&key, self.epoch.number, &kept):
                key.form &= ~UNSIGNED_FORM
                self.counts[COUNT_CACHE_MISS] += 1
                return self.ask(head, body, length, mode, view, wanted, (<uint8_t *>&key)[: sizeof(key)])
        frame = <Frame>self.epoch.frames[kept.frame]
        if self.now > frame.until:
            return self.ask(head, body, length, mode, view, wanted, (<uint8_t *>&key)[: sizeof(key)])
        self.counts[COUNT_CACHE_HIT] += 1
        if has_nonce:
            return self.with_nonce(head, &kept, frame, body + found.nonce, found.nonce_length, view)
        return self.render(
            head, kept.tag, kept.octets, kept.length, frame, True, kept.kind, view, wanted
        )

    cdef int ask(
        self, const Head *head, const uint8_t *body, Py_ssize_t length, int mode, CallerView view, bytes wanted,
        bytes key
    ) except -1:
        """Whatever is not found: a status looked up, a signature made, perhaps beside the loop."""
        caller = None
        if view is not None and key is None:
            caller = view.caller  # of several CertIDs each is asked for
        return self.give(head, self.answers.ask(body[:length], mode, key, caller), view, wanted)

    cdef int with_nonce(
        self, const Head *head, const Found *kept, Frame frame, const uint8_t *nonce, Py_ssize_t length,
        CallerView view
    ) except -1:
        """A signature more for a word that was said before (RFC 9654); as ``Answers.with_nonce``."""
        cdef bytes single = kept.octets[kept.single_at : kept.single_at + kept.single_length]
        cdef bytes whole
        cdef int kind = kept.kind
        if frame.sign is None or self.share.spent():
            # Beside the loop, or too much of it: rare enough to be decided in one place.
            return self.give(head, self.answers.with_nonce(frame, single, nonce[:length], kind), view, None)
        data = frame.template.to_be_signed(single, self.clock_now(), nonce[:length])
        began = self.timer()
        try:
            signature = frame.sign(data)
        except RevocationError as error:
            return self.error(head, self.answers.failed(error), view)
        self.share.paid(began, self.timer())
        self.counts[COUNT_SIGNATURES] += 1
        self.counts[COUNT_NONCE] += 1
        whole = frame.template.response(data, signature)
        return self.render(
            head, NULL, <const uint8_t *>whole, len(whole), self.plain, False, kind, view, None
        )

    cdef int give(self, const Head *head, object said, CallerView view, bytes wanted) except -1:
        """``said``: a ``Signed``, the number of an unsigned error, or something to wait for."""
        if isinstance(said, Signed):
            return self.signed(head, <Signed>said, view, wanted)
        if isinstance(said, int):
            return self.error(head, said, view)
        self.awaited = said
        return LATER

    cdef int signed(self, const Head *head, Signed signed, CallerView view, bytes wanted) except -1:
        return self.render(
            head, <const uint8_t *>signed.tag, <const uint8_t *>signed.octets, len(signed.octets), signed.frame,
            signed.storable, signed.kind, view, wanted
        )

    cdef int render(
        self, const Head *head, const uint8_t *tag, const uint8_t *octets, size_t length, Frame frame,
        bint storable, int kind, CallerView view, bytes wanted
    ) except -1:
        cdef bytes tail = frame.tail, dates = frame.dates
        cdef size_t tail_length = len(tail)
        cdef uint8_t *out
        cdef bint unchanged = storable and wanted is not None and self.answers.matches(wanted, tag[:32])
        self.make_room(HEAD_ROOM + length + tail_length + len(dates))
        out = self.out + self.out_used
        out = put_status(out, head, unchanged)
        if not unchanged:
            out = put_content(out, length + tail_length)
        out = put_common(out, self.date)
        if storable:
            # RFC 9919 section 6.2: max-age ends strictly before nextUpdate.
            out = put_validators(
                out, head, <const char *>dates, len(dates), tag, frame.next_update - 1 - self.now
            )
        else:
            out = put_uncached(out)
        out = put_end(out, head)
        if unchanged:
            self.counts[COUNT_NOT_MODIFIED] += 1
        elif head.with_body:
            out = put(out, <const char *>octets, length)
            out = put(out, <const char *>tail, tail_length)
        self.out_used = out - self.out
        self.counts[COUNT_GOOD + kind] += 1
        if view is not None:
            view.count(CALLER_GOOD + kind)
        return ANSWERED
