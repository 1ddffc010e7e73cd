/* origin.c: where messages come from: the pointer table, paths, and nc_doc_locate. */
#include "api/doc_priv.h"

/* Fibonacci hashing of an aligned pointer. */
static size_t
slot_of(const nc_ptrs_t *t, const void *key)
{
    uint64_t  h = ((uint64_t) (uintptr_t) key >> 4) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t) (h >> 32) & (t->cap - 1);
}

void *
nc_ptrs_get(const nc_ptrs_t *t, const void *key)
{
    if (t->cap == 0) {
        return NULL;
    }

    for (size_t i = slot_of(t, key); t->slots[i].key != NULL; i = (i + 1) & (t->cap - 1)) {
        if (t->slots[i].key == key) {
            return t->slots[i].value;
        }
    }

    return NULL;
}

static void
grow(nc_ptrs_t *t)
{
    nc_ptrs_t  old = *t;

    t->cap = old.cap ? old.cap * 2 : 64;
    t->n = 0;
    t->slots = nc_calloc(t->cap * sizeof(*t->slots));

    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].key != NULL) {
            nc_ptrs_set(t, old.slots[i].key, old.slots[i].value);
        }
    }

    free(old.slots);
}

void
nc_ptrs_set(nc_ptrs_t *t, const void *key, void *value)
{
    size_t  i;

    if (t->n * 4 >= t->cap * 3) {
        grow(t);
    }

    i = slot_of(t, key);
    while (t->slots[i].key != NULL && t->slots[i].key != key) {
        i = (i + 1) & (t->cap - 1);
    }

    t->n += t->slots[i].key == NULL;
    t->slots[i].key = key;
    t->slots[i].value = value;
}

void
nc_ptrs_fini(nc_ptrs_t *t)
{
    free(t->slots);
    memset(t, 0, sizeof(*t));
}

const nc_origin_t *
nc_origin_add(nc_decoder_t *d, nc_at_t at, const ProtobufCMessage *message, const nc_node_t *node)
{
    nc_origin_t  *o;

    o = nc_pool_new(d->pool, nc_origin_t);
    o->message = message;
    o->node = node;
    o->file = d->file;
    o->parent = at.parent;
    o->field = at.field;
    o->key = at.key;
    o->index = at.index;

    if (d->doc != NULL) {
        o->older = nc_ptrs_get(&d->doc->origins, message);
        nc_ptrs_set(&d->doc->origins, message, o);
    }

    return o;
}

const nc_origin_t *
nc_origin_of(const nc_doc_t *doc, const ProtobufCMessage *message)
{
    return doc ? nc_ptrs_get(&doc->origins, message) : NULL;
}

static nc_at_t
at_of(const nc_origin_t *o)
{
    return (nc_at_t) { .parent = o->parent, .field = o->field, .key = o->key, .index = o->index };
}

void
nc_at_path(nc_at_t at, nc_sb_t *out)
{
    if (at.parent != NULL) {
        nc_at_path(at_of(at.parent), out);
    }

    if (at.field != NULL && at.field[0] != '\0') {
        if (out->len > 0) {
            nc_sb_char(out, '.');
        }
        nc_sb_c_add(out, at.field);
    }

    if (at.key != NULL) {
        nc_sb_char(out, '[');
        nc_sb_json_str(out, nc_str_c(at.key));
        nc_sb_char(out, ']');
    } else if (at.index >= 0) {
        nc_sb_printf(out, "[%d]", at.index);
    }
}

/*
 * One step of a field path: takes "name", "[3]" or "[\"key\"]" off *rest and goes there from
 * `node`. NULL: there is nothing.
 */
static const nc_node_t *
step(const nc_node_t *node, nc_str_t *rest)
{
    const nc_pair_t  *pair;
    size_t            n = 0;
    uint64_t          index;

    if (rest->data[0] == '.') {
        *rest = nc_str_skip(*rest, 1);
    }

    if (rest->len > 0 && rest->data[0] == '[') {
        ssize_t   close = nc_str_chr(*rest, ']');
        nc_str_t  inside;

        if (close < 0) {
            return NULL;
        }

        inside = nc_str(rest->data + 1, (size_t) close - 1);
        *rest = nc_str_skip(*rest, (size_t) close + 1);

        if (inside.len >= 2 && inside.data[0] == '"') {
            pair = nc_node_find(node, nc_str(inside.data + 1, inside.len - 2));
            return pair ? pair->value : NULL;
        }

        if (nc_str_to_u64(inside, UINT32_MAX, &index) != NC_OK) {
            return NULL;
        }

        if (node->kind != NC_NODE_LIST) {               /* one value where a list is expected */
            return index == 0 ? node : NULL;
        }

        return index < node->n ? node->items[index] : NULL;
    }

    while (n < rest->len && rest->data[n] != '.' && rest->data[n] != '[') {
        n++;
    }

    pair = nc_node_find(node, nc_str(rest->data, n));
    *rest = nc_str_skip(*rest, n);

    return pair ? pair->value : NULL;
}

/* How far `field` can be followed from `node`: the last node that is there, and how many steps. */
static const nc_node_t *
follow(const nc_node_t *node, const char *field, unsigned *steps)
{
    nc_str_t  rest = nc_str_c(field);

    *steps = 0;

    while (rest.len > 0) {
        const nc_node_t  *next = step(node, &rest);

        if (next == NULL) {
            break;
        }

        node = next;
        ++*steps;
    }

    return node;
}

void
nc_doc_locate(const nc_doc_t *doc, const ProtobufCMessage *message, const char *field,
    nc_doc_place_t *place)
{
    static nc_sb_t      path;                   /* the text handed out; overwritten by the next */
    const nc_origin_t  *best = nc_origin_of(doc, message);
    const nc_node_t    *node = NULL;
    unsigned            most = 0;

    memset(place, 0, sizeof(*place));

    if (path.data == NULL) {
        nc_sb_init(&path);
    }

    nc_sb_reset(&path);

    for (const nc_origin_t *o = best; o != NULL; o = o->older) {
        unsigned          steps;
        const nc_node_t  *found = follow(o->node, field, &steps);

        if (node == NULL || steps > most) {
            best = o;
            node = found;
            most = steps;
        }
    }

    if (best != NULL) {
        nc_at_path(at_of(best), &path);
        place->file = best->file;
        place->line = node->line;
        place->column = node->column;
    }

    if (field[0] != '\0') {
        nc_sb_c_add(&path, path.len > 0 && field[0] != '[' ? "." : "");
        nc_sb_c_add(&path, field);
    }

    place->path = nc_sb_c(&path);
}
