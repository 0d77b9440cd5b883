/* Makes two lists' entries of which one comes from the other, as a CA's list comes from that of the day before.
 *
 * One side is an input of the walk's pool or a new list, the other is that after some edits. Some pairs have octets of
 * either side changed afterwards, as nobody would send them.
 */
#ifndef SIDES_H
#define SIDES_H

#include "edits.h"

static int written(const maker *m, uint8_t *to)
{
    int size = 0;
    for (int i = 0; i < m->count && size + m->pieces[i].size <= SIDE_ROOM; i++) {
        copy(to + size, m->pieces[i].at, m->pieces[i].size);
        size += m->pieces[i].size;
    }
    return size;
}

static void new_list(maker *m)
{
    int kind = below(&m->d, 256);
    int wanted = kind ? few(&m->d, kind < 16 ? 200 : 24) : below(&m->d, 1500);
    m->count = 0;
    while (m->count < wanted) {
        m->pieces[m->count] = fresh_entry(m);
        if (m->pieces[m->count].size == 0)
            break;
        m->count++;
    }
}

/* A list as the walk gets one, in pieces as far as it can be read; what is left is a piece too. */
static void pooled_list(maker *m)
{
    pool *p = m->from;
    ptrdiff_t at = 0;
    m->count = 0;
    pool_next(p);
    cut all = {p->now.data, p->now.data + p->now.size}, content;
    while (all.p != all.e && m->count < MOST_PIECES - 1 && take_tagged(&all, 0x30, &content)) {
        m->pieces[m->count++] = (piece){p->now.data + at, (int)(all.p - p->now.data - at)};
        at = all.p - p->now.data;
    }
    if (at < p->now.size)
        m->pieces[m->count++] = (piece){p->now.data + at, (int)(p->now.size - at)};
}

/* Tag or length of an entry: what must end the comparison, and must not lead beyond the end. */
static void spoil(draft *x, dice *d)
{
    static const char *const LENGTHS[] = {"\x81", "\x82\x00", "\x82\x01", "\x84\x7F\xFF\xFF\xFF", "\x80",
                                          "\x87\x7F\xFF\xFF\xFF\xFF\xFF\xFF", "\x88\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
                                          "\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"};
    static const uint8_t SIZES[] = {1, 2, 2, 5, 1, 8, 9, 9};
    cut all = {x->data, x->data + x->size}, content;
    int nth = below(d, 12), kind = below(d, (int)sizeof SIZES);
    const uint8_t *start = all.p;
    while (nth-- && take_tagged(&all, 0x30, &content) && all.p != all.e)
        start = all.p;
    int at = (int)(start - x->data);
    if (x->size - at < 2)
        return;
    switch (below(d, 4)) {
    case 0:
        x->data[at] = TAGS[below(d, sizeof TAGS)];
        break;
    case 1:
        x->data[at + 1] = (uint8_t)(x->data[at + 1] + below(d, 5) - 2);
        break;
    default: /* before the length, or instead of it and what follows */
        put(x, at + 1, at + 1 + below(d, 2), (const uint8_t *)LENGTHS[kind], SIZES[kind]);
    }
}

static void spoil_side(maker *m, int side)
{
    draft x = {m->now->data[side], m->now->sizes[side], SIDE_ROOM};
    int times = 1 + few(&m->d, 3);
    while (times--)
        if (below(&m->d, 2))
            raw_change(&x, &m->d);
        else
            spoil(&x, &m->d);
    m->now->sizes[side] = x.size;
}

static void base_list(maker *m)
{
    if (m->uses-- == 0) {
        m->uses = 3;
        m->fresh_used = 0;
        if (below(&m->d, 8) < 3)
            pooled_list(m);
        else
            new_list(m);
        memcpy(m->base, m->pieces, sizeof(piece) * (size_t)m->count);
        m->base_count = m->count;
        m->base_fresh = m->fresh_used;
    }
    memcpy(m->pieces, m->base, sizeof(piece) * (size_t)m->base_count);
    m->count = m->base_count;
    m->fresh_used = m->base_fresh;
}

static void next_sides(maker *m)
{
    dice *d = &m->d;
    int base = below(d, 2), edits = below(d, 8) ? 1 + few(d, below(d, 8) ? 5 : 40) : 0, kind;
    base_list(m);
    m->now->sizes[base] = written(m, m->now->data[base]);
    if (below(d, 64) == 0) /* nothing in common */
        new_list(m);
    while (edits--)
        edit(m);
    m->now->sizes[1 - base] = written(m, m->now->data[1 - base]);
    if (below(d, 4) == 0)
        spoil_side(m, below(d, 2));
    if (below(d, 32) == 0)
        spoil_side(m, below(d, 2));
    kind = below(d, 16);
    m->now->most = kind < 9 ? NO_LIMIT : kind < 11 ? 0 : below(d, kind < 14 ? 300 : 6000);
    kind = below(d, 16);
    m->now->step = kind < 9 ? NO_LIMIT : kind < 11 ? 1 : 1 + below(d, kind < 14 ? 300 : 9000);
}
#endif
