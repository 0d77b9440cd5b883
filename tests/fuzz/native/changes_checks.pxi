# What must be true of every comparison of two lists' entries; part of _changes_loop.pyx.

#: What was found untrue; the index is what ``check`` answers.
FINDINGS = (
    "none",
    "an outcome other than compared, too different, no memory or more to come",
    "more to come, but not so far as was asked for",
    "a side that stands elsewhere than between two entries of its list",
    "more octets told alone than are allowed, or than the side has",
    "what is told alone is not whole entries",
    "entries told alone that do not stand so in their list",
    "compared, but a side does not stand at its end, or is not whole entries",
    "an entry was lost or invented",
    "entries told although the sides are the same",
    "too different, although there is no limit and both sides are whole entries",
    "another result in steps or with a limit than without",
    "memory where there was none, or none where there was",
    "out of memory",
)

cdef struct Bench:
    maker *made
    reading *sides[2]          # new, old: by the harness's own reader
    reading *told[2]           # what each has alone
    uint8_t *exact[2][LONGEST + 1]  # each a malloc of exactly so many octets, among poisoned ones
    uint64_t compared
    uint64_t too_different
    uint64_t resumed
    uint64_t same
    uint64_t entries
    uint64_t told_entries
    uint64_t starved


cdef inline Side *side_of(Comparison *c, int which) noexcept nogil:
    return &c.old if which else &c.new


cdef void release(Comparison *c) noexcept nogil:
    free(c.new.own.data)
    free(c.old.own.data)


cdef int told_apart(Bench *bench, Comparison *c, int which) noexcept nogil:
    """Of one side: where it stands, and what it is said to have alone."""
    cdef Side *side = side_of(c, which)
    cdef reading *told = bench.told[which]
    if not is_between(bench.sides[which], side.at):
        return 3
    if side.own.used < 0 or side.own.used > c.most or side.own.used > side.at or side.own.used > side.own.room:
        return 4
    read_entries(told, side.own.data, side.own.used)
    if not told.whole:
        return 5
    if not is_part_of(told, bench.sides[which]):
        return 6
    return 0


cdef int finished(Bench *bench, Comparison *c) noexcept nogil:
    """Both sides' entries are accounted for, each once."""
    cdef reading *new = bench.sides[0]
    cdef reading *old = bench.sides[1]
    cdef reading *added = bench.told[0]
    cdef reading *removed = bench.told[1]
    if c.new.at != c.new.end or c.old.at != c.old.end or not new.whole or not old.whole:
        return 7
    if old.sum - removed.sum + added.sum != new.sum or old.count - removed.count + added.count != new.count:
        return 8
    return 0


cdef int compare(Bench *bench, Comparison *c, Py_ssize_t step, int *outcome, int *steps) noexcept nogil:
    """One comparison to its end, and what must be true of it; 0, or the number of what is not."""
    cdef Py_ssize_t before, left
    cdef int which, found
    steps[0] = 0
    while True:
        before = c.new.at
        left = c.new.end - before
        outcome[0] = compare_entries(c, step)
        steps[0] += 1
        if outcome[0] != SAME_TO_HERE:
            break
        if c.new.at >= c.new.end or c.new.at - before < min(left, step):
            return 2
        for which in range(2):
            if not is_between(bench.sides[which], side_of(c, which).at):
                return 3
    if outcome[0] == COMPARED or outcome[0] == TOO_DIFFERENT:
        outcome[0] = rig_told(c.new.data, c.new.end, outcome[0], c.new.own.data, &c.new.own.used)
    if outcome[0] != COMPARED and outcome[0] != TOO_DIFFERENT:
        return 12 if outcome[0] == NO_MEMORY else 1
    for which in range(2):
        found = told_apart(bench, c, which)
        if found:
            return found
    return finished(bench, c) if outcome[0] == COMPARED else 0


cdef bint begins_with(const Octets *whole, const Octets *part) noexcept nogil:
    return part.used <= whole.used and (part.used == 0 or memcmp(whole.data, part.data, part.used) == 0)


