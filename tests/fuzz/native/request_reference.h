/* A second reading of an OCSPRequest, written from RFC 6960 and X.690 and the decoder's documented rules.
 *
 * It shares no code with the decoder and goes another way: each element is first cut into all of its children,
 * and only then asked whether these are the right ones. It says what is taken and where it stands, not why not.
 */
#ifndef REQUEST_REFERENCE_H
#define REQUEST_REFERENCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MOST_REQUESTS = 32, MOST_OF_OTHERS = 16, MOST_OCTETS = 16384, ANY_NUMBER = MOST_OCTETS / 2 };

typedef struct {
    const uint8_t *p;
    int n;
} text;

typedef struct {
    int tag;
    text whole, content;
} part;

typedef struct {
    int start, end, kind, null, name_hash, key_hash, hash_size, serial, serial_size;
} reference_cert_id;

typedef struct {
    int count, nonce, nonce_size, is_signed, tbs[2], algorithm[2], signature[2], certs[2];
    reference_cert_id ids[MOST_REQUESTS];
} reference_request;

/* X.690 section 10.1: tag and length as DER writes them, to be compared with what stands there. */
static int der_head(uint8_t *out, int tag, int length)
{
    int n = 1;
    out[0] = (uint8_t)tag;
    if (length >= 256)
        out[n++] = 0x82, out[n++] = (uint8_t)(length / 256);
    else if (length >= 128)
        out[n++] = 0x81;
    out[n++] = (uint8_t)(length % 256);
    return n;
}

/* The elements that ``from`` consists of, at most ``room``; -1 where it is anything else. */
static int split(text from, part *parts, int room)
{
    int count = 0;
    while (from.n > 0) {
        uint8_t head[4];
        int length = 0, size = 2, n;
        if (count == room || from.n < 2 || from.p[0] % 32 == 31)
            return -1;
        if (from.p[1] < 128)
            length = from.p[1];
        else if (from.p[1] == 0x81 && from.n > 2)
            length = from.p[2], size = 3;
        else if (from.p[1] == 0x82 && from.n > 3)
            length = from.p[2] * 256 + from.p[3], size = 4;
        else
            return -1;
        n = der_head(head, from.p[0], length);
        if (n != size || memcmp(head, from.p, (size_t)n) != 0 || from.n - n < length)
            return -1;
        parts[count++] = (part){head[0], {from.p, n + length}, {from.p + n, length}};
        from = (text){from.p + n + length, from.n - n - length};
    }
    return count;
}

/* The only element that ``from`` consists of, if it has this tag. */
static int only(text from, int tag, text *content)
{
    part one;
    if (split(from, &one, 1) != 1 || one.tag != tag)
        return 0;
    *content = one.content;
    return 1;
}

static int identifies(part one)
{
    if (one.tag != 6 || one.content.n < 1 || one.content.n > 64)
        return 0;
    for (int i = 0, begins = 1; i < one.content.n; i++) {
        if (begins && one.content.p[i] == 128)
            return 0;
        begins = one.content.p[i] / 128 == 0;
        if (i == one.content.n - 1 && !begins)
            return 0;
    }
    return 1;
}

static int same(text one, const char *other, int size)
{
    return one.n == size && memcmp(one.p, other, (size_t)size) == 0;
}

#define BELOW_OCSP(one, last) same((one).content, "\x2B\x06\x01\x05\x05\x07\x30\x01" last, 9)

static int nonce_of(const uint8_t *data, text value, reference_request *out)
{
    text inner = value;
    (void)only(value, 4, &inner);
    out->nonce = (int)(value.p - data);
    out->nonce_size = value.n;
    return inner.n >= 1 && inner.n <= 128;
}

static int acceptable(text value)
{
    static part types[ANY_NUMBER];
    int basic = 0, count;
    if (!only(value, 0x30, &value) || (count = split(value, types, ANY_NUMBER)) < 0)
        return 0;
    for (int i = 0; i < count; i++) {
        if (!identifies(types[i]))
            return 0;
        basic |= BELOW_OCSP(types[i], "\x01");
    }
    return basic;
}

static int extensions_are_good(const uint8_t *data, text from, int of_one, reference_request *out)
{
    part each[MOST_OF_OTHERS], ids[MOST_OF_OTHERS], fields[3];
    int count;
    if (!only(from, 0x30, &from) || (count = split(from, each, MOST_OF_OTHERS)) < 1)
        return 0;
    for (int i = 0; i < count; i++) {
        int n = split(each[i].content, fields, 3), critical = n == 3;
        if (each[i].tag != 0x30 || n < 2 || !identifies(fields[0]) || fields[n - 1].tag != 4)
            return 0;
        if (critical && !same(fields[1].whole, "\x01\x01\xFF", 3))
            return 0;
        ids[i] = fields[0];
        for (int j = 0; j < i; j++)
            if (same(ids[j].whole, (const char *)ids[i].whole.p, ids[i].whole.n))
                return 0;
        if (!of_one && BELOW_OCSP(ids[i], "\x02")) {
            if (!nonce_of(data, fields[n - 1].content, out))
                return 0;
        } else if (!of_one && BELOW_OCSP(ids[i], "\x04")) {
            if (!acceptable(fields[n - 1].content))
                return 0;
        } else if (critical && (of_one || !BELOW_OCSP(ids[i], "\x08")))
            return 0;
    }
    return 1;
}

