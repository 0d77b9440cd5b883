# What must be true of every run of the walk; part of _walk_loop.pyx.

#: What was found untrue; the index is what ``check`` answers.
FINDINGS = (
    "none",
    "an outcome other than end, full or refused",
    "asks for more room than there are entries",
    "refused what the reference takes, or took what it refuses",
    "another number of records than whole entries before the end or the refusal",
    "another number of records than elements",
    "stopped at another place than before the refused entry or at the end",
    "refused at an offset outside of the refused entry",
    "a refusal with a number that means nothing, or an OBJECT IDENTIFIER outside of the octets",
    "a record that is not of the documented form",
    "other records than the reference reading",
    "other records when resumed",
    "another refusal when resumed",
    "out of memory",
)

ctypedef int (*walk_function)(Walk *) noexcept nogil

cdef struct Bench:
    pool *inputs
    uint8_t *expected          # the reference's records
    uint8_t *rooms[READY + 1]  # each a malloc of exactly so many records
    uint8_t *exact[LONGEST + 1]  # each a malloc of exactly so many octets, among poisoned ones
    walk_function walk         # what is tried
    walk_function traced       # the same with a call at every block; NULL: nobody asks for edges
    uint64_t accepted
    uint64_t resumed
    uint64_t entries
    uint64_t refused[REFUSALS]
    bint accepts               # the last input
    int fresh                  # edges of the last input that no kept one reaches


cdef void begin(Walk *walk, const uint8_t *data, Py_ssize_t size, int flags) noexcept nogil:
    memset(walk, 0, sizeof(Walk))
    walk.data = data
    walk.end = size
    walk.extensions_allowed = flags & 1
    walk.explicit_default = flags >> 1 & 1
    walk.generalized_before_2050 = flags >> 2 & 1
    walk.certificate_issuers = flags >> 3 & 1


cdef bint well_formed(const uint8_t *record) noexcept nogil:
    """FORMAT of a record as _walk.pxd and the decoder's documentation have it."""
    cdef int size = record[0], i
    if size < 1 or size > 20 or record[22] > 3 or record[23] != 0:
        return False
    for i in range(1 + size, 21):
        if record[i] != 0:
            return False
    return True


cdef int resume(Bench *bench, walk_function tried, const uint8_t *data, Py_ssize_t size, int flags, Walk *whole,
                Py_ssize_t records) noexcept nogil:
    """The same octets with room for one, two or three records at a time."""
    cdef Walk walk
    cdef Py_ssize_t done = 0
    cdef Py_ssize_t room = 1 + below(&bench.inputs.d, 3)
    cdef uint8_t *out = bench.rooms[room]
    cdef int outcome = 1
    begin(&walk, data, size, flags)
    while outcome == 1:
        walk.out = out
        walk.capacity = room
        walk.count = 0
        outcome = tried(&walk)
        if walk.count < 0 or walk.count > room or done + walk.count > records:
            return 11
        if outcome == 1 and walk.count != room:
            return 11
        if memcmp(out, bench.expected + done * RECORD, walk.count * RECORD) != 0:
            return 11
        done += walk.count
    if done != records or walk.at != whole.at:
        return 11
    if walk.refusal != whole.refusal or walk.offset != whole.offset or walk.length != whole.length:
        return 12
    return 0


cdef int check(Bench *bench, const uint8_t *data, Py_ssize_t size, int flags, bint traced, bint resuming) noexcept nogil:
    """One run, and everything that must be true of it; 0, or the number of what is not."""
    cdef walk_function tried = bench.traced if traced else bench.walk
    cdef Walk walk
    cdef Py_ssize_t refused_at = 0, count, i, elements, step
    cdef uint8_t *out
    cdef int outcome
    count = reference_read(data, size, flags, bench.expected, MOST_ENTRIES, &refused_at)
    # Where all is refused before the first record there is room for one: none at all would be "full".
    cdef Py_ssize_t room = count + (refused_at < size)
    if room <= READY:
        out = bench.rooms[room]
    else:
        out = <uint8_t *>malloc(room * RECORD)
        if out == NULL:
            return 13
    fill(out, 0xA5, <int>(room * RECORD))
    begin(&walk, data, size, flags)
    walk.out = out
    walk.capacity = room
    if traced:
        rig_start()
    outcome = rig_after(data, size, tried(&walk), &walk.count)
    bench.accepts = outcome == 0
    if traced:
        bench.fresh = rig_new(bench.inputs.seen, 0)
    cdef int found = 0
    if outcome != 0 and outcome != -1:
        found = 2 if outcome == 1 else 1
    elif (outcome == 0) != (refused_at == size):
        found = 3
    elif walk.count != count:
        found = 4
    elif walk.at != refused_at:
        found = 6
    elif outcome < 0 and not refused_at <= walk.offset <= size:
        found = 7
    elif outcome < 0 and (not 1 <= walk.refusal < REFUSALS or walk.length < 0 or walk.length > size - walk.offset):
        found = 8
    elif outcome == 0 and walk.refusal != 0:
        found = 8
    else:
        if outcome == 0:
            elements = hop(data, size)
            if elements != walk.count:
                found = 5
        for i in range(walk.count):
            if not well_formed(out + i * RECORD):
                found = 9
                break
        if found == 0 and memcmp(out, bench.expected, count * RECORD) != 0:
            found = 10
    if room > READY:
        free(out)
    if found == 0:
        bench.entries += count
        if outcome == 0:
            bench.accepted += 1
        else:
            bench.refused[walk.refusal] += 1
        if resuming:
            bench.resumed += 1
            found = resume(bench, tried, data, size, flags, &walk, count)
    return found


cdef int run(Bench *bench, bint traced, bint resuming) noexcept nogil:
    """The present input, in a malloc of exactly its size."""
    cdef pool *p = bench.inputs
    cdef int size = p.now.size
    cdef uint8_t *exact = bench.exact[size] if size <= LONGEST else <uint8_t *>malloc(size)
    if exact == NULL:
        return 13
    copy(exact, p.now.data, size)
    cdef int found = check(bench, exact, size, p.flags, traced, resuming)
    if size > LONGEST:
        free(exact)
    return found
