/* Changes one input into another that nobody would have thought of.
 *
 * Half of the changes know that the octets are elements within elements and repair the lengths around what they
 * change, so that the decoder gets past the outer elements; the other half knows nothing.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include <stddef.h>
#include <stdint.h>

#ifndef MUTATE_DEEPEST
#define MUTATE_DEEPEST 6
#endif

enum { MOST_SPANS = 96, DEEPEST = MUTATE_DEEPEST };

/* Copies of our own octets: through memcpy and memmove the sanitizer would check each of them, for nothing. */
static inline void copy(uint8_t *to, const uint8_t *from, int size)
{
    for (int i = 0; i < size; i++)
        to[i] = from[i];
}

static inline void fill(uint8_t *to, uint8_t octet, int size)
{
    for (int i = 0; i < size; i++)
        to[i] = octet;
}

/* Within one buffer, where the two may overlap. */
static inline void shift(uint8_t *to, const uint8_t *from, int size)
{
    if (to <= from)
        for (int i = 0; i < size; i++)
            to[i] = from[i];
    else
        while (size--)
            to[size] = from[size];
}

typedef struct {
    uint64_t state;
} dice;

/* splitmix64: every seed is a good one. */
static inline uint64_t roll(dice *d)
{
    uint64_t z = (d->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline int below(dice *d, int limit)
{
    return (int)(((roll(d) >> 32) * (uint64_t)limit) >> 32);
}

/* An element: where its tag, its content and what follows it are, and which element it lies in (-1: none). */
typedef struct {
    int at, start, end, parent;
} span;

typedef struct {
    uint8_t *data;
    int size, room;
} draft;

/* What is read loosely: an element whose content fits. Elements inside constructed ones and OCTET STRINGs too. */
static int outline(const uint8_t *d, int at, int end, int parent, int depth, span *spans, int n)
{
    while (at + 2 <= end && n < MOST_SPANS) {
        int length = d[at + 1], start = at + 2, self = n;
        if (length > 127) {
            int octets = length & 127;
            if (octets == 0 || octets > 3 || start + octets > end)
                break;
            for (length = 0; octets; octets--)
                length = length << 8 | d[start++];
        }
        if (length > end - start)
            break;
        spans[n++] = (span){at, start, start + length, parent};
        if ((d[at] & 0x20 || d[at] == 0x04) && depth < DEEPEST)
            n = outline(d, start, start + length, self, depth + 1, spans, n);
        at = start + length;
    }
    return n;
}

/* Octets [from, to) become ``with``; false where there is no room. */
static int put(draft *x, int from, int to, const uint8_t *with, int size)
{
    if (x->size - (to - from) + size > x->room)
        return 0;
    shift(x->data + from + size, x->data + to, x->size - to);
    shift(x->data + from, with, size);
    x->size += size - (to - from);
    return 1;
}

static int length_octets(uint8_t *out, int length)
{
    if (length < 0x80) {
        out[0] = (uint8_t)length;
        return 1;
    }
    int octets = length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;
    out[0] = (uint8_t)(0x80 | octets);
    for (int i = 0; i < octets; i++)
        out[1 + i] = (uint8_t)(length >> (8 * (octets - 1 - i)));
    return 1 + octets;
}

/* The content of span ``index`` has grown by ``more`` octets: its length and those around it say so. */
static void repair(draft *x, const span *spans, int index, int more)
{
    for (; index >= 0; index = spans[index].parent) {
        const span *s = spans + index;
        uint8_t field[4];
        int length = s->end - s->start + more;
        if (length < 0)
            return;
        int size = length_octets(field, length);
        if (!put(x, s->at + 1, s->start, field, size))
            return;
        more += size - (s->start - s->at - 1);
    }
}

static void exchange(draft *x, const span *spans, int parent, int from, int to, const uint8_t *with, int size,
                     int mend)
{
    if (put(x, from, to, with, size) && mend)
        repair(x, spans, parent, size - (to - from));
}

static const uint8_t OCTETS[] = {0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x0A, 0x0D, 0x0F, 0x13, 0x14, 0x15, 0x17, 0x18,
                                 0x1D, 0x1F, 0x20, 0x23, 0x30, 0x31, 0x39, 0x3A, 0x55, 0x5A, 0x7F, 0x80, 0x81, 0x82,
                                 0x83, 0x84, 0x88, 0x89, 0xA0, 0xFE, 0xFF};
static const uint8_t PAIRS[] = {0, 1, 2, 3, 4, 6, 9, 11, 12, 13, 19, 20, 21, 23, 24, 28, 29, 30, 31, 32, 49, 50, 59,
                                60, 61, 99};

#ifndef MUTATE_REQUESTS /* request_pieces.h has these of its own */
static const uint8_t TAGS[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x17, 0x18, 0x1F, 0x30, 0x31, 0x3F, 0xA0};

/* Whole extensions, one for each rule of RFC 5280 section 5.3 that an entry can keep or break. */
#define PIECE(text) {(const uint8_t *)(text), (int)sizeof(text) - 1}
static const struct {
    const uint8_t *octets;
    int size;
} PIECES[] = {
    PIECE("\x30\x0A\x06\x03\x55\x1D\x15\x04\x03\x0A\x01\x01"),
    PIECE("\x30\x0B\x06\x03\x55\x1D\x15\x04\x04\x0A\x02\x00\x80"),
    PIECE("\x30\x0B\x06\x03\x55\x1D\x15\x04\x04\x0A\x02\x00\xFE"),
    PIECE("\x30\x0B\x06\x03\x55\x1D\x15\x04\x04\x0A\x02\x00\xFF"),
    PIECE("\x30\x0D\x06\x03\x55\x1D\x15\x01\x01\xFF\x04\x03\x0A\x01\x06"),
    PIECE("\x30\x0D\x06\x03\x55\x1D\x15\x01\x01\x00\x04\x03\x0A\x01\x06"),
    PIECE("\x30\x18\x06\x03\x55\x1D\x18\x04\x11\x18\x0F" "20261119000000Z"),
    PIECE("\x30\x11\x06\x03\x55\x1D\x17\x04\x0A\x06\x08\x2A\x86\x48\xCE\x38\x02\x02\x01"),
    PIECE("\x30\x0B\x06\x03\x55\x1D\x1D\x04\x04\x30\x02\xA4\x00"),
    PIECE("\x30\x09\x06\x03\x2A\x03\x04\x04\x02\x05\x00"),
    PIECE("\x30\x0C\x06\x03\x2A\x03\x05\x01\x01\xFF\x04\x02\x05\x00"),
    PIECE("\x02\x01\x05"),
    PIECE("\x02\x14\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
    PIECE("\x17\x0D" "491231235959Z"),
    PIECE("\x18\x0F" "20500101000000Z"),
    PIECE("\x18\x0F" "99991231235959Z"),
    PIECE("\x01\x01\xFF"),
    PIECE("\x30\x00"),
    PIECE("\x30\x12\x02\x01\x07\x17\x0D" "261119000000Z"),
};
#endif

static void raw_change(draft *x, dice *d)
{
    uint8_t fresh[4];
    int at, size;
    if (x->size == 0)
        return;
    at = below(d, x->size);
    switch (below(d, 9)) {
    case 0:
        x->data[at] ^= (uint8_t)(1 << below(d, 8));
        break;
    case 1:
        x->data[at] = (uint8_t)roll(d);
        break;
    case 2:
    case 3:
        x->data[at] = OCTETS[below(d, sizeof OCTETS)];
        break;
    case 4:
        x->data[at] = (uint8_t)(x->data[at] + below(d, 9) - 4);
        break;
    case 5:
        size = 1 + below(d, 4);
        for (int i = 0; i < size; i++)
            fresh[i] = below(d, 2) ? (uint8_t)roll(d) : OCTETS[below(d, sizeof OCTETS)];
        put(x, at, at, fresh, size);
        break;
    case 6:
        size = 1 + below(d, 4);
        put(x, at, at + size > x->size ? x->size : at + size, fresh, 0);
        break;
    case 7:
        x->size = at;
        break;
    default: /* a copy of some octets elsewhere */
        size = 1 + below(d, x->size - at < 32 ? x->size - at : 32);
        if (x->size + size <= x->room) {
            uint8_t same[32];
            int to = below(d, x->size + 1);
            copy(same, x->data + at, size);
            put(x, to, to, same, size);
        }
    }
}

/* A length that says something else than it should, in a form of its own. */
static void length_change(draft *x, dice *d, const span *s)
{
    uint8_t field[12];
    int length = s->end - s->start, size = 1;
    switch (below(d, 8)) {
    case 0:
        size = length_octets(field, length + 1 + below(d, 3));
        break;
    case 1:
        size = length_octets(field, length ? length - 1 : 0);
        break;
    case 2:
        field[0] = 0x80;
        break;
    case 3: /* right, in more octets than it needs */
        size = 2 + below(d, 9);
        fill(field, 0, sizeof field);
        field[0] = (uint8_t)(0x80 | (size - 1));
        field[size - 1] = (uint8_t)length;
        if (size > 2)
            field[size - 2] = (uint8_t)(length >> 8);
        break;
    case 4: /* enormous: at the ends of what a signed or an unsigned 64-bit number can say */
        size = 2 + below(d, 9);
        fill(field, below(d, 2) ? 0xFF : 0, sizeof field);
        field[0] = (uint8_t)(0x80 | (size - 1));
        field[1] = below(d, 2) ? 0x7F : 0x80;
        break;
    case 5:
        field[0] = (uint8_t)(0x80 | below(d, 128));
        break;
    case 6:
        size = length_octets(field, x->size - s->start + below(d, 3) - 1);
        break;
    default:
        size = length_octets(field, below(d, 300));
    }
    put(x, s->at + 1, s->start, field, size);
}

static void element_change(draft *x, dice *d, const uint8_t *donor, const span *donor_spans, int donor_count)
{
    span spans[MOST_SPANS];
    uint8_t fresh[160];
    int count = outline(x->data, 0, x->size, -1, 0, spans, 0), mend = below(d, 16) != 0, size, other;
    if (count == 0) {
        raw_change(x, d);
        return;
    }
    const int chosen = below(d, count);
    const span s = spans[chosen];
    const span *give = donor_count ? donor_spans + below(d, donor_count) : NULL;
    switch (below(d, 13)) {
    case 0:
        exchange(x, spans, s.parent, s.at, s.end, fresh, 0, mend);
        break;
    case 1: /* the same once more, or often: many entries, many extensions */
        size = s.end - s.at;
        if (size <= (int)sizeof fresh) {
            int times = below(d, 4) ? 1 : 1 + below(d, 20);
            copy(fresh, x->data + s.at, size);
            if (x->size + times * size + 16 <= x->room) {
                for (int i = 0; i < times; i++)
                    put(x, s.end, s.end, fresh, size);
                if (mend)
                    repair(x, spans, s.parent, times * size);
            }
        }
        break;
    case 2:
        if (give)
            exchange(x, spans, s.parent, s.at, s.end, donor + give->at, give->end - give->at, mend);
        break;
    case 3:
        if (give)
            exchange(x, spans, s.parent, s.at, s.at, donor + give->at, give->end - give->at, mend);
        break;
    case 4: /* with the element before it or after it: the order is wrong then */
        other = below(d, count);
        if (spans[other].parent == s.parent && spans[other].at == s.end && s.end - s.at <= (int)sizeof fresh) {
            size = s.end - s.at;
            copy(fresh, x->data + s.at, size);
            shift(x->data + s.at, x->data + s.end, spans[other].end - s.end);
            copy(x->data + s.at + spans[other].end - s.end, fresh, size);
        }
        break;
    case 5:
        x->data[s.at] = TAGS[below(d, sizeof TAGS)];
        break;
    case 6:
        length_change(x, d, &s);
        break;
    case 7: { /* other content: around the greatest serial (20 octets), OBJECT IDENTIFIER (64), short length (127) */
        static const uint8_t sizes[] = {0, 1, 2, 3, 19, 20, 21, 22, 63, 64, 65, 66, 126, 127, 128, 130};
        size = below(d, 4) ? sizes[below(d, 8)] : sizes[below(d, sizeof sizes)];
        uint8_t octet = below(d, 2) ? OCTETS[below(d, sizeof OCTETS)] : 1;
        fill(fresh, octet, size);
        if (size && below(d, 2))
            fresh[0] = OCTETS[below(d, sizeof OCTETS)];
        exchange(x, spans, chosen, s.start, s.end, fresh, size, mend);
        break;
    }
    case 8:
    case 9: /* a date's digits: the ends of every range */
        for (int tries = 0; tries < 4; tries++) {
            const span *t = spans + below(d, count);
            size = t->end - t->start;
            if (size == 13 || size == 15) {
                int value = PAIRS[below(d, sizeof PAIRS)], at = t->start + 2 * below(d, size / 2);
                x->data[at] = (uint8_t)('0' + value / 10);
                x->data[at + 1] = (uint8_t)('0' + value % 10);
                if (below(d, 16) == 0)
                    x->data[at + below(d, 2)] = below(d, 2) ? 0x2F : 0x3A;
                break;
            }
        }
        break;
    case 10:
    case 11: { /* a ready piece, beside this element or instead of it */
        int piece = below(d, (int)(sizeof PIECES / sizeof PIECES[0]));
        exchange(x, spans, s.parent, s.at, below(d, 2) ? s.at : s.end, PIECES[piece].octets, PIECES[piece].size,
                 mend);
        break;
    }
    default: /* the head of this one and the tail of another */
        if (give && give->parent < 0) {
            int tail = donor_spans[donor_count - 1].end - give->at;
            if (tail > 0)
                put(x, s.at, x->size, donor + give->at, tail);
        }
    }
}

static void mutate(draft *x, dice *d, const uint8_t *donor, const span *donor_spans, int donor_count)
{
    int changes = 1 + (below(d, 3) == 0) * below(d, 4);
    while (changes--)
        if (below(d, 8) < 6)
            element_change(x, d, donor, donor_spans, donor_count);
        else
            raw_change(x, d);
    if (x->size == 0 && x->room) {
        x->data[0] = (uint8_t)roll(d);
        x->size = 1;
    }
}
#endif
