# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""One connection: octets in, answers out, in order; what is not an ordinary OCSP request goes to aiohttp.

Requests come whole, in pieces, or many at once. Each read is answered by one write. A client that does not
read its answers is not read from either; one that sends a request by drops has ``request_s`` for the whole of
it, however it drips. The hand-over to aiohttp lasts for the connection's life and uses public names only.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t

from platform_api.ocsp._caller_view cimport CallerView
from platform_api.ocsp._chunked cimport read_chunked
from platform_api.ocsp._connection cimport Connection
from platform_api.ocsp._fast_path cimport (
    ASK_AGAIN,
    INTERNAL_ERROR,
    LATER,
    MALFORMED_REQUEST,
    TRY_LATER,
    UNAUTHORIZED,
    FastPath,
)
from platform_api.ocsp._head cimport (
    HEAD_PARTIAL,
    HEAD_WHOLE,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    HeadAt,
    split_head,
)
from platform_api.ocsp._measured cimport monotonic_ns, same
from platform_api.ocsp._render cimport Head
from platform_api.ocsp._target cimport MOST_FROM_TEXT, request_of_target
from platform_api.workers._count cimport (
    COUNT_CALLERS_REFUSED,
    COUNT_GET,
    COUNT_HEAD,
    COUNT_POST,
    COUNT_RATE_LIMITED,
)
from revocation.ocsp._request_at cimport MAX_REQUEST_OCTETS

cdef enum:
    #: What is kept of a connection that has to wait before it is not read from any more.
    MOST_KEPT = 65536
    #: A head, and a body in the smallest chunks that are taken.
    MOST_REQUEST = 8192 + MAX_REQUEST_OCTETS + 256 * 14
    NEED_MORE = 0
    HAND_OVER = -1
    HELD = -2

# How long a connection's caller is taken for known, before ``Callers`` is asked again, which remembers too.
cdef double KNOWN_FOR_S = 0.5


