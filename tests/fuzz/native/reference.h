/* A second reading of revokedCertificates, written from RFC 5280 and X.690 and the decoder's documented rules.
 *
 * It shares no code and no arithmetic with the decoder: what it takes, and each record, must be the same.
 * It says how many whole entries stand before the first that is refused, and where that one begins.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { EXTENSIONS_ALLOWED = 1, EXPLICIT_DEFAULT = 2, GENERALIZED_BEFORE_2050 = 4, CERTIFICATE_ISSUERS = 8 };
enum { RECORD_SIZE = 32, MOST_EXTENSIONS = 16, LONGEST_OID = 64 };

typedef struct {
    const uint8_t *p, *e;
} cut;

/* X.690 sections 8.1 and 10.1. Moves ``from`` behind the element. */
static int take(cut *from, int *tag, cut *content)
{
    size_t left = (size_t)(from->e - from->p), head = 2, size;
    if (left < 2 || (from->p[0] & 31) == 31)
        return 0;
    *tag = from->p[0];
    size = from->p[1];
    if (size > 127) {
        size_t octets = size - 128, value = 0;
        if (octets == 0 || octets > 8 || left - 2 < octets || from->p[2] == 0)
            return 0;
        for (size_t i = 0; i < octets; i++)
            value = value * 256 + from->p[2 + i];
        if (value < 128)
            return 0;
        size = value;
        head += octets;
    }
    if (size > left - head)
        return 0;
    content->p = from->p + head;
    content->e = from->p = content->p + size;
    return 1;
}

static int take_tagged(cut *from, int tag, cut *content)
{
    int found;
    return take(from, &found, content) && found == tag;
}

static int digits(const uint8_t *text, int count, int *value)
{
    for (*value = 0; count--; text++) {
        if (*text < '0' || *text > '9')
            return 0;
        *value = *value * 10 + (*text - '0');
    }
    return 1;
}

/* RFC 5280 sections 4.1.2.5.1 and 4.1.2.5.2; seconds since 1970. */
static int moment_of(int tag, cut content, int any_year, int64_t *seconds)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    const uint8_t *text = content.p;
    ptrdiff_t size = content.e - content.p;
    int long_year = tag == 0x18, year, month, day, hour, minute, second, leap;
    int64_t past;
    if (size != (long_year ? 15 : 13) || text[size - 1] != 'Z' || !digits(text, long_year ? 4 : 2, &year))
        return 0;
    text += long_year ? 4 : 2;
    if (!digits(text, 2, &month) || !digits(text + 2, 2, &day) || !digits(text + 4, 2, &hour) ||
        !digits(text + 6, 2, &minute) || !digits(text + 8, 2, &second))
        return 0;
    if (!long_year)
        year += year < 50 ? 2000 : 1900;
    else if (year < 2050 && !any_year)
        return 0;
    leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    if (year == 0 || month == 0 || month > 12 || hour > 23 || minute > 59 || second > 59 || day == 0 ||
        day > before[month] - before[month - 1] + (month == 2 && leap))
        return 0;
    past = year - 1;
    *seconds = past * 365 + past / 4 - past / 100 + past / 400 + before[month - 1] + (month > 2 && leap) + day - 1;
    *seconds = ((*seconds - 719162) * 24 + hour) * 3600 + minute * 60 + second;
    return 1;
}

/* X.690 section 8.19: no arc begins with 0x80, and the last octet ends one. */
static int arcs(cut oid)
{
    ptrdiff_t size = oid.e - oid.p;
    if (size < 1 || size > LONGEST_OID || oid.p[0] == 0x80)
        return 0;
    for (ptrdiff_t i = 1; i < size; i++)
        if (oid.p[i] == 0x80 && oid.p[i - 1] < 0x80)
            return 0;
    return oid.e[-1] < 0x80;
}

static int extension_value(cut oid, int critical, cut value, int flags, uint8_t *record)
{
    int tag;
    int64_t ignored;
    cut inner;
    if (oid.e - oid.p != 3 || oid.p[0] != 0x55 || oid.p[1] != 0x1D)
        return !critical;
    switch (oid.p[2]) {
    case 21: /* RFC 5280 section 5.3.1, reasonCode: not negative, fewest octets, 0 to 254 */
        if (!take_tagged(&value, 0x0A, &inner) || value.p != value.e)
            return 0;
        if (inner.e - inner.p == 2 && inner.p[0] == 0 && inner.p[1] > 127 && inner.p[1] < 255)
            inner.p++;
        else if (inner.e - inner.p != 1 || inner.p[0] > 127)
            return 0;
        record[21] = inner.p[0];
        return 1;
    case 24: /* RFC 5280 section 5.3.2, invalidityDate */
        record[22] |= 1;
        return take(&value, &tag, &inner) && tag == 0x18 && moment_of(tag, inner, 1, &ignored) &&
               value.p == value.e;
    case 29: /* RFC 5280 section 5.3.3, certificateIssuer: for the reader of an indirect list alone */
        record[22] |= 2;
        return (flags & CERTIFICATE_ISSUERS) != 0;
    case 23: /* RFC 3280 section 5.3.2, holdInstructionCode */
        return take_tagged(&value, 0x06, &inner) && value.p == value.e;
    default:
        return !critical;
    }
}

