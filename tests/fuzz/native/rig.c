/* Preloaded beside the sanitizer's library: notes which edges an input reaches, and holds the planted faults.
 *
 * gcc -fsanitize-coverage=trace-pc calls __sanitizer_cov_trace_pc at every basic block of what is fuzzed.
 * A slot of the map stands for one edge (this block after that one). Offsets count from the module's own base,
 * so that address randomization changes nothing and a seed gives the same run again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#include "rig.h"

uint8_t rig_edges[RIG_SLOTS];
uint32_t rig_touched[RIG_SLOTS];
uint32_t rig_touched_count;
uint32_t rig_previous;

static uintptr_t base;

void __sanitizer_cov_trace_pc(void)
{
    uintptr_t here = (uintptr_t)__builtin_return_address(0);
    if (__builtin_expect(base == 0, 0)) {
        Dl_info found;
        base = dladdr((void *)here, &found) ? (uintptr_t)found.dli_fbase : 1;
    }
    uint32_t block = (uint32_t)(here - base);
    uint32_t slot = (block * 0x9E3779B1u ^ rig_previous) >> (32 - RIG_BITS);
    rig_previous = block * 0x85EBCA6Bu;
    if (rig_edges[slot] == 0)
        rig_touched[rig_touched_count++] = slot;
    if (rig_edges[slot] != 255)
        rig_edges[slot]++;
}

/* What stands after the decoder in every run. Does nothing unless a fault is planted, which the smoke test does
 * to see that the harness would notice one. */
int rig_after(const uint8_t *data, ptrdiff_t size, int outcome, ptrdiff_t *count)
{
#ifdef PLANT_OVER_READ
    /* One octet behind the input, on few inputs only. */
    if (outcome < 0 && size > 60 && data[0] == 0x30)
        return outcome + (*(const volatile uint8_t *)(data + size) & 0);
#endif
#ifdef PLANT_WRONG_COUNT
    if (outcome == 0 && *count == 3)
        --*count;
#endif
    (void)data;
    (void)size;
    (void)count;
    return outcome;
}

/* The same after a comparison of two lists, of which ``told`` are the entries that this side has alone. */
int rig_told(const uint8_t *data, ptrdiff_t size, int outcome, const uint8_t *told, ptrdiff_t *used)
{
#ifdef PLANT_OVER_READ
    if (outcome < 0 && size > 60 && data[0] == 0x30)
        return outcome + (*(const volatile uint8_t *)(data + size) & 0);
#endif
#ifdef PLANT_WRONG_COUNT
    /* Where it is one entry it is lost; what is left is in good order. */
    if (outcome == 0 && *used > 2 && *used == 2 + told[1])
        *used = 0;
#endif
    (void)data;
    (void)size;
    (void)told;
    (void)used;
    return outcome;
}

/* The same after the splitter of request heads, which has found one that ends at ``end`` where ``verdict`` is 1. */
int rig_split(const uint8_t *data, ptrdiff_t size, int verdict, ptrdiff_t *end)
{
#ifdef PLANT_OVER_READ
    if (verdict == 0 && size > 60 && data[0] == 'G')
        return verdict + (*(const volatile uint8_t *)(data + size) & 0);
#endif
#ifdef PLANT_WRONG_COUNT
    if (verdict == 1 && data[0] == 'H' && *end < size)
        ++*end;
#endif
    (void)data;
    (void)size;
    (void)end;
    return verdict;
}
