# Keeping what reached something new, and sweeping; part of _walk_loop.pyx and _request_loop.pyx.

cdef int keep_smallest(Bench *bench) noexcept nogil:
    """The present input reached something new: cut what it does not need for that, then keep it."""
    cdef pool *p = bench.inputs
    cdef int at, piece, size = p.now.size
    cdef int found = 0, wanted = bench.fresh, flags = p.flags
    cdef uint8_t *best = <uint8_t *>malloc(size)
    if best == NULL:
        return OUT_OF_MEMORY
    memcpy(best, p.now.data, size)
    piece = size // 2 if size <= LONGEST else 0
    while piece > 0 and not found:
        at = 0
        while at + piece <= size and size > piece and not found:
            memcpy(p.now.data, best, at)
            memcpy(p.now.data + at, best + at + piece, size - at - piece)
            p.now.size = size - piece
            found = run(bench, True, False)
            if bench.fresh >= wanted:
                size -= piece
                memcpy(best, p.now.data, size)
            else:
                at += piece
        piece //= 2
    if not found:
        pool_set(p, best, size, flags)
        found = run(bench, True, False)
        rig_new(p.seen, 1)
        if size <= LONGEST:
            pool_add(p, best, size, flags, 1, bench.accepts)
    free(best)
    return found


cdef double seconds_now(clockid_t clock=CLOCK_MONOTONIC) noexcept nogil:
    cdef timespec t
    clock_gettime(clock, &t)
    return t.tv_sec + t.tv_nsec * 1e-9


cdef inline void note(uint8_t *shared, pool *p) noexcept nogil:
    memcpy(shared, &p.now.size, 4)
    memcpy(shared + 4, &p.flags, 4)


cdef int sweep(Bench *bench, const input *one, const uint8_t *followers, int size, uint8_t *shared) noexcept nogil:
    """Every value of every octet of one input, which has others behind it."""
    cdef pool *p = bench.inputs
    cdef int at, value, found
    for at in range(one.size):
        for value in range(256):
            pool_set(p, one.data, one.size, one.flags)
            copy(p.now.data + one.size, followers, size)
            p.now.size = one.size + size
            p.now.data[at] = <uint8_t>value
            note(shared, p)
            found = run(bench, False, False)
            if found:
                return found
    return 0
