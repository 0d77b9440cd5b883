/* A list's entries as pieces, and what may happen to them from one day to the next.
 *
 * Runs of entries are left out, put in, replaced, moved and repeated; a new entry may look much like another.
 */
#ifndef EDITS_H
#define EDITS_H

#include "entry_sums.h"
#include "pool.h"

enum { MOST_PIECES = 4096, FRESH_ROOM = 1 << 18, LONGEST_RUN = 100 };
#define NO_LIMIT (INT64_MAX)

typedef struct {
    const uint8_t *at;
    int size;
} piece;

/* What outlives a crash, in memory that whoever started the process can read: the present input. */
typedef struct {
    int32_t sizes[2]; /* new, old */
    int64_t most, step;
    uint8_t data[2][SIDE_ROOM];
} sides;

typedef struct {
    sides *now;
    pool *from;
    dice d;
    int count;
    piece pieces[MOST_PIECES];
    /* The list that others are made from, a few times. */
    int uses, base_count, base_fresh;
    piece base[MOST_PIECES];
    int fresh_used;
    uint8_t fresh[FRESH_ROOM];
    uint8_t pool_room[ROOM];
} maker;

static maker *maker_new(uint64_t seed, sides *now)
{
    maker *m = calloc(1, sizeof(maker));
    if (m == NULL)
        return NULL;
    m->now = now;
    m->d.state = ~seed * 0xD1342543DE82EF95u;
    m->from = pool_new(seed, m->pool_room);
    return m;
}

static void maker_free(maker *m)
{
    if (m != NULL)
        pool_free(m->from);
    free(m);
}

/* Of 0 to ``limit``, most often small. */
static inline int few(dice *d, int limit)
{
    return below(d, 1 + below(d, limit + 1));
}

/* Sizes of contents: J-LIS's most often, then any short one, then what needs two and three octets of length. */
static int content_size(dice *d)
{
    int kind = below(d, 4096);
    if (kind < 3200)
        return 17 + below(d, 24);
    if (kind < 4000)
        return below(d, 130);
    if (kind < 4080)
        return 120 + below(d, 181);
    return kind < 4095 ? 250 + below(d, 6000) : 65530 + below(d, 12);
}

/* One entry that was not there before, perhaps with the octets of one that was; a size of 0: no more room. */
static piece fresh_entry(maker *m)
{
    dice *d = &m->d;
    int size = content_size(d), kind = below(d, 8), start = m->fresh_used;
    uint8_t *to = m->fresh + start;
    if (FRESH_ROOM - start < size + 16)
        return (piece){to, 0};
    to[0] = 0x30;
    uint8_t *content = to + 1 + length_octets(to + 1, size);
    if (kind < 5) {
        fill(content, 0x5A, size);
        uint64_t serial = roll(d);
        for (int i = 0; i < 8 && i < size; i++) /* of some only one octet differs */
            content[kind < 2 ? size - 1 - i : i] = (uint8_t)(kind == 4 && i ? 0 : serial >> (8 * i));
    } else if (kind == 5) { /* within entries what looks like entries */
        for (int i = 0; i < size; i++)
            content[i] = i & 1 ? (uint8_t)below(d, 40) : 0x30;
    } else if (kind == 6)
        fill(content, OCTETS[below(d, 4)], size);
    else
        for (int i = 0; i < size; i++)
            content[i] = (uint8_t)roll(d);
    m->fresh_used = (int)(content + size - m->fresh);
    return (piece){to, m->fresh_used - start};
}

/* Instead of ``gone`` pieces from ``at`` on the ``size`` that stand in ``with``; nothing where there is no room. */
static void exchange_pieces(maker *m, int at, int gone, const piece *with, int size)
{
    if (m->count - gone + size > MOST_PIECES)
        return;
    memmove(m->pieces + at + size, m->pieces + at + gone, sizeof(piece) * (size_t)(m->count - at - gone));
    memcpy(m->pieces + at, with, sizeof(piece) * (size_t)size);
    m->count += size - gone;
}

static int fresh_run(maker *m, piece *run, int size)
{
    for (int i = 0; i < size; i++) {
        run[i] = fresh_entry(m);
        if (run[i].size == 0)
            return i;
    }
    return size;
}

static void edit(maker *m)
{
    dice *d = &m->d;
    piece run[LONGEST_RUN];
    int kind = below(d, 6), at = below(d, m->count + 1), other = below(d, m->count + 1);
    int size = 1 + few(d, below(d, 16) ? 5 : LONGEST_RUN - 1), there = m->count - at < size ? m->count - at : size;
    switch (kind) {
    case 0:
        exchange_pieces(m, at, there, run, 0);
        break;
    case 1:
        exchange_pieces(m, at, 0, run, fresh_run(m, run, size));
        break;
    case 2:
        exchange_pieces(m, at, there, run, fresh_run(m, run, below(d, 2) ? there : size));
        break;
    case 3: /* to another place; by one place: two entries have changed places */
        memcpy(run, m->pieces + at, sizeof(piece) * (size_t)there);
        exchange_pieces(m, at, there, run, 0);
        exchange_pieces(m, below(d, 2) && at < m->count ? at + 1 : below(d, m->count + 1), 0, run, there);
        break;
    case 4: /* repeated, beside itself or elsewhere */
        memcpy(run, m->pieces + at, sizeof(piece) * (size_t)there);
        exchange_pieces(m, below(d, 2) ? at : other, 0, run, there);
        break;
    default: /* the same entry at several places */
        if (other < m->count)
            for (int i = 0; i < there; i++)
                m->pieces[at + i] = m->pieces[other];
    }
}
#endif