cdef class FastProtocol(Connection):
    """An ``asyncio.Protocol`` for one connection of ``path``."""

    def data_received(self, bytes data not None):
        if self.closing:
            return
        if self.waiting or self.writing_paused:
            self.kept += data
            if PyBytes_GET_SIZE(self.kept) > MOST_KEPT:
                self._stop_reading()
            return
        self._run(self.kept + data if PyBytes_GET_SIZE(self.kept) else data)

    # -- requests ------------------------------------------------------------------------------------------

    cdef object _run(self, bytes data):
        """Answer every whole request in ``data``; keep what is left."""
        cdef FastPath path = self.path
        cdef const uint8_t *octets = <const uint8_t *>PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data), at = 0, used
        cdef int answered = self.answered
        cdef uint64_t began = monotonic_ns()
        path.monotonic = began * 1e-9
        path.on_time()
        used = NEED_MORE
        while at < size and not (self.waiting or self.closing):
            used = self._one(octets + at, size - at)
            if used <= 0:
                break
            at += used
            if path.out_used >= MOST_KEPT:
                self._write()
                if self.writing_paused:
                    break
        if path.out_used:
            self._write()
        if self.answered != answered:
            self._measured(self.answered - answered, monotonic_ns() - began)
        if used == HAND_OVER and not self.closing:
            self._hand_over(data[at:])
            return
        self.kept = data[at:] if at < size else b""
        if self.closing:
            self.kept = b""
            self.transport.close()
            return
        self._set_deadline(at > 0)
        if self.writing_paused or (self.waiting and PyBytes_GET_SIZE(self.kept) > MOST_KEPT):
            self._stop_reading()

    cdef Py_ssize_t _one(self, const uint8_t *octets, Py_ssize_t size) except? -9:
        """Octets of the request at the front that is answered or waited for; NEED_MORE, HAND_OVER or HELD."""
        cdef FastPath path = self.path
        cdef HeadAt at
        cdef Head head
        cdef Py_ssize_t text = 0, length, used
        cdef const uint8_t *body
        cdef int mode, became
        cdef size_t laid_out
        cdef bytes wanted = None
        cdef CallerView view = None
        became = split_head(octets, size, &at)
        if became != HEAD_WHOLE:
            return NEED_MORE if became == HEAD_PARTIAL else HAND_OVER
        mode = path.mode_of(octets + at.target, at.target_length, at.method, &text)
        if mode < 0 or not at.content_encoding_identity:
            return HAND_OVER
        used = at.head_end
        if at.method == METHOD_POST:
            if at.chunked:
                length = 0
                used = read_chunked(octets + at.head_end, size - at.head_end, path.body, MAX_REQUEST_OCTETS, &length)
                if used < 0:
                    return HAND_OVER
                if used == 0:
                    if size > MOST_REQUEST:
                        return HAND_OVER
                    return self._more(&at)
                used += at.head_end
                body = path.body
            else:
                length = <Py_ssize_t>at.content_length if at.content_length > 0 else 0
                if length > MAX_REQUEST_OCTETS:
                    return HAND_OVER
                if size - at.head_end < length:
                    return self._more(&at)
                used += length
                body = octets + at.head_end
        else:
            length = request_of_target(octets + at.target + text, at.target_length - text, path.body, MOST_FROM_TEXT)
            body = path.body
            if at.if_none_match_length:
                wanted = octets[at.if_none_match : at.if_none_match + at.if_none_match_length]
        head.minor_version = at.minor_version
        head.keep_alive = at.keep_alive and not path.draining
        head.with_body = at.method != METHOD_HEAD
        head.shared_caches = path.shared_caches
        if not path.anonymous:
            view = self._caller(octets + at.authorization, at.authorization_length)
            if view is None:
                return HELD
        path.counts[COUNT_POST if at.method == METHOD_POST else COUNT_GET if at.method == METHOD_GET else COUNT_HEAD] += 1
        laid_out = path.out_used
        try:
            became = self._answered(&head, body, length, mode, view, wanted)
        except Exception as error:
            # A fault of ours: whoever asked is told so, and nothing of it is left for the next.
            path.out_used = laid_out
            path.answers.broke(error)
            became = path.error(&head, INTERNAL_ERROR, view)
        if became == ASK_AGAIN:
            path.counts[COUNT_POST if at.method == METHOD_POST else COUNT_GET if at.method == METHOD_GET else COUNT_HEAD] -= 1
            self._await(path.awaited, True)
            return HELD
        self.continued = False
        self.paid = False
        if became == LATER:
            self.head = head
            self.wanted = wanted
            self._await(path.awaited, False)
            return used
        self.answered += 1
        if not head.keep_alive:
            self.closing = True
        return used

    cdef int _answered(
        self, const Head *head, const uint8_t *body, Py_ssize_t length, int mode, CallerView view, bytes wanted
    ) except -1:
        cdef FastPath path = self.path
        if view is not None and view.caller is None:
            # Nobody we know; or nobody can tell just now.
            path.counts[COUNT_CALLERS_REFUSED] += 1
            return path.error(head, UNAUTHORIZED if view.number == 0 else TRY_LATER, None)
        if view is not None and not self.paid and not view.take(path.monotonic):
            path.counts[COUNT_RATE_LIMITED] += 1
            return path.error(head, TRY_LATER, view)
        self.paid = True  # asked again after something was found out, it is the same request
        if length < 0:
            return path.error(head, MALFORMED_REQUEST, view)  # a path that is no base64
        return path.answer(head, body, length, mode, view, wanted)

    cdef Py_ssize_t _more(self, const HeadAt *at) except? -9:
        """The head is whole, its body is not: RFC 9110 section 10.1.1 where the client waits to be asked."""
        if at.expect_continue and not self.continued:
            self.continued = True
            if self.path.out_used:
                self._write()
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return NEED_MORE

    cdef CallerView _caller(self, const uint8_t *authorization, Py_ssize_t length):
        """Who asks, as far as it is known and still holds; None: it is being found out."""
        cdef FastPath path = self.path
        cdef CallerView view = self.view
        if (
            view is not None
            and self.known_until > path.monotonic
            and same(self.authorization, authorization, length)
        ):
            return view
        self.authorization = authorization[:length]
        if path.ask_peer:  # a connection may outlive its client's certificate
            self.certificate, self.peer = path.answers.presented_by(self.transport)
        said = path.answers.known_caller(self.authorization, self.certificate, self.peer)
        if isinstance(said, CallerView):
            self.view = <CallerView>said
            self.known_until = path.monotonic + KNOWN_FOR_S
            return self.view
        self.view = None
        self._await(said, True)
        return None

    # -- waiting -------------------------------------------------------------------------------------------

    cdef object _await(self, object future, bint again):
        """Nothing more of this connection is looked at until ``future`` is done; answers keep their order."""
        self.waiting = True
        future.add_done_callback(self._found_out if again else self._said)

    def _found_out(self, future):
        """The request at the front is asked again; where nothing was found out its connection ends."""
        self.waiting = False
        if self.closing:
            return
        if future.cancelled():
            self.expire()
            return
        error = future.exception()
        if error is not None:
            self.path.answers.broke(error)
            self.expire()
            return
        said = future.result()
        if isinstance(said, CallerView):
            self.view = <CallerView>said
            self.known_until = monotonic_ns() * 1e-9 + KNOWN_FOR_S
        if not self.writing_paused:
            self._go_on()

    def _said(self, future):
        cdef FastPath path = self.path
        self.waiting = False
        if self.closing:
            return
        path.monotonic = monotonic_ns() * 1e-9
        path.on_time()
        if path.draining:
            self.head.keep_alive = False
        if future.cancelled():
            path.error(&self.head, TRY_LATER, self.view)
        else:
            try:
                path.give(&self.head, future.result(), self.view, self.wanted)
            except Exception as error:
                path.out_used = 0
                path.answers.broke(error)
                path.error(&self.head, INTERNAL_ERROR, self.view)
        self.answered += 1
        self._write()
        if not self.head.keep_alive:
            self.closing = True
            self.transport.close()
            return
        self._set_deadline(True)
        if not self.writing_paused:
            self._go_on()

    def _go_on(self):
        """What was kept meanwhile, then what comes."""
        if self.closing:
            return
        if self.reading_paused:
            self.reading_paused = False
            self.transport.resume_reading()
        if PyBytes_GET_SIZE(self.kept):
            self._run(self.kept)
        else:
            self._set_deadline(True)
        if self.ended and not (self.waiting or self.writing_paused or self.closing):
            self.closing = True
            self.transport.close()

