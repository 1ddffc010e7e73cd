/* client_hello.c: reads ClientHello messages, and makes fingerprints of them. */
#include "net/client_hello.h"

#include <openssl/evp.h>

#define RECORD_HANDSHAKE    22u
#define HELLO               1u
#define RECORD_MAX          (16384u + 2048u)    /* RFC 5246 section 6.2.3 */

enum {
    EXT_SERVER_NAME = 0,
    EXT_GROUPS = 10,
    EXT_POINT_FORMATS = 11,
    EXT_SIGNATURES = 13,
    EXT_ALPN = 16,
    EXT_VERSIONS = 43
};

/* Bytes that are left of a part. */
typedef struct {
    const uint8_t  *at;
    size_t          left;
} part_t;


static bool
get(part_t *p, unsigned bytes, uint32_t *value)
{
    if (p->left < bytes) {
        return false;
    }

    *value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        *value = *value << 8 | p->at[i];
    }

    p->at += bytes;
    p->left -= bytes;

    return true;
}


/* A part with a length of `bytes` bytes before it. */
static bool
get_part(part_t *p, unsigned bytes, part_t *sub)
{
    uint32_t  n;

    if (!get(p, bytes, &n) || n > p->left) {
        return false;
    }

    *sub = (part_t) { p->at, n };
    p->at += n;
    p->left -= n;

    return true;
}


/* RFC 8701: values that clients send to see that nobody minds. */
static bool
is_grease(uint32_t v)
{
    return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}


static void
add(nc_hello_list_t *l, uint32_t v)
{
    if (l->n < NC_HELLO_LIST_MAX) {
        l->items[l->n++] = (uint16_t) v;
    }
}


static bool
read_list(part_t p, unsigned bytes, nc_hello_list_t *l)
{
    uint32_t  v;

    while (p.left > 0) {
        if (!get(&p, bytes, &v)) {
            return false;
        }
        add(l, v);
    }

    return true;
}


static bool
read_server_name(part_t p, nc_client_hello_t *h)
{
    part_t    list, name;
    uint32_t  type;

    if (!get_part(&p, 2, &list) || p.left) {
        return false;
    }

    while (list.left > 0) {
        if (!get(&list, 1, &type) || !get_part(&list, 2, &name)) {
            return false;
        }

        if (type == 0 && name.left == 0) {
            return false;
        }

        if (type == 0 && h->server_name.data == NULL) {
            h->server_name = nc_str((const char *) name.at, name.left);
        }
    }

    return true;
}


static bool
read_alpn(part_t p, nc_client_hello_t *h)
{
    part_t  list, name;

    if (!get_part(&p, 2, &list) || p.left) {
        return false;
    }

    while (list.left > 0) {
        if (!get_part(&list, 1, &name) || name.left == 0) {
            return false;
        }

        if (h->n_alpn < NC_HELLO_ALPN_MAX) {
            h->alpn[h->n_alpn++] = nc_str((const char *) name.at, name.left);
        }
    }

    return true;
}


static bool
read_versions(part_t p, nc_client_hello_t *h)
{
    part_t    list;
    uint32_t  v;

    if (!get_part(&p, 1, &list) || p.left) {
        return false;
    }

    h->best_version = 0;

    while (list.left > 0) {
        if (!get(&list, 2, &v)) {
            return false;
        }

        if (!is_grease(v) && v > h->best_version) {
            h->best_version = (uint16_t) v;
        }
    }

    return true;
}


static bool
read_extension(uint32_t type, part_t p, nc_client_hello_t *h)
{
    part_t  list;

    switch (type) {
    case EXT_SERVER_NAME:
        return read_server_name(p, h);

    case EXT_ALPN:
        return read_alpn(p, h);

    case EXT_VERSIONS:
        return read_versions(p, h);

    case EXT_GROUPS:
        return get_part(&p, 2, &list) && read_list(list, 2, &h->groups);

    case EXT_POINT_FORMATS:
        return get_part(&p, 1, &list) && read_list(list, 1, &h->point_formats);

    case EXT_SIGNATURES:
        return get_part(&p, 2, &list) && read_list(list, 2, &h->signatures);

    default:
        return true;
    }
}


