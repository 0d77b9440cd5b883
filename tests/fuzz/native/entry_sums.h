/* What entries some octets are, by their tags and lengths alone, and what those entries come to together.
 *
 * Shares with the comparison neither code nor the way it looks: the elements are taken by reference.h. Entries are
 * compared as numbers, and a list's entries, whatever their order, as the sum of these.
 */
#ifndef ENTRY_SUMS_H
#define ENTRY_SUMS_H

#include <stdint.h>
#include <string.h>

#include "reference.h"

enum { SIDE_ROOM = 1 << 17, MOST_SIDE_ENTRIES = SIDE_ROOM / 2 };

typedef struct {
    int count, whole;                   /* whole: the last one ends where the octets end */
    int starts[MOST_SIDE_ENTRIES + 1];  /* and where the last one ends */
    uint64_t numbers[MOST_SIDE_ENTRIES];
    uint64_t sum;
} reading;

static inline uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
    return x ^ (x >> 32);
}

/* Each step can be undone, so no two entries of one length that differ in one place only have one number. */
static uint64_t number_of(const uint8_t *octets, size_t size)
{
    uint64_t sum = mixed(size + 0x9E3779B97F4A7C15u), part;
    for (; size >= 8; size -= 8, octets += 8) {
        memcpy(&part, octets, 8);
        sum = (sum ^ part) * 0xBF58476D1CE4E5B9u;
        sum ^= sum >> 29;
    }
    part = 0;
    memcpy(&part, octets, size);
    return mixed(sum ^ part);
}

static void read_entries(reading *r, const uint8_t *data, ptrdiff_t size)
{
    cut all = {data, data + size}, content;
    r->count = 0;
    r->sum = 0;
    r->starts[0] = 0;
    while (all.p != all.e) {
        const uint8_t *start = all.p;
        if (!take_tagged(&all, 0x30, &content)) {
            r->whole = 0;
            return;
        }
        r->sum += r->numbers[r->count] = number_of(start, (size_t)(all.p - start));
        r->starts[++r->count] = (int)(all.p - data);
    }
    r->whole = 1;
}

/* Does an entry begin here, or does the last one end here? */
static int is_between(const reading *r, ptrdiff_t at)
{
    int low = 0, high = r->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (r->starts[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return r->starts[low] == at;
}

/* Are these entries there in this order, with any others between them? */
static int is_part_of(const reading *told, const reading *side)
{
    int at = 0;
    for (int i = 0; i < told->count; i++, at++) {
        while (at < side->count && side->numbers[at] != told->numbers[i])
            at++;
        if (at == side->count)
            return 0;
    }
    return 1;
}
#endif