static int cert_id_is_good(const uint8_t *data, part one, reference_cert_id *out)
{
    static const struct {
        const char *oid;
        int oid_size, kind, digest;
    } known[] = {
        {"\x2B\x0E\x03\x02\x1A", 5, 0, 20},
        {"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9, 1, 32},
        {"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9, 2, 48},
        {"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9, 3, 64},
    };
    part fields[4], algorithm[2];
    int n;
    if (one.tag != 0x30 || split(one.content, fields, 4) != 4)
        return 0;
    if (fields[0].tag != 0x30 || fields[1].tag != 4 || fields[2].tag != 4 || fields[3].tag != 2)
        return 0;
    n = split(fields[0].content, algorithm, 2);
    if (n < 1 || !identifies(algorithm[0]) || (n == 2 && !same(algorithm[1].whole, "\x05\x00", 2)))
        return 0;
    text name = fields[1].content, key = fields[2].content, serial = fields[3].content;
    int kind = 255, digest = name.n;
    for (int i = 0; i < 4; i++)
        if (same(algorithm[0].content, known[i].oid, known[i].oid_size))
            kind = known[i].kind, digest = known[i].digest;
    if (digest == 0 || name.n != digest || key.n != digest || serial.n == 0)
        return 0;
    if (serial.n > 1) { /* X.690 section 8.3.2: the first nine bits are not all the same */
        int nine = (serial.p[0] * 256 + serial.p[1]) / 128;
        if (nine == 0 || nine == 511)
            return 0;
    }
    *out = (reference_cert_id){
        .start = (int)(one.whole.p - data),
        .end = (int)(one.whole.p - data) + one.whole.n,
        .kind = kind,
        .null = n == 2,
        .name_hash = (int)(name.p - data),
        .key_hash = (int)(key.p - data),
        .hash_size = digest,
        .serial = (int)(serial.p - data),
        .serial_size = serial.n,
    };
    return 1;
}

static int tbs_is_good(const uint8_t *data, text tbs, reference_request *out)
{
    part fields[4], requests[MOST_REQUESTS], pair[2], name;
    int n = split(tbs, fields, 4), i = 0;
    if (i < n && fields[i].tag == 0xA0 && !same(fields[i++].content, "\x02\x01\x00", 3))
        return 0;
    if (i < n && fields[i].tag == 0xA1) {
        static const uint8_t general_names[] = {0xA0, 0x81, 0x82, 0xA3, 0xA4, 0xA5, 0x86, 0x87, 0x88};
        if (split(fields[i++].content, &name, 1) != 1 || memchr(general_names, name.tag, 9) == NULL)
            return 0;
    }
    if (i >= n || fields[i].tag != 0x30 || (out->count = split(fields[i++].content, requests, MOST_REQUESTS)) < 1)
        return 0;
    for (int j = 0; j < out->count; j++) {
        int parts = split(requests[j].content, pair, 2);
        if (requests[j].tag != 0x30 || parts < 1 || !cert_id_is_good(data, pair[0], out->ids + j))
            return 0;
        if (parts == 2 && (pair[1].tag != 0xA0 || !extensions_are_good(data, pair[1].content, 1, out)))
            return 0;
    }
    if (i < n && (fields[i].tag != 0xA2 || !extensions_are_good(data, fields[i++].content, 0, out)))
        return 0;
    return i == n;
}

static void note_span(const uint8_t *data, text of, int span[2])
{
    span[0] = (int)(of.p - data);
    span[1] = span[0] + of.n;
}

static int signature_is_good(const uint8_t *data, text from, reference_request *out)
{
    part fields[3], algorithm[2], certificates[MOST_OF_OTHERS];
    int n, count;
    if (!only(from, 0x30, &from) || (n = split(from, fields, 3)) < 2)
        return 0;
    if (fields[0].tag != 0x30 || split(fields[0].content, algorithm, 2) < 1 || !identifies(algorithm[0]))
        return 0;
    text bits = fields[1].content;
    if (fields[1].tag != 3 || bits.n == 0 || bits.p[0] != 0)
        return 0;
    out->is_signed = 1;
    note_span(data, fields[0].whole, out->algorithm);
    note_span(data, (text){bits.p + 1, bits.n - 1}, out->signature);
    text certs = {bits.p + bits.n, 0};
    if (n == 3) {
        if (fields[2].tag != 0xA0 || !only(fields[2].content, 0x30, &certs))
            return 0;
        count = split(certs, certificates, MOST_OF_OTHERS);
        for (int i = 0; i < count; i++)
            if (certificates[i].tag != 0x30)
                return 0;
        if (count < 0)
            return 0;
    }
    note_span(data, certs, out->certs);
    return 1;
}

/* 1 where these octets are one whole OCSPRequest, and ``out`` says where everything stands; else 0. */
static int reference_reads(const uint8_t *data, ptrdiff_t size, reference_request *out)
{
    text whole;
    part fields[2];
    int n;
    memset(out, 0, offsetof(reference_request, ids));
    if (size < 1 || size > MOST_OCTETS || !only((text){data, (int)size}, 0x30, &whole))
        return 0;
    n = split(whole, fields, 2);
    if (n < 1 || fields[0].tag != 0x30 || !tbs_is_good(data, fields[0].content, out))
        return 0;
    note_span(data, fields[0].whole, out->tbs);
    return n == 1 || (fields[1].tag == 0xA0 && signature_is_good(data, fields[1].content, out));
}
#endif
