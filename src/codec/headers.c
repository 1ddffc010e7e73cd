/*
 * headers.c: the headers of one message.
 *
 * The entries are a plain array in order of arrival; first[] answers for the known names without a
 * walk. All walks are short: messages are limited to a few hundred fields by the codecs.
 */
#include "codec/headers_priv.h"
#include "codec/chars_priv.h"

#define FIRST_CAP       24u                     /* entries; holds nearly all messages */
#define MAX_ENTRIES     UINT16_MAX              /* first[] can point at no more */

const nc_str_t  nc_header_names[NC_H_MAX] = {
    [NC_H_OTHER] = { "", 0 },
#define X(id, name)  [NC_H_##id] = NC_STR_INIT(name),
    NC_HEADER_IDS(X)
#undef X
};

/* Where empty headers point, so that walks over them start somewhere. Never written. */
static nc_header_t  none;

uint8_t   nc_header_id_table[1u << NC_ID_BITS];
uint32_t  nc_header_id_factor;

_Static_assert(NC_H_MAX <= UINT8_MAX, "ids are kept in bytes");


/* Fills the table with this factor; false when two names want the same slot. */
static bool
try_factor(uint32_t factor)
{
    memset(nc_header_id_table, NC_H_OTHER, sizeof(nc_header_id_table));

    for (int id = NC_H_OTHER + 1; id < NC_H_MAX; id++) {
        nc_str_t  name = nc_header_names[id];
        uint8_t  *slot = &nc_header_id_table[nc_header_id_slot(name.data, name.len, factor)];

        if (*slot != NC_H_OTHER) {
            return false;
        }

        *slot = (uint8_t) id;
    }

    nc_header_id_factor = factor;

    return true;
}


/* Searches a factor without collisions; a handful of tries does with the names there are. */
__attribute__((constructor)) static void
make_id_table(void)
{
    uint32_t  factor = 0x9e3779b1u;

    for (int i = 0; i < 1000000; i++) {
        if (try_factor(factor | 1)) {
            return;
        }

        factor = factor * 1664525u + 1013904223u;
    }

    nc_fatal("no hash without collisions for the header names");
}


nc_header_id_t
nc_header_id(nc_str_t lower_name)
{
    return nc_header_id_fast(lower_name.data, lower_name.len);
}


void
nc_headers_init(nc_headers_t *h, nc_pool_t *pool)
{
    h->items = &none;
    h->n = h->cap = h->bytes = h->live = 0;
    h->pool = pool;
    h->cases = NULL;
    memset(h->first, 0, sizeof(h->first));
}


void
nc_headers_grow(nc_headers_t *h)
{
    uint32_t      cap = h->cap ? h->cap * 2 : FIRST_CAP;
    nc_header_t  *items;

    NC_CHECK(h->n < MAX_ENTRIES);
    cap = NC_MIN(cap, MAX_ENTRIES);
    items = nc_pool_alloc(h->pool, cap * sizeof(*items));

    if (h->n > 0) {
        memcpy(items, h->items, h->n * sizeof(*items));
    }

    h->items = items;
    h->cap = cap;
}


void
nc_headers_add(nc_headers_t *h, nc_str_t name, nc_str_t value)
{
    nc_headers_push(h, nc_header_id_fast(name.data, name.len), name, value);
}


void
nc_headers_add_id(nc_headers_t *h, nc_header_id_t id, nc_str_t value)
{
    NC_ASSERT(id > NC_H_OTHER && id < NC_H_MAX);
    nc_headers_push(h, id, nc_header_names[id], value);
}


/* Index of the first live entry from `i` on with this id (or, for others, this name); n if none. */
static uint32_t
find_from(const nc_headers_t *h, uint32_t i, nc_header_id_t id, nc_str_t name)
{
    if (id != NC_H_OTHER) {
        if (h->first[id] == 0) {
            return h->n;
        }

        i = NC_MAX(i, h->first[id] - 1u);
    }

    for (; i < h->n; i++) {
        const nc_header_t  *e = &h->items[i];

        if (e->id == id && e->name.data != NULL && (id != NC_H_OTHER || nc_str_eq(e->name, name))) {
            break;
        }
    }

    return i;
}


nc_header_t *
nc_headers_find(const nc_headers_t *h, nc_str_t name, uint32_t *at)
{
    uint32_t  i = find_from(h, *at, nc_header_id_fast(name.data, name.len), name);

    if (i >= h->n) {
        *at = h->n;
        return NULL;
    }

    *at = i + 1;

    return &h->items[i];
}


