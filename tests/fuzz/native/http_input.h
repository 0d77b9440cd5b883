/* Makes request heads, chunked bodies and GET paths: ordinary ones, then changed where two parsers might differ. */
#ifndef HTTP_INPUT_H
#define HTTP_INPUT_H

#include <stdio.h>
#include <string.h>

#include "mutate.h"

enum { HEAD_KIND, CHUNKED_KIND, TARGET_KIND, HTTP_KINDS };
enum { HTTP_LONGEST = 2048, HTTP_ROOM = 1 << 14 };

typedef struct {
    int32_t size, kind, room, unused; /* room: for the body of a chunked message */
    uint8_t data[HTTP_ROOM];
} http_input;

typedef struct {
    http_input *now;
    draft x;
    dice d;
} http_maker;

#define ONE_OF(d, list) list[below(d, (int)(sizeof list / sizeof list[0]))]

static const char *const STARTS[] = {
    "POST /ocsp HTTP/1.1", "POST / HTTP/1.1", "GET /ocsp/MFIwUDBOMEww%2BSj/AJBgU= HTTP/1.1", "GET / HTTP/1.0",
    "HEAD /a?b=c HTTP/1.1", "POST /ocsp/ HTTP/1.0", "GET / HTTP/1.1"};
static const char *const ODD_STARTS[] = {
    "PUT / HTTP/1.1", "post / HTTP/1.1", "POST  / HTTP/1.1", "POST / HTTP/1.2", "POST / HTTP/2.0", "POST /a b HTTP/1.1",
    "POST http://a/ HTTP/1.1", "POST * HTTP/1.1", "POST /#a HTTP/1.1", "POST / HTTP/1.1 ", "POST / http/1.1", "POST /",
    "", "GET  HTTP/1.1", "GET /HTTP/1.1", "POST/ HTTP/1.1", "HEAD / HTTP/1.10", "GETS / HTTP/1.1", " GET / HTTP/1.1",
    "GET x HTTP/1.1", "HEAD HTTP/1.1 HTTP/1.1"};
static const char *const NAMES[] = {
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Authorization", "If-None-Match",
    "Content-Encoding", "Content-Type", "User-Agent", "ETag", "Server", "Max-Forwards", "Content-Range",
    "Content-Location", "Upgrade", "Proxy-Connection", "Sec-WebSocket-Key1", "Accept", "X-Forwarded-For", "Forwarded",
    "Date", "Hosts", "X", "TE", "Content_Length", "Accept-Encoding", "Cache-Control", "Etag", "Expeet"};
/* What goes with each of the first of these names. */
static const char *const VALUES[] = {"ocsp.example.jp:80", "76", "chunked", "keep-alive", "100-continue", "Bearer abc",
                                     "\"x\"", "identity"};
static const char *const ODD_VALUES[] = {
    "", "0", "5", "00000076", "9999999999", "10000000000", "+5", "-1", "5, 5", "0x5", "5 5", "close", "Close",
    "Keep-Alive", "keep-alive, close", "upgrade", "closed", "gzip", "gzip, chunked", "Chunked", "xchunked", "chunked;a",
    "chunkedchunked", "100-Continue", "100-continue;", "200-ok", "*", "a b", "a,b", "[::1]:80", "user@a", "a/b", "close ",
    "chunked ", "76\t", "identity ", "Identity", "100-continue ", "a\tb", "\t", "  x  "};
static const char *const BITS[] = {"\r", "\n", "\r\n", " ", "\t", ":", ",", "#", "?", "\r\n\r\n", "\r\n ", "\x7F", "\x80",
                                   "\xFF", "0", "-", "\x1F", "\x0B", "=", "%", "%2", "%25", "%2B", ";", "\n\n", "\r\r\n",
                                   "\r\n\t", "\x2D", "\x0D", "\x10"};

static void add(http_maker *m, const void *octets, int size)
{
    put(&m->x, m->x.size, m->x.size, octets, size);
}

static void say(http_maker *m, const char *text)
{
    add(m, text, (int)strlen(text));
}

static void add_random(http_maker *m, int size, int visible)
{
    while (size-- > 0 && m->x.size < m->x.room)
        m->x.data[m->x.size++] = (uint8_t)(visible ? 0x21 + below(&m->d, 94) : below(&m->d, 256));
}

static void add_field(http_maker *m)
{
    int which = below(&m->d, (int)(sizeof NAMES / sizeof NAMES[0])), at = m->x.size, spaces = below(&m->d, 8);
    if (below(&m->d, 16) == 0)
        add_random(m, 1 + below(&m->d, 20), 1);
    else
        say(m, NAMES[which]);
    if (below(&m->d, 4) == 0)
        for (; at < m->x.size; at++)
            if (below(&m->d, 2) && (m->x.data[at] | 0x20) >= 'a' && (m->x.data[at] | 0x20) <= 'z')
                m->x.data[at] ^= 0x20;
    say(m, spaces < 6 ? ": " : spaces == 6 ? ":" : ":\t ");
    if (which < 8 && below(&m->d, 4))
        say(m, VALUES[which]);
    else if (below(&m->d, 3))
        say(m, ONE_OF(&m->d, ODD_VALUES));
    else
        add_random(m, below(&m->d, 40), 1);
    if (below(&m->d, 16) == 0)
        say(m, below(&m->d, 2) ? " " : "\t");
    say(m, "\r\n");
}