static nc_rc_t
read_hello(part_t p, nc_client_hello_t *h)
{
    part_t    sub, extensions, data;
    uint32_t  v;

    if (!get(&p, 2, &v) || v >> 8 != 3 || p.left < 32) {
        return NC_ERROR;
    }

    h->version = h->best_version = (uint16_t) v;
    p.at += 32;                                 /* random */
    p.left -= 32;

    if (!get_part(&p, 1, &sub) || sub.left > 32         /* session id */
        || !get_part(&p, 2, &sub) || !read_list(sub, 2, &h->ciphers)
        || !get_part(&p, 1, &sub))                      /* compression methods */
    {
        return NC_ERROR;
    }

    if (p.left == 0) {                          /* a hello without extensions */
        return NC_OK;
    }

    if (!get_part(&p, 2, &extensions) || p.left) {
        return NC_ERROR;
    }

    while (extensions.left > 0) {
        if (!get(&extensions, 2, &v) || !get_part(&extensions, 2, &data)
            || !read_extension(v, data, h))
        {
            return NC_ERROR;
        }

        add(&h->extensions, v);
    }

    return NC_OK;
}


/* Puts the content of handshake records together. NC_OK: *got bytes are in room. */
static nc_rc_t
unwrap(part_t p, uint8_t *room, size_t cap, size_t *got, bool *too_large)
{
    size_t    need = 4;
    uint32_t  type, major, minor, n;

    *got = 0;

    while (*got < need) {
        part_t  head = p;

        if (!get(&head, 1, &type)) {
            return NC_AGAIN;
        }

        if (type != RECORD_HANDSHAKE) {
            return *got ? NC_ERROR : NC_DECLINED;
        }

        if (!get(&head, 1, &major)) {
            return NC_AGAIN;
        }

        if (major != 3) {
            return *got ? NC_ERROR : NC_DECLINED;
        }

        if (!get(&head, 1, &minor) || !get(&head, 2, &n)) {
            return NC_AGAIN;
        }

        if (n == 0 || n > RECORD_MAX) {
            return NC_ERROR;
        }

        *too_large = NC_MIN(n, head.left) > cap - *got;

        if (*too_large) {
            return NC_ERROR;
        }

        memcpy(room + *got, head.at, NC_MIN(n, head.left));
        *got += NC_MIN(n, head.left);

        if (*got > 0 && room[0] != HELLO) {
            return NC_ERROR;
        }

        if (*got >= 4 && need == 4) {
            need += (size_t) room[1] << 16 | (size_t) room[2] << 8 | room[3];

            if (need > cap) {
                *too_large = true;
                return NC_ERROR;
            }
        }

        if (head.left < n) {
            return *got >= need ? NC_OK : NC_AGAIN;
        }

        p = (part_t) { head.at + n, head.left - n };
    }

    return NC_OK;
}


nc_rc_t
nc_client_hello_parse(nc_client_hello_t *h, const uint8_t *data, size_t len, uint8_t *room,
    size_t cap)
{
    size_t   got;
    bool     too_large = false;
    nc_rc_t  rc = unwrap((part_t) { data, len }, room, cap, &got, &too_large);

    if (rc != NC_OK) {
        h->too_large = too_large;
        return rc;
    }

    memset(h, 0, sizeof(*h));
    got = (size_t) room[1] << 16 | (size_t) room[2] << 8 | room[3];

    return read_hello((part_t) { room + 4, got }, h);
}


/* ---- fingerprints ---- */

