# The walk's C interface, so that a fuzzer can drive it from C, without Python around each input.

from libc.stdint cimport int64_t, uint8_t

cdef struct Walk:
    const uint8_t *data        # the whole file: offsets in refusals count from here
    Py_ssize_t at              # next entry; moves only past whole entries
    Py_ssize_t end             # end of the content of revokedCertificates
    uint8_t *out               # RECORD_SIZE octets for each entry
    Py_ssize_t capacity        # records that fit into out
    Py_ssize_t count           # records written
    bint extensions_allowed    # false in a v1 list (RFC 5280 section 5.1.2.1)
    bint explicit_default      # tolerance explicit_default
    bint generalized_before_2050
    int refusal                # 0, or one of the codes in _walk.pyx
    Py_ssize_t offset          # of the octet that is wrong
    int64_t got                # what stands there, where one number says it
    Py_ssize_t length          # of the OBJECT IDENTIFIER at offset, for refusals by OID

# 0: at the end; 1: out is full, give more room and call again; -1: refused.
cdef int walk_entries(Walk *walk) noexcept nogil


cdef class EntryWalk:
    """The walk over the entries of one list, for whoever takes them; Python sees where it stands.

    Who takes entries sets ``walk.out``, ``walk.capacity`` and ``walk.count = 0`` and calls ``walk_entries``
    as often as he likes, without the interpreter lock too; ``owner`` keeps the octets where they are.
    """

    cdef Walk walk
    cdef object owner
