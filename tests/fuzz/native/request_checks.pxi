# What must be true of every run of the walk over a request; part of _request_loop.pyx.

#: What was found untrue; the index is what ``check`` answers.
FINDINGS = (
    "none",
    "another outcome than the fault that is noted",
    "a fault with a number that means nothing, or at an offset outside of the octets",
    "refused what the reference takes, or took what it refuses",
    "another number of CertIDs than the reference",
    "another CertID than the reference",
    "another nonce than the reference",
    "another tbsRequest or signature than the reference",
    "spans out of order, or outside of their parent",
    "wrote into a CertID that it does not count",
    "takes the octets with one octet fewer too",
    "takes the octets with one octet more too",
    "out of memory",
)

ctypedef int (*walk_function)(const uint8_t *, Py_ssize_t, RequestAt *) noexcept nogil

cdef struct Bench:
    pool *inputs
    uint8_t *exact[LONGEST + 2]  # each a malloc of exactly so many octets, among poisoned ones
    walk_function walk           # what is tried
    walk_function traced         # the same with a call at every block
    RequestAt found
    reference_request expected
    uint64_t accepted
    uint64_t cert_ids
    uint64_t nonces
    uint64_t signatures
    uint64_t neighbours
    uint64_t refused[REFUSALS]
    bint accepts                 # the last input
    int fresh                    # edges of the last input that no kept one reaches


cdef bint same_cert_id(const CertIdAt *one, const reference_cert_id *other) noexcept nogil:
    return (
        one.start == other.start and one.end == other.end and one.hash_kind == other.kind
        and one.parameters == other.null and one.name_hash == other.name_hash
        and one.key_hash == other.key_hash and one.hash_length == other.hash_size
        and one.serial == other.serial and one.serial_length == other.serial_size
    )


cdef bint same_spans(const RequestAt *one, const reference_request *other) noexcept nogil:
    return (
        one.is_signed == other.is_signed
        and one.tbs_start == other.tbs[0] and one.tbs_end == other.tbs[1]
        and one.algorithm_start == other.algorithm[0] and one.algorithm_end == other.algorithm[1]
        and one.signature_start == other.signature[0] and one.signature_end == other.signature[1]
        and one.certs_start == other.certs[0] and one.certs_end == other.certs[1]
    )


cdef bint in_order(const RequestAt *found, Py_ssize_t size) noexcept nogil:
    """By itself, without the reference: each part lies behind the one before it and inside what it is part of."""
    cdef int i, at = found.tbs_start
    cdef const CertIdAt *one
    if not 2 <= at <= found.tbs_end <= size:
        return False
    for i in range(found.count):
        one = &found.cert_ids[i]
        if not at < one.start < one.name_hash < one.key_hash < one.serial < one.end <= found.tbs_end:
            return False
        if one.name_hash + one.hash_length > one.key_hash - 2 or one.key_hash + one.hash_length > one.serial - 2:
            return False
        if one.hash_length < 1 or one.serial_length < 1 or one.serial + one.serial_length != one.end:
            return False
        at = one.end
    if found.nonce_length and not at < found.nonce < found.nonce + found.nonce_length <= found.tbs_end:
        return False
    if found.is_signed:
        return (
            found.tbs_end < found.algorithm_start < found.algorithm_end < found.signature_start
            <= found.signature_end <= found.certs_start <= found.certs_end == size
        )
    return found.tbs_end == size


cdef int compare(Bench *bench, Py_ssize_t size, Py_ssize_t count) noexcept nogil:
    """An accepted request beside what the reference reads."""
    cdef RequestAt *found = &bench.found
    cdef reference_request *expected = &bench.expected
    cdef int i, at
    if count != expected.count:
        return 4
    for i in range(found.count):
        if not same_cert_id(&found.cert_ids[i], &expected.ids[i]):
            return 5
    if found.nonce != expected.nonce or found.nonce_length != expected.nonce_size:
        return 6
    if not same_spans(found, expected):
        return 7
    if not in_order(found, size):
        return 8
    for i in range(found.count, MOST_CERT_IDS):
        for at in range(<int>sizeof(CertIdAt)):
            if (<uint8_t *>&found.cert_ids[i])[at] != 0xA5:
                return 9
    return 0


cdef int check_neighbours(Bench *bench, walk_function tried, const uint8_t *data, int size) noexcept nogil:
    """DER says how long it is: what is whole is so neither without its last octet nor with another one."""
    cdef uint8_t *less = bench.exact[size - 1]
    cdef uint8_t *more = bench.exact[size + 1]
    cdef RequestAt found
    copy(less, data, size - 1)
    if tried(less, size - 1, &found) == 0:
        return 10
    copy(more, data, size)
    more[size] = <uint8_t>below(&bench.inputs.d, 256)
    if tried(more, size + 1, &found) == 0:
        return 11
    bench.neighbours += 1
    return 0


cdef int check(Bench *bench, const uint8_t *data, Py_ssize_t size, bint traced, bint neighbours) noexcept nogil:
    """One run, and everything that must be true of it; 0, or the number of what is not."""
    cdef walk_function tried = bench.traced if traced else bench.walk
    cdef RequestAt *found = &bench.found
    cdef Py_ssize_t count
    cdef int outcome, wrong
    fill(<uint8_t *>found, 0xA5, sizeof(RequestAt))
    if traced:
        rig_start()
    outcome = tried(data, size, found)
    count = found.count
    rig_after(data, size, -1 if outcome else 0, &count)
    bench.accepts = outcome == 0
    if traced:
        bench.fresh = rig_new(bench.inputs.seen, 0)
    if outcome != found.fault:
        return 1
    if outcome != 0 and (not 1 <= outcome < REFUSALS or not 0 <= found.fault_at <= size):
        return 2
    if (outcome == 0) != (reference_reads(data, size, &bench.expected) != 0):
        return 3
    if outcome != 0:
        bench.refused[outcome] += 1
        return 0
    wrong = compare(bench, size, count)
    if wrong:
        return wrong
    bench.accepted += 1
    bench.cert_ids += count
    bench.nonces += found.nonce_length != 0
    bench.signatures += found.is_signed
    if neighbours and size <= LONGEST:
        return check_neighbours(bench, tried, data, <int>size)
    return 0


cdef int run(Bench *bench, bint traced, bint neighbours) noexcept nogil:
    """The present input, in a malloc of exactly its size."""
    cdef pool *p = bench.inputs
    cdef int size = p.now.size
    cdef uint8_t *exact = bench.exact[size] if size <= LONGEST else <uint8_t *>malloc(size)
    if exact == NULL:
        return 12
    copy(exact, p.now.data, size)
    cdef int found = check(bench, exact, size, traced, neighbours)
    if size > LONGEST:
        free(exact)
    return found