static void
hex_digest(const EVP_MD *md, nc_str_t text, char *out, size_t digits)
{
    uint8_t   digest[EVP_MAX_MD_SIZE];
    unsigned  n = 0;

    memset(digest, 0, sizeof(digest));
    NC_CHECK(EVP_Digest(text.data ? text.data : "", text.len, digest, &n, md, NULL) == 1);

    for (size_t i = 0; i < digits; i++) {
        out[i] = "0123456789abcdef"[i & 1 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    }

    out[digits] = '\0';
}


static void
print_list(nc_sb_t *sb, const nc_hello_list_t *l)
{
    bool  first = true;

    for (uint32_t i = 0; i < l->n; i++) {
        if (!is_grease(l->items[i])) {
            if (!first) {
                nc_sb_char(sb, '-');
            }
            nc_sb_u64(sb, l->items[i]);
            first = false;
        }
    }
}


void
nc_client_hello_ja3(const nc_client_hello_t *h, char out[33])
{
    const nc_hello_list_t  *lists[] = {
        &h->ciphers, &h->extensions, &h->groups, &h->point_formats
    };
    nc_sb_t  sb;

    nc_sb_init(&sb);
    nc_sb_u64(&sb, h->version);

    for (size_t i = 0; i < NC_COUNTOF(lists); i++) {
        nc_sb_char(&sb, ',');
        print_list(&sb, lists[i]);
    }

    hex_digest(EVP_md5(), nc_sb_str(&sb), out, 32);
    nc_sb_fini(&sb);
}


static int
by_number(const void *a, const void *b)
{
    return *(const uint16_t *) a - *(const uint16_t *) b;
}


/* Without grease, and without server name and ALPN when they are extensions; sorted. */
static uint32_t
pick(const nc_hello_list_t *l, bool are_extensions, bool sort, uint16_t *out)
{
    uint32_t  n = 0;

    for (uint32_t i = 0; i < l->n; i++) {
        uint16_t  v = l->items[i];

        if (!is_grease(v) && !(are_extensions && (v == EXT_SERVER_NAME || v == EXT_ALPN))) {
            out[n++] = v;
        }
    }

    if (sort) {
        qsort(out, n, sizeof(*out), by_number);
    }

    return n;
}


static void
print_hex(nc_sb_t *sb, const uint16_t *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        nc_sb_printf(sb, "%s%04x", i ? "," : "", v[i]);
    }
}


static uint32_t
count(const nc_hello_list_t *l)
{
    uint16_t  v[NC_HELLO_LIST_MAX];

    return NC_MIN(pick(l, false, false, v), 99u);
}


static const char *
version_digits(uint16_t v)
{
    switch (v) {
    case 0x0304: return "13";
    case 0x0303: return "12";
    case 0x0302: return "11";
    case 0x0301: return "10";
    case 0x0300: return "s3";
    default:     return "00";
    }
}


/* First and last letter or digit of the first protocol, as JA4 has it. */
static void
print_alpn(nc_sb_t *sb, const nc_client_hello_t *h)
{
    static const char  digits[] = "0123456789abcdef";
    uint8_t            a, z;

    if (h->n_alpn == 0) {
        nc_sb_c_add(sb, "00");
        return;
    }

    a = (uint8_t) h->alpn[0].data[0];
    z = (uint8_t) h->alpn[0].data[h->alpn[0].len - 1];

    if ((nc_is_alpha((char) a) || nc_is_digit((char) a))
        && (nc_is_alpha((char) z) || nc_is_digit((char) z)))
    {
        nc_sb_char(sb, (char) a);
        nc_sb_char(sb, (char) z);

    } else {
        nc_sb_char(sb, digits[a >> 4]);
        nc_sb_char(sb, digits[z & 15]);
    }
}


static void
add_hash(nc_sb_t *sb, const nc_sb_t *text, bool none)
{
    char  digest[13];

    if (none) {
        nc_sb_c_add(sb, "000000000000");
        return;
    }

    hex_digest(EVP_sha256(), nc_sb_str(text), digest, 12);
    nc_sb_c_add(sb, digest);
}


void
nc_client_hello_ja4(const nc_client_hello_t *h, char out[40])
{
    uint16_t  v[NC_HELLO_LIST_MAX];
    uint32_t  n, n_signatures;
    nc_sb_t   sb, text;

    nc_sb_fixed(&sb, out, 40);
    nc_sb_printf(&sb, "t%s%c%02u%02u", version_digits(h->best_version),
                 h->server_name.data ? 'd' : 'i', count(&h->ciphers), count(&h->extensions));
    print_alpn(&sb, h);
    nc_sb_char(&sb, '_');

    nc_sb_init(&text);
    n = pick(&h->ciphers, false, true, v);
    print_hex(&text, v, n);
    add_hash(&sb, &text, n == 0);
    nc_sb_char(&sb, '_');

    nc_sb_reset(&text);
    n = pick(&h->extensions, true, true, v);
    print_hex(&text, v, n);
    n_signatures = pick(&h->signatures, false, false, v);

    if (n_signatures) {
        nc_sb_char(&text, '_');
        print_hex(&text, v, n_signatures);
    }

    add_hash(&sb, &text, n == 0);
    nc_sb_fini(&text);
    (void) nc_sb_c(&sb);
}
