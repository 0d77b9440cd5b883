/* The map of reached edges, and the place of planted faults; see rig.c. */
#ifndef RIG_H
#define RIG_H

#include <stddef.h>
#include <stdint.h>

#define RIG_BITS 16
#define RIG_SLOTS (1 << RIG_BITS)

extern uint8_t rig_edges[RIG_SLOTS];
extern uint32_t rig_touched[RIG_SLOTS];
extern uint32_t rig_touched_count;
extern uint32_t rig_previous;

int rig_after(const uint8_t *data, ptrdiff_t size, int outcome, ptrdiff_t *count);
int rig_split(const uint8_t *data, ptrdiff_t size, int verdict, ptrdiff_t *end);
int rig_told(const uint8_t *data, ptrdiff_t size, int outcome, const uint8_t *told, ptrdiff_t *used);

static inline void rig_start(void)
{
    for (uint32_t i = 0; i < rig_touched_count; i++)
        rig_edges[rig_touched[i]] = 0;
    rig_touched_count = 0;
    rig_previous = 0;
}

/* An edge taken once, twice, or more often are three different things to know. */
static inline uint8_t rig_class(uint8_t times)
{
    return times == 1 ? 1 : times == 2 ? 2 : times < 16 ? 4 : 8;
}

/* How many classes of edges the last input reached that ``seen`` has not; they are noted there if ``keep``. */
static inline int rig_new(uint8_t *seen, int keep)
{
    int fresh = 0;
    for (uint32_t i = 0; i < rig_touched_count; i++) {
        uint32_t slot = rig_touched[i];
        uint8_t bit = rig_class(rig_edges[slot]);
        if (!(seen[slot] & bit)) {
            fresh++;
            if (keep)
                seen[slot] |= bit;
        }
    }
    return fresh;
}
#endif