bool
nc_headers_joined(const nc_headers_t *h, nc_str_t name, nc_pool_t *pool, nc_str_t *value)
{
    uint32_t            at = 0;
    size_t              len;
    char               *p;
    const nc_header_t  *e = nc_headers_find(h, name, &at);
    const nc_header_t  *more = e ? nc_headers_find(h, name, &at) : NULL;

    if (e == NULL) {
        return false;
    }

    *value = e->value;

    if (more == NULL) {
        return true;
    }

    for (len = e->value.len; more != NULL; more = nc_headers_find(h, name, &at)) {
        len += 1 + more->value.len;
    }

    p = nc_pool_alloc(pool, len);
    *value = nc_str(p, len);
    at = 0;

    while ((e = nc_headers_find(h, name, &at)) != NULL) {
        if (p != value->data) {
            *p++ = ',';
        }

        p = nc_copy_short(p, e->value.data, e->value.len);
    }

    return true;
}


void
nc_headers_del_at(nc_headers_t *h, nc_header_t *entry)
{
    nc_header_id_t  id = entry->id;
    uint32_t        i = (uint32_t) (entry - h->items);

    if (entry->name.data == NULL) {
        return;
    }

    h->bytes -= (uint32_t) (entry->name.len + entry->value.len);
    h->live--;
    entry->name = NC_STR_NULL;
    entry->value = NC_STR_NULL;

    if (id != NC_H_OTHER && h->first[id] == i + 1) {
        i = find_from(h, i + 1, id, NC_STR_NULL);
        h->first[id] = i < h->n ? (uint16_t) (i + 1) : 0;
    }

    if (entry == h->items + h->n - 1) {
        h->n--;                                 /* the last one leaves no hole */
    }
}


/* Removes the entries of a name from index `i` on; returns how many there were. */
static unsigned
del_from(nc_headers_t *h, uint32_t i, nc_header_id_t id, nc_str_t name)
{
    unsigned  removed = 0;

    for (i = find_from(h, i, id, name); i < h->n; i = find_from(h, i + 1, id, name)) {
        nc_headers_del_at(h, &h->items[i]);
        removed++;
    }

    return removed;
}


static void
set_first(nc_headers_t *h, nc_header_id_t id, nc_str_t name, nc_str_t value)
{
    uint32_t  i = find_from(h, 0, id, name);

    if (i >= h->n) {
        nc_headers_push(h, id, name, value);
        return;
    }

    h->bytes += (uint32_t) value.len - (uint32_t) h->items[i].value.len;
    h->items[i].value = value;
    del_from(h, i + 1, id, name);
}


void
nc_headers_set_id(nc_headers_t *h, nc_header_id_t id, nc_str_t value)
{
    NC_ASSERT(id > NC_H_OTHER && id < NC_H_MAX);
    set_first(h, id, nc_header_names[id], value);
}


void
nc_headers_set(nc_headers_t *h, nc_str_t name, nc_str_t value)
{
    set_first(h, nc_header_id_fast(name.data, name.len), name, value);
}


unsigned
nc_headers_del_id(nc_headers_t *h, nc_header_id_t id)
{
    return h->first[id] ? del_from(h, 0, id, NC_STR_NULL) : 0;
}


unsigned
nc_headers_del(nc_headers_t *h, nc_str_t name)
{
    return del_from(h, 0, nc_header_id_fast(name.data, name.len), name);
}


bool
nc_header_name_valid(nc_str_t name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!nc_char_is(name.data[i], NC_C_TOKEN)) {
            return false;
        }
    }

    return name.len > 0;
}


bool
nc_header_value_valid(nc_str_t value)
{
    if (value.len == 0) {
        return true;
    }

    if (nc_str_trim(value).len != value.len) {
        return false;
    }

    for (size_t i = 0; i < value.len; i++) {
        if (!nc_char_is(value.data[i], NC_C_VALUE)) {
            return false;
        }
    }

    return true;
}


bool
nc_header_has_token(nc_str_t value, nc_str_t token)
{
    nc_str_t  piece;

    while (nc_str_split(&value, ',', &piece)) {
        if (nc_str_caseeq(nc_str_trim(piece), token)) {
            return true;
        }
    }

    return false;
}


void
nc_headers_keep_case(nc_headers_t *h, nc_str_t name)
{
    nc_header_cases_t  *c = h->cases;
    bool                upper = false;

    for (size_t i = 0; i < name.len; i++) {
        upper = upper || nc_lower(name.data[i]) != name.data[i];
    }

    if (!upper) {
        return;
    }

    if (c == NULL) {
        c = h->cases = nc_pool_new(h->pool, nc_header_cases_t);
    }

    if (c->n == c->cap) {
        uint32_t   cap = c->cap ? c->cap * 2 : 16;
        nc_str_t  *names = nc_pool_array(h->pool, cap, sizeof(*names));

        if (c->n) {
            memcpy(names, c->names, c->n * sizeof(*names));
        }
        c->names = names;
        c->cap = cap;
    }

    c->names[c->n++] = nc_pool_str(h->pool, name);
}


nc_str_t
nc_headers_case(const nc_headers_t *h, nc_str_t name)
{
    for (uint32_t i = 0; h->cases && i < h->cases->n; i++) {
        if (nc_str_caseeq(h->cases->names[i], name)) {
            return h->cases->names[i];
        }
    }

    return NC_STR_NULL;
}