cdef bint agree(const Comparison *whole, int whole_outcome, const Comparison *c, int outcome) noexcept nogil:
    """Steps change nothing; a limit ends the same comparison where one side has too much alone."""
    if whole_outcome == COMPARED and whole.new.own.used <= c.most and whole.old.own.used <= c.most:
        if outcome != COMPARED or c.new.own.used != whole.new.own.used or c.old.own.used != whole.old.own.used:
            return False
    elif outcome != TOO_DIFFERENT:
        return False
    return begins_with(&whole.new.own, &c.new.own) and begins_with(&whole.old.own, &c.old.own)


cdef int give_room(Bench *bench, Comparison *c) noexcept nogil:
    """A little room for what is told, as if some had been told: its end is met more often than that of 4 KiB."""
    cdef Side *side
    cdef int which
    for which in range(2):
        side = side_of(c, which)
        side.own.room = 1 + below(&bench.made.d, 128)
        side.own.data = <uint8_t *>malloc(side.own.room)
        if side.own.data == NULL:
            return 13
    return 0


cdef int without_memory(Bench *bench, Comparison *c, bint told) noexcept nogil:
    """Where room for what is told cannot be had: so much is there already that no allocator has the double."""
    cdef int outcome
    c.most = NO_LIMIT
    c.new.own.used = c.new.own.room = c.old.own.used = c.old.own.room = <Py_ssize_t>1 << 60
    outcome = compare_entries(c, NO_LIMIT)
    bench.starved += outcome == NO_MEMORY
    if c.new.own.data != NULL or c.old.own.data != NULL:
        return 12
    if told:
        return 0 if outcome == NO_MEMORY else 12
    return 12 if outcome == SAME_TO_HERE else 0


cdef int check(Bench *bench, const Comparison *start, bint starving) noexcept nogil:
    """Without limit and steps, then with those chosen; what is told of the first is counted."""
    cdef sides *now = bench.made.now
    cdef Comparison whole = start[0], tried = start[0], starved = start[0]
    cdef int outcome = 0, again = 0, steps = 0, found, which
    cdef bint same, told
    for which in range(2):
        read_entries(bench.sides[which], now.data[which], now.sizes[which])
    whole.most = NO_LIMIT
    found = compare(bench, &whole, NO_LIMIT, &outcome, &steps)
    told = whole.new.own.used + whole.old.own.used > 0
    if found == 0:
        same = start.new.end == start.old.end and memcmp(start.new.data, start.old.data, start.new.end) == 0
        if same and told:
            found = 9
        elif outcome == TOO_DIFFERENT and bench.sides[0].whole and bench.sides[1].whole:
            found = 10
        else:
            bench.compared += outcome == COMPARED
            bench.too_different += outcome == TOO_DIFFERENT
            bench.same += same and outcome == COMPARED
            bench.entries += bench.sides[0].count + bench.sides[1].count
            bench.told_entries += bench.told[0].count + bench.told[1].count
    if found == 0 and (now.most != NO_LIMIT or now.step != NO_LIMIT):
        found = give_room(bench, &tried) if below(&bench.made.d, 4) == 0 else 0
        if found == 0:
            found = compare(bench, &tried, now.step, &again, &steps)
        bench.resumed += steps > 1
        if found == 0 and not agree(&whole, outcome, &tried, again):
            found = 11
        release(&tried)
    if found == 0 and starving:
        found = without_memory(bench, &starved, told)
    release(&whole)
    return found


cdef int run(Bench *bench, bint starving) noexcept nogil:
    """The present sides, each in a malloc of exactly its size."""
    cdef sides *now = bench.made.now
    cdef Comparison start
    cdef int which, size, found = 0
    cdef uint8_t *exact[2]
    memset(&start, 0, sizeof(Comparison))
    for which in range(2):
        size = now.sizes[which]
        exact[which] = bench.exact[which][size] if size <= LONGEST else <uint8_t *>malloc(size)
        if exact[which] == NULL:
            found = 13
        else:
            copy(exact[which], now.data[which], size)
        side_of(&start, which).data = exact[which]
        side_of(&start, which).end = size
    start.most = now.most
    if found == 0:
        found = check(bench, &start, starving)
    for which in range(2):
        if now.sizes[which] > LONGEST:
            free(exact[which])
    return found
