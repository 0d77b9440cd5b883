/* Another reading of a request head, a chunked body and a GET path, written from RFC 9112, RFC 4648 and RFC 3986.
 *
 * It shares nothing with the product: one octet after the other, a state, lines as C strings with their functions.
 * Slow and plain on purpose. Each tells after how many octets it knew: before that, more octets were needed.
 */
#ifndef HTTP_REFERENCE_H
#define HTTP_REFERENCE_H

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REF_PARTIAL, REF_WHOLE, REF_ODD, REF_TOO_LONG };
enum { REF_MOST = 8192 };

typedef struct {
    int verdict;
    ptrdiff_t decided; /* octets after which the verdict was known */
    int method, minor, keep, chunked, expect, identity, hosts, lengths, connections, encodings, fields;
    long long length;
    ptrdiff_t target, target_length, authorization, authorization_length, match, match_length;
    int singles[8];
} reading_of_head;

#define REF_IN_TOKENS "!#$%&'*+-.^_`|~"
#define REF_IN_HOSTS ".-_:[]"

/* How many letters, digits and octets of ``others`` the text begins with. */
static size_t ref_span(const char *text, const char *others)
{
    size_t size = 0;
    while (text[size] && (isalnum((unsigned char)text[size]) || strchr(others, text[size])))
        size++;
    return size;
}

static int ref_lower(int octet)
{
    return octet >= 'A' && octet <= 'Z' ? octet + 'a' - 'A' : octet;
}

/* In any case: strcasecmp, but that the sanitizer looks at each of its calls, for nothing. */
static int ref_is(const char *text, const char *name)
{
    while (*text && ref_lower(*text) == ref_lower(*name))
        text++, name++;
    return *text == *name;
}

static int ref_start_line(reading_of_head *r, char *line)
{
    static const char *const methods[] = {"", "POST", "GET", "HEAD"};
    char *one = strchr(line, ' '), *two = one ? strchr(one + 1, ' ') : NULL;
    if (!two || strchr(two + 1, ' ') || strchr(line, '#'))
        return 0;
    *one = *two = 0;
    for (int i = 1; i < 4; i++)
        if (strcmp(line, methods[i]) == 0)
            r->method = i;
    if (!r->method || one[1] != '/')
        return 0;
    if (strcmp(two + 1, "HTTP/1.0") && strcmp(two + 1, "HTTP/1.1"))
        return 0;
    r->minor = two[8] - '0';
    r->target = one + 1 - line;
    r->target_length = two - one - 1;
    r->keep = r->minor;
    return 1;
}

static int ref_field(reading_of_head *r, char *line, ptrdiff_t at)
{
    static const char *const singles[] = {"Content-Type", "User-Agent", "ETag", "Server",
                                          "Max-Forwards", "Content-Range", "Content-Location"};
    static const char *const never[] = {"Upgrade", "Proxy-Connection", "Sec-WebSocket-Key1"};
    size_t name = ref_span(line, REF_IN_TOKENS);
    if (++r->fields > 64 || name == 0 || line[name] != ':')
        return 0;
    line[name] = 0;
    char *value = line + name + 1 + strspn(line + name + 1, " \t");
    size_t size = strlen(value);
    int bare = size == 0 || (value[size - 1] != ' ' && value[size - 1] != '\t');
    while (size && strchr(" \t", value[size - 1]))
        value[--size] = 0;
    ptrdiff_t here = at + (value - line);
    if (ref_is(line, "Host"))
        return !r->hosts++ && size && ref_span(value, REF_IN_HOSTS) == size;
    if (ref_is(line, "Content-Length")) {
        r->length = atoll(value);
        return !r->lengths++ && bare && size && size <= 10 && strspn(value, "0123456789") == size;
    }
    if (ref_is(line, "Transfer-Encoding"))
        return !r->chunked++ && bare && !strcmp(value, "chunked");
    if (ref_is(line, "Connection")) {
        r->keep = ref_is(value, "keep-alive");
        return !r->connections++ && bare && (r->keep || ref_is(value, "close"));
    }
    if (ref_is(line, "Expect"))
        return !r->expect++ && ref_is(value, "100-continue");
    if (ref_is(line, "Authorization")) {
        int first = !r->authorization_length;
        r->authorization = here;
        r->authorization_length = (ptrdiff_t)size;
        return first && size;
    }
    if (ref_is(line, "If-None-Match")) {
        int first = !r->match_length;
        r->match = here;
        r->match_length = (ptrdiff_t)size;
        return first && size;
    }
    if (ref_is(line, "Content-Encoding")) {
        r->identity = ref_is(value, "identity");
        return !r->encodings++;
    }
    for (int i = 0; i < 7; i++)
        if (ref_is(line, singles[i]) && r->singles[i]++)
            return 0;
    for (int i = 0; i < 3; i++)
        if (ref_is(line, never[i]))
            return 0;
    return 1;
}

