# The walk's C interface, so that a fuzzer can drive it from C, without Python around each input.

from revocation.crl._element cimport Walk

# 0: at the end; 1: out is full, give more room and call again; -1: refused.
cdef int walk_entries(Walk *walk) noexcept nogil


cdef class EntryWalk:
    """The walk over the entries of one list, for whoever takes them; Python sees where it stands.

    Who takes entries sets ``walk.out``, ``walk.capacity`` and ``walk.count = 0`` and calls ``walk_entries``
    as often as he likes, without the interpreter lock too; ``owner`` keeps the octets where they are.
    """

    cdef Walk walk
    cdef object owner
