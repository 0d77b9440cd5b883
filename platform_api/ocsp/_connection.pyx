# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""One connection as such: its deadlines, its two directions, its end, and its hand-over to aiohttp.

What is asked and answered on it is in ``_protocol.pyx``. A client that does not read its answers is not read
from either; one that sends a request by drops has ``request_s`` for the whole of it, however it drips.
"""

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport uint64_t

from platform_api.ocsp._fast_path cimport FastPath
from platform_api.ocsp._measured cimport bucket_of, monotonic_ns
from platform_api.workers._count cimport (
    COUNT_CONNECTIONS_OPEN,
    COUNT_CONNECTIONS_OPENED,
    COUNT_CONNECTIONS_REFUSED,
    COUNT_HANDED_OVER,
    COUNT_LATENCY_0,
    COUNT_LATENCY_SUM_NS,
    COUNT_TIMEOUTS,
)

cdef double NEVER = 1e300


cdef class Connection:
    """Of ``path``, on ``loop``; the half of an ``asyncio.Protocol`` that looks at no octet."""

    def __init__(self, FastPath path not None, loop):
        self.path = path
        self.loop = loop
        self.kept = b""
        self.deadline = NEVER

    # -- what the event loop calls -------------------------------------------------------------------------

    def connection_made(self, transport):
        cdef FastPath path = self.path
        self.transport = transport
        self.encrypted = transport.get_extra_info("sslcontext") is not None
        path.monotonic = monotonic_ns() * 1e-9
        path.counts[COUNT_CONNECTIONS_OPENED] += 1
        path.connections.add(self)
        path.counts[COUNT_CONNECTIONS_OPEN] = len(path.connections)
        if len(path.connections) > path.most_connections:
            path.counts[COUNT_CONNECTIONS_REFUSED] += 1
            self.closing = True
            transport.abort()
            return
        self.deadline = path.monotonic + path.request_s

    def connection_lost(self, _error):
        self.closing = True
        self._forget()

    def eof_received(self):
        """The client sends no more; what it has asked is still answered."""
        self.ended = True
        # TLS has no half of a connection (asyncio): it ends with what is written.
        return not self.encrypted and (self.waiting or self.writing_paused)

    def pause_writing(self):
        cdef FastPath path = self.path
        self.writing_paused = True
        self.deadline = path.monotonic + path.stalled_s
        self._stop_reading()

    def resume_writing(self):
        self.writing_paused = False
        if not self.waiting:
            self._go_on()

    # -- what the sweep and the drain call -----------------------------------------------------------------

    def expire(self):
        """Its time is over: between requests an ordinary end, else a client that is too slow."""
        self.closing = True
        if self.partial or self.waiting or self.writing_paused or self.answered == 0:
            self.path.counts[COUNT_TIMEOUTS] += 1
            self.transport.abort()
        else:
            self.transport.close()

    def close_if_idle(self):
        """While the process stops: nothing is begun, nothing is owed."""
        if not (self.waiting or self.partial or self.writing_paused or self.closing):
            self.closing = True
            self.transport.close()

    def abort(self):
        self.closing = True
        self.transport.abort()

    # -- for the requests on it ------------------------------------------------------------------------------

    def _go_on(self):
        """What was kept meanwhile, then what comes."""
        raise NotImplementedError

    cdef object _set_deadline(self, bint moved):
        cdef FastPath path = self.path
        if self.writing_paused:
            return
        if self.waiting:
            self.deadline = path.monotonic + 2 * path.request_s
        elif PyBytes_GET_SIZE(self.kept):
            # Set once for a request, not again with each drop of it.
            if moved or not self.partial:
                self.deadline = path.monotonic + path.request_s
            self.partial = True
        else:
            self.partial = False
            self.deadline = path.monotonic + path.idle_s

    cdef object _write(self):
        self.transport.write(self.path.flushed())

    cdef object _stop_reading(self):
        if not (self.reading_paused or self.closing):
            self.reading_paused = True
            self.transport.pause_reading()

    cdef object _measured(self, int answered, uint64_t ns):
        """Each answer of a read took as long as the read."""
        cdef uint64_t *counts = self.path.counts
        counts[COUNT_LATENCY_0 + bucket_of(ns)] += answered
        counts[COUNT_LATENCY_SUM_NS] += answered * ns

    cdef object _forget(self):
        self.path.connections.discard(self)
        self.path.counts[COUNT_CONNECTIONS_OPEN] = len(self.path.connections)
        if self.path.draining and not self.path.connections:
            self.path.emptied.set()

    cdef object _hand_over(self, bytes rest):
        """To aiohttp, for the rest of this connection's life: all that it has not been answered yet."""
        self.closing = True
        self._forget()
        self.path.counts[COUNT_HANDED_OVER] += 1
        protocol = self.path.factory()
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if self.writing_paused:
            protocol.pause_writing()
        if self.reading_paused:
            self.transport.resume_reading()  # it was we who paused it
        protocol.data_received(rest)
        if self.ended and not protocol.eof_received():
            self.transport.close()