static void reference_head(const uint8_t *data, ptrdiff_t size, reading_of_head *r)
{
    char line[REF_MOST + 1];
    int length = 0, lines = 0, after_cr = 0;
    ptrdiff_t start = 0;
    memset(r, 0, sizeof *r);
    r->length = -1;
    r->identity = 1;
    for (ptrdiff_t at = 0; at < size; at++) {
        int octet = data[at], fine;
        r->decided = at + 1;
        r->verdict = REF_ODD;
        if (at == REF_MOST) {
            r->verdict = REF_TOO_LONG;
            return;
        }
        if (!after_cr) {
            after_cr = octet == '\r';
            if (after_cr)
                continue;
            if (!(octet >= ' ' && octet <= '~') && !(octet == '\t' && lines))
                return;
            line[length++] = (char)octet;
            continue;
        }
        if (octet != '\n')
            return;
        line[length] = 0;
        if (lines && length == 0) {
            fine = r->minor ? r->hosts == 1 : !r->chunked && !r->expect;
            fine = fine && !(r->chunked && r->lengths);
            if (r->method != 1)
                fine = fine && !r->chunked && r->length <= 0;
            r->verdict = fine ? REF_WHOLE : REF_ODD;
            return;
        }
        if (!(lines++ ? ref_field(r, line, start) : ref_start_line(r, line)))
            return;
        after_cr = length = 0;
        start = at + 1;
    }
    r->verdict = REF_PARTIAL;
    r->decided = size + 1;
}

/* Octets on the wire, or 0, -1 odd, -2 too large; ``decided`` as above. */
static ptrdiff_t reference_chunked(const uint8_t *data, ptrdiff_t size, uint8_t *out, ptrdiff_t room,
                                   ptrdiff_t *body, ptrdiff_t *decided)
{
    enum { DIGITS, SIZE_LF, DATA, DATA_CR, DATA_LF, END_CR, END_LF } state = DIGITS;
    char digits[16];
    int count = 0, chunks = 0;
    unsigned long long left = 0;
    *body = 0;
    for (ptrdiff_t at = 0; at < size; at++) {
        int octet = data[at];
        *decided = at + 1;
        switch (state) {
        case DIGITS:
            if (octet == '\r' && count) {
                state = SIZE_LF;
            } else {
                if (!octet || !strchr("0123456789abcdefABCDEF", octet) || count == 8)
                    return -1;
                digits[count++] = (char)octet;
            }
            break;
        case SIZE_LF:
            if (octet != '\n')
                return -1;
            digits[count] = 0;
            left = strtoull(digits, NULL, 16);
            count = 0;
            if (left == 0) {
                state = END_CR;
                break;
            }
            if (++chunks > 256)
                return -1;
            if (left > (unsigned long long)(room - *body))
                return -2;
            state = DATA;
            break;
        case DATA:
            out[(*body)++] = (uint8_t)octet;
            if (--left == 0)
                state = DATA_CR;
            break;
        case DATA_CR:
        case END_CR:
            if (octet != '\r')
                return -1;
            state = state == DATA_CR ? DATA_LF : END_LF;
            break;
        case DATA_LF:
            if (octet != '\n')
                return -1;
            state = DIGITS;
            break;
        case END_LF:
            return octet == '\n' ? at + 1 : -1;
        }
    }
    *decided = size + 1;
    return 0;
}

/* As long as ``text`` at most. */
static int ref_unquote(char *text, int size)
{
    int length = 0;
    for (int at = 0; at < size; at++) {
        char hex[3] = {0}, *end;
        if (text[at] == '%' && at + 2 < size) {
            hex[0] = text[at + 1];
            hex[1] = text[at + 2];
            long value = strtol(hex, &end, 16);
            /* strtol takes a sign and white space too. */
            if (end == hex + 2 && strspn(hex, "0123456789abcdefABCDEF") == 2) {
                text[length++] = (char)value;
                at += 2;
                continue;
            }
        }
        text[length++] = text[at];
    }
    return length;
}

static ptrdiff_t reference_target(const uint8_t *data, ptrdiff_t size, uint8_t *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[8192];
    int length = 0, bits = 0, sextets = 0;
    uint32_t held = 0;
    ptrdiff_t made = 0;
    while (length < size && data[length] != '?') {
        if (length == 8192)
            return -1;
        text[length] = (char)data[length];
        length++;
    }
    length = ref_unquote(text, length);
    length = ref_unquote(text, length);
    while (length && text[length - 1] == '=')
        length--;
    for (int at = 0; at < length; at++) {
        int octet = text[at] == '-' || text[at] == ' ' ? '+' : text[at] == '_' ? '/' : text[at];
        const char *found = octet ? strchr(alphabet, octet) : NULL;
        if (!found)
            return -1;
        held = held << 6 | (uint32_t)(found - alphabet);
        bits += 6;
        sextets++;
        if (bits >= 8) {
            bits -= 8;
            out[made++] = (uint8_t)(held >> bits);
            held &= (1u << bits) - 1;
        }
    }
    return sextets % 4 == 1 || made == 0 ? -1 : made;
}
#endif