static int extensions(cut all, int flags, uint8_t *record)
{
    cut list, seen[MOST_EXTENSIONS];
    int count = 0;
    if (!(flags & EXTENSIONS_ALLOWED) || !take_tagged(&all, 0x30, &list) || all.p != all.e || list.p == list.e)
        return 0;
    for (; list.p != list.e; count++) {
        cut one, oid, value;
        int tag, critical = 0;
        if (count == MOST_EXTENSIONS || !take_tagged(&list, 0x30, &one) || !take_tagged(&one, 0x06, &oid) ||
            !arcs(oid) || !take(&one, &tag, &value))
            return 0;
        for (int i = 0; i < count; i++)
            if (seen[i].e - seen[i].p == oid.e - oid.p && !memcmp(seen[i].p, oid.p, (size_t)(oid.e - oid.p)))
                return 0;
        seen[count] = oid;
        if (tag == 0x01) {
            if (value.e - value.p != 1 || (value.p[0] != 0 && value.p[0] != 255))
                return 0;
            critical = value.p[0] == 255;
            if ((!critical && !(flags & EXPLICIT_DEFAULT)) || !take(&one, &tag, &value))
                return 0;
        }
        if (tag != 0x04 || one.p != one.e || !extension_value(oid, critical, value, flags, record))
            return 0;
    }
    return 1;
}

static int reference_entry(cut entry, int flags, uint8_t *record)
{
    cut serial, date;
    int tag;
    int64_t seconds;
    ptrdiff_t size;
    if (!take_tagged(&entry, 0x02, &serial))
        return 0;
    size = serial.e - serial.p;
    if (size < 1 || size > 20)
        return 0;
    /* X.690 section 8.3.2: the first nine bits are not all alike. */
    if (size > 1 && (serial.p[0] == 0 || serial.p[0] == 255) && (serial.p[0] ^ serial.p[1]) < 128)
        return 0;
    if (!take(&entry, &tag, &date) || (tag != 0x17 && tag != 0x18) ||
        !moment_of(tag, date, (flags & GENERALIZED_BEFORE_2050) != 0, &seconds))
        return 0;
    memset(record, 0, RECORD_SIZE);
    record[0] = (uint8_t)size;
    memcpy(record + 1, serial.p, (size_t)size);
    record[21] = 255;
    memcpy(record + 24, &seconds, 8); /* the hosts are little-endian, as the record is */
    return entry.p == entry.e || extensions(entry, flags, record);
}

/* Whole entries from the first one; ``*refused_at`` is the octet of the first refused one, or ``size``. */
static ptrdiff_t reference_read(const uint8_t *data, ptrdiff_t size, int flags, uint8_t *records,
                                ptrdiff_t room, ptrdiff_t *refused_at)
{
    cut all = {data, data + size};
    ptrdiff_t count = 0;
    while (all.p != all.e && count < room) {
        cut entry;
        *refused_at = all.p - data;
        if (!take_tagged(&all, 0x30, &entry) || !reference_entry(entry, flags, records + count * RECORD_SIZE))
            return count;
        count++;
    }
    *refused_at = size;
    return count;
}

/* Elements side by side, by their lengths alone; -1 where they do not end where the octets end. */
static ptrdiff_t hop(const uint8_t *data, ptrdiff_t size)
{
    ptrdiff_t at = 0, count = 0;
    while (at < size) {
        uint64_t length;
        ptrdiff_t octets = 0;
        if (size - at < 2)
            return -1;
        length = data[at + 1];
        if (length & 0x80) {
            octets = (ptrdiff_t)(length & 0x7F);
            length = 0;
            if (octets == 0 || octets > 8 || size - at - 2 < octets)
                return -1;
            for (ptrdiff_t i = 0; i < octets; i++)
                length = length << 8 | data[at + 2 + i];
        }
        at += 2 + octets;
        if (length > (uint64_t)(size - at))
            return -1;
        at += (ptrdiff_t)length;
        count++;
    }
    return count;
}
#endif
