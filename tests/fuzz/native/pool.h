/* The inputs that changes start from: the seeds, and what reached something new. */
#ifndef POOL_H
#define POOL_H

#include <stdlib.h>
#include <string.h>

#include "mutate.h"
#include "rig.h"

enum { MOST_INPUTS = 4096, LONGEST = 2048, ROOM = 1 << 17 };

typedef struct {
    uint8_t *data;
    int size, flags, spans_count;
    int found;    /* not a seed: it reached something new */
    int accepted; /* its changes get further than those of what is refused early */
    span *spans;
} input;

typedef struct {
    input inputs[MOST_INPUTS];
    int good[MOST_INPUTS];
    int count, good_count;
    dice d;
    /* How the present input was made is not kept: the input itself is, where whoever watches us can read it. */
    draft now;
    int flags;
    uint8_t seen[RIG_SLOTS];
} pool;

static pool *pool_new(uint64_t seed, uint8_t *room)
{
    pool *p = calloc(1, sizeof(pool));
    if (p == NULL)
        return NULL;
    p->d.state = seed * 0xD1342543DE82EF95u + 1;
    p->now = (draft){room, 0, LONGEST};
    return p;
}

static int pool_add(pool *p, const uint8_t *data, int size, int flags, int found, int accepted)
{
    if (p->count == MOST_INPUTS || size > ROOM)
        return 0;
    span spans[MOST_SPANS];
    input *one = p->inputs + p->count;
    one->spans_count = outline(data, 0, size, -1, 0, spans, 0);
    one->data = malloc((size_t)size + 1);
    one->spans = malloc(sizeof(span) * (size_t)one->spans_count + 1);
    if (one->data == NULL || one->spans == NULL)
        return 0;
    memcpy(one->data, data, (size_t)size);
    memcpy(one->spans, spans, sizeof(span) * (size_t)one->spans_count);
    one->size = size;
    one->flags = flags;
    one->found = found;
    one->accepted = accepted;
    if (accepted)
        p->good[p->good_count++] = p->count;
    p->count++;
    return 1;
}

static void pool_free(pool *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < p->count; i++) {
        free(p->inputs[i].data);
        free(p->inputs[i].spans);
    }
    free(p);
}

static const input *pool_any(pool *p)
{
    if (p->good_count && below(&p->d, 2))
        return p->inputs + p->good[below(&p->d, p->good_count)];
    return p->inputs + below(&p->d, p->count);
}

/* Short inputs more often: they are quicker, and what is wrong is nearer to a boundary. */
static const input *pool_pick(pool *p)
{
    const input *one = pool_any(p), *two = pool_any(p);
    return below(&p->d, 4) == 0 || one->size < two->size ? one : two;
}

/* An extension that nobody knows, so long that its length takes two or three octets, in the first entry. */
static void grow_large(pool *p)
{
    static const uint8_t oid[] = {0x06, 0x03, 0x2A, 0x03, 0x09, 0x04};
    static uint8_t large[70100];
    draft whole = {large, 0, (int)sizeof large};
    span spans[MOST_SPANS];
    uint8_t field[4];
    int content = 200 + below(&p->d, below(&p->d, 4) ? 3000 : 66000);
    int count = outline(p->now.data, 0, p->now.size, -1, 0, spans, 0), size;
    p->now.room = ROOM;
    for (int i = 0; i < count; i++) {
        if (spans[i].parent != 0 || p->now.data[spans[i].at] != 0x30)
            continue;
        memset(large, 0x5A, (size_t)content);
        whole.size = content;
        size = length_octets(field, content);
        put(&whole, 0, 0, field, size);
        put(&whole, 0, 0, oid, sizeof oid);
        size = length_octets(field, whole.size);
        put(&whole, 0, 0, field, size);
        put(&whole, 0, 0, (const uint8_t *)"\x30", 1);
        exchange(&p->now, spans, i, spans[i].end, spans[i].end, large, whole.size, 1);
        break;
    }
    p->now.room = LONGEST;
}

/* As many entries as there is room for: what works on several entries at once has several of them. */
static void grow_many(pool *p)
{
    int size = p->now.size, limit = below(&p->d, 32) ? 4 * LONGEST : ROOM;
    p->now.room = ROOM;
    while (size && p->now.size + size <= limit)
        put(&p->now, p->now.size, p->now.size, p->now.data, size);
    p->now.room = LONGEST;
}

static void pool_next(pool *p)
{
    const input *parent = pool_pick(p), *donor = pool_pick(p);
    int size = parent->size < LONGEST ? parent->size : LONGEST, kind = below(&p->d, 1 << 16);
    copy(p->now.data, parent->data, size);
    p->now.size = size;
    p->flags = below(&p->d, 4) ? parent->flags : below(&p->d, 16);
    if (kind < 16)
        grow_large(p);
    else if (kind < 80) {
        grow_many(p);
        if (kind & 1)
            return; /* as it is: many good entries, if the parent was good */
    }
    mutate(&p->now, &p->d, donor->data, donor->spans, donor->spans_count);
}

static void pool_set(pool *p, const uint8_t *data, int size, int flags)
{
    copy(p->now.data, data, size);
    p->now.size = size;
    p->flags = flags;
}
#endif