static void make_head(http_maker *m)
{
    int kind = below(&m->d, 1024), fields = below(&m->d, 7);
    say(m, below(&m->d, 8) ? ONE_OF(&m->d, STARTS) : ONE_OF(&m->d, ODD_STARTS));
    say(m, "\r\n");
    if (below(&m->d, 8))
        say(m, "Host: a\r\n");
    if (kind < 4) /* around the most fields that a head may have */
        for (int more = 58 + below(&m->d, 10); more > 0; more--)
            say(m, below(&m->d, 2) ? "X: y\r\n" : "Accept:\r\n");
    while (fields-- > 0)
        add_field(m);
    if (kind == 4) { /* around the most that a head may have */
        m->x.room = HTTP_ROOM;
        say(m, "Y: ");
        add_random(m, 8192 - 4 - m->x.size + below(&m->d, 9) - 4, 1);
        say(m, "\r\n");
    }
    if (below(&m->d, 32))
        say(m, "\r\n");
    if (below(&m->d, 2))
        add_random(m, below(&m->d, 20), 0);
}

static void make_chunked(http_maker *m)
{
    static const char *const FORMS[] = {"%x\r\n", "%X\r\n", "%04x\r\n", "%08X\r\n", "%09x\r\n", "%x;a\r\n", "%x \r\n"};
    char line[32];
    int pieces = below(&m->d, 64) ? below(&m->d, 5) : 250 + below(&m->d, 10);
    int longest = pieces > 5 ? 2 : below(&m->d, 8) ? 20 : 300;
    m->now->room = below(&m->d, 4) ? HTTP_ROOM : below(&m->d, 40);
    while (pieces-- > 0) {
        int size = 1 + below(&m->d, longest), form = pieces > 5 ? 63 : below(&m->d, 64);
        snprintf(line, sizeof line, FORMS[form < 7 ? form : below(&m->d, 2)], (unsigned)size);
        say(m, line);
        add_random(m, size, 0);
        say(m, "\r\n");
    }
    say(m, below(&m->d, 8) ? "0\r\n\r\n" : below(&m->d, 2) ? "000\r\n\r\n" : "0\r\nX: y\r\n\r\n");
    if (below(&m->d, 2))
        say(m, "GET / HTTP/1.1\r\n\r\n");
}

static void make_target(http_maker *m)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_ ";
    static const char *const PIECES_OF_TEXT[] = {"%2B", "%2f", "%3D", "%252B", "%252f", "%20", "%253d", "%41", "=", "%",
                                                 "%%", "%4", "?x", "%3F", "%25"};
    /* Some are around the longest text, of which most without escapes, which would make it another length. */
    int kind = below(&m->d, 512), size = kind ? below(&m->d, 160) : 8180 + below(&m->d, 20);
    int escapes = kind || below(&m->d, 4) == 0;
    m->x.room = HTTP_ROOM;
    for (; size > 0; size--)
        if (escapes && below(&m->d, 40) == 0)
            say(m, ONE_OF(&m->d, PIECES_OF_TEXT));
        else
            add(m, alphabet + below(&m->d, below(&m->d, 8) ? 64 : 67), 1);
    for (size = below(&m->d, 4); size > 0; size--)
        say(m, below(&m->d, 4) ? "=" : "%3D");
}

static void change(http_maker *m)
{
    draft *x = &m->x;
    const char *bit = ONE_OF(&m->d, BITS);
    uint8_t some[64];
    int at = below(&m->d, x->size + 1), size = below(&m->d, 3);
    if (at + size > x->size)
        size = x->size - at;
    switch (below(&m->d, 6)) {
    case 0: /* a bit that means something, put in or in place of other octets */
    case 1:
        put(x, at, at + size, (const uint8_t *)bit, (int)strlen(bit));
        break;
    case 2:
        if (at < x->size)
            x->data[at] = (uint8_t)below(&m->d, 256);
        break;
    case 3:
        put(x, at, at + size, some, 0);
        break;
    case 4:
        x->size = at;
        break;
    default: /* some octets once more, elsewhere */
        size = below(&m->d, 64);
        if (at + size > x->size)
            size = x->size - at;
        copy(some, x->data + at, size);
        at = below(&m->d, x->size + 1);
        put(x, at, at, some, size);
    }
}

static void http_next(http_maker *m)
{
    int kind = below(&m->d, 8), changes = below(&m->d, 2) ? 0 : 1 + below(&m->d, 3);
    m->x = (draft){m->now->data, 0, HTTP_LONGEST};
    m->now->kind = kind < 6 ? HEAD_KIND : kind == 6 ? CHUNKED_KIND : TARGET_KIND;
    if (m->now->kind == HEAD_KIND)
        make_head(m);
    else if (m->now->kind == CHUNKED_KIND)
        make_chunked(m);
    else
        make_target(m);
    while (changes--)
        change(m);
    m->now->size = m->x.size;
}
#endif
