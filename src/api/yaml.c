/*
 * yaml.c: YAML text to a tree of nodes, over libyaml's events.
 *
 * Invariants:
 *  1. Recursion is as deep as the text is nested, at most NC_DOC_MAX_DEPTH.
 *  2. An alias shares the node of its anchor; what it costs to walk the copies is bounded by the
 *     decoder (doc.h, invariant 4).
 */
#include "api/node_priv.h"

#include "api/doc.h"
#include "base/hash.h"
#include "base/vec.h"

#include <yaml.h>

typedef struct {
    yaml_parser_t  parser;
    yaml_event_t   event;
    bool           have_event;
    nc_pool_t     *pool;
    nc_errors_t   *errors;
    const char    *file;
    nc_map_t       anchors;
    unsigned       depth;
} reader_t;

static nc_node_t *read_node(reader_t *r);

static void
drop_event(reader_t *r)
{
    if (r->have_event) {
        yaml_event_delete(&r->event);
        r->have_event = false;
    }
}

static void
report(reader_t *r, yaml_mark_t at, const char *text)
{
    nc_errors_add(r->errors, r->file, (unsigned) at.line + 1, (unsigned) at.column + 1, "", "%s",
        text);
}

static void
report_syntax(reader_t *r)
{
    const yaml_parser_t  *p = &r->parser;
    yaml_mark_t           at = p->problem_mark;
    const char           *problem = p->problem ? p->problem : "unreadable";

    if (p->error == YAML_READER_ERROR) {
        nc_errors_add(r->errors, r->file, (unsigned) p->mark.line + 1,
            (unsigned) p->mark.column + 1, "", "not YAML: %s (byte %zu)", problem,
            p->problem_offset);
    } else if (p->context) {
        nc_errors_add(r->errors, r->file, (unsigned) at.line + 1, (unsigned) at.column + 1, "",
            "not YAML: %s, %s", problem, p->context);
    } else {
        nc_errors_add(r->errors, r->file, (unsigned) at.line + 1, (unsigned) at.column + 1, "",
            "not YAML: %s", problem);
    }
}

static bool
next_event(reader_t *r)
{
    drop_event(r);

    if (!yaml_parser_parse(&r->parser, &r->event)) {
        report_syntax(r);
        return false;
    }

    r->have_event = true;

    return true;
}

/* Takes the tag of an event into account. Returns false when it means nothing here. */
static bool
apply_tag(nc_node_t *node, const char *tag)
{
    if (tag == NULL || strcmp(tag, YAML_MAP_TAG) == 0 || strcmp(tag, YAML_SEQ_TAG) == 0
        || strcmp(tag, YAML_NULL_TAG) == 0 || strcmp(tag, YAML_BOOL_TAG) == 0
        || strcmp(tag, YAML_INT_TAG) == 0 || strcmp(tag, YAML_FLOAT_TAG) == 0)
    {
        return true;
    }

    if (strcmp(tag, "!ignore") == 0) {
        node->ignored = true;
        return true;
    }

    if (strcmp(tag, "!") == 0 || strcmp(tag, YAML_STR_TAG) == 0) {
        node->quoted = true;
        return true;
    }

    return false;
}

/* A node at the place of the current event, with its tag and anchor. NULL: reported. */
static nc_node_t *
start_node(reader_t *r, nc_node_kind_t kind, const yaml_char_t *tag, const yaml_char_t *anchor)
{
    nc_node_t  *node = nc_node_new(r->pool, kind);

    node->line = (uint32_t) r->event.start_mark.line + 1;
    node->column = (uint32_t) r->event.start_mark.column + 1;

    if (!apply_tag(node, (const char *) tag)) {
        nc_errors_add(r->errors, r->file, node->line, node->column, "",
            "the tag %.60s has no meaning here", (const char *) tag);
        return NULL;
    }

    if (anchor != NULL) {
        (void) nc_map_set(&r->anchors, nc_str_c((const char *) anchor), node);
    }

    return node;
}

static nc_node_t *
read_scalar(reader_t *r)
{
    nc_node_t                *node;
    yaml_scalar_style_t       style = r->event.data.scalar.style;
    nc_str_t                  text = nc_str((const char *) r->event.data.scalar.value,
        r->event.data.scalar.length);

    node = start_node(r, NC_NODE_SCALAR, r->event.data.scalar.tag, r->event.data.scalar.anchor);
    if (node == NULL) {
        return NULL;
    }

    if (memchr(text.data, '\0', text.len) != NULL) {
        report(r, r->event.start_mark, "a NUL character in a text");
        return NULL;
    }

    if (style != YAML_PLAIN_SCALAR_STYLE) {
        node->quoted = true;
    }

    node->text = nc_pool_str(r->pool, text);

    return node;
}

static nc_node_t *
read_alias(reader_t *r)
{
    nc_str_t    name = nc_str_c((const char *) r->event.data.alias.anchor);
    nc_node_t  *node = nc_map_get(&r->anchors, name);

    if (node == NULL) {
        nc_errors_add(r->errors, r->file, (unsigned) r->event.start_mark.line + 1,
            (unsigned) r->event.start_mark.column + 1, "", "no anchor &%.60s before this alias",
            name.data);
        return NULL;
    }

    if (node->open) {
        report(r, r->event.start_mark, "an alias inside what it stands for");
        return NULL;
    }

    return node;
}

static nc_node_t *
read_list(reader_t *r)
{
    nc_node_t            *node;
    NC_VEC(nc_node_t *)   items = NC_VEC_INIT;

    node = start_node(r, NC_NODE_LIST, r->event.data.sequence_start.tag,
        r->event.data.sequence_start.anchor);
    if (node == NULL) {
        return NULL;
    }

    node->open = true;

    for ( ;; ) {
        nc_node_t  *item;

        if (!next_event(r)) {
            goto fail;
        }

        if (r->event.type == YAML_SEQUENCE_END_EVENT) {
            break;
        }

        item = read_node(r);
        if (item == NULL) {
            goto fail;
        }

        if (!item->ignored) {
            nc_vec_push(&items, item);
        }
    }

    node->open = false;
    node->n = (uint32_t) items.n;
    node->items = nc_pool_array(r->pool, items.n, sizeof(nc_node_t *));
    if (items.n > 0) {
        memcpy(node->items, items.items, items.n * sizeof(nc_node_t *));
    }
    nc_vec_fini(&items);

    return node;

fail:

    nc_vec_fini(&items);

    return NULL;
}

/* Two pairs of one key: the second is the error. */
static bool
check_keys(reader_t *r, const nc_pair_t *pairs, size_t n)
{
    nc_map_t  seen;
    bool      ok = true;

    nc_map_init(&seen);

    for (size_t i = 0; i < n; i++) {
        const nc_node_t  *key = pairs[i].key;
        const nc_node_t  *first = NULL;

        if (n <= 16) {
            for (size_t j = 0; j < i && first == NULL; j++) {
                if (nc_str_eq(pairs[j].key->text, key->text)) {
                    first = pairs[j].key;
                }
            }
        } else {
            first = nc_map_get(&seen, key->text);
            (void) nc_map_set(&seen, key->text, pairs[i].key);
        }

        if (first != NULL) {
            nc_errors_add(r->errors, r->file, key->line, key->column, "",
                "the key %s is there already, in line %u", nc_node_describe(key), first->line);
            ok = false;
        }
    }

    nc_map_fini(&seen);

    return ok;
}

static nc_node_t *
read_map(reader_t *r)
{
    nc_node_t          *node;
    NC_VEC(nc_pair_t)   pairs = NC_VEC_INIT;

    node = start_node(r, NC_NODE_MAP, r->event.data.mapping_start.tag,
        r->event.data.mapping_start.anchor);
    if (node == NULL) {
        return NULL;
    }

    node->open = true;

    for ( ;; ) {
        nc_pair_t  pair;

        if (!next_event(r)) {
            goto fail;
        }

        if (r->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }

        pair.key = read_node(r);
        if (pair.key == NULL) {
            goto fail;
        }

        if (pair.key->kind != NC_NODE_SCALAR) {
            nc_errors_add(r->errors, r->file, pair.key->line, pair.key->column, "",
                "a key must be a text, this is %s", nc_node_describe(pair.key));
            goto fail;
        }

        if (!next_event(r)) {
            goto fail;
        }

        pair.value = read_node(r);
        if (pair.value == NULL) {
            goto fail;
        }

        if (!pair.value->ignored) {
            nc_vec_push(&pairs, pair);
        }
    }

    if (!check_keys(r, pairs.items, pairs.n)) {
        goto fail;
    }

    node->open = false;
    node->n = (uint32_t) pairs.n;
    node->pairs = nc_pool_array(r->pool, pairs.n, sizeof(nc_pair_t));
    if (pairs.n > 0) {
        memcpy(node->pairs, pairs.items, pairs.n * sizeof(nc_pair_t));
    }
    nc_vec_fini(&pairs);

    return node;

fail:

    nc_vec_fini(&pairs);

    return NULL;
}

/* The node that begins with the current event. NULL: reported. */
static nc_node_t *
read_node(reader_t *r)
{
    nc_node_t  *node;

    if (r->depth == NC_DOC_MAX_DEPTH) {
        report(r, r->event.start_mark, "nested more than 200 deep");
        return NULL;
    }

    r->depth++;

    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        node = read_scalar(r);
        break;
    case YAML_ALIAS_EVENT:
        node = read_alias(r);
        break;
    case YAML_SEQUENCE_START_EVENT:
        node = read_list(r);
        break;
    default:
        node = read_map(r);
        break;
    }

    r->depth--;

    return node;
}

static nc_rc_t
read_stream(reader_t *r, nc_node_t **root)
{
    if (!next_event(r) || !next_event(r)) {                 /* stream start, document start */
        return NC_ERROR;
    }

    if (r->event.type == YAML_STREAM_END_EVENT) {
        return NC_OK;
    }

    if (!next_event(r)) {
        return NC_ERROR;
    }

    *root = read_node(r);
    if (*root == NULL) {
        return NC_ERROR;
    }

    if (!next_event(r) || !next_event(r)) {                 /* document end, the next thing */
        return NC_ERROR;
    }

    if (r->event.type != YAML_STREAM_END_EVENT) {
        report(r, r->event.start_mark, "a second YAML document; only one is expected");
        return NC_ERROR;
    }

    return NC_OK;
}

nc_rc_t
nc_yaml_read(nc_pool_t *pool, const char *file, nc_str_t text, nc_errors_t *errors,
    nc_node_t **root)
{
    reader_t  r = { .pool = pool, .errors = errors, .file = file };
    nc_rc_t   rc;

    *root = NULL;

    NC_CHECK(yaml_parser_initialize(&r.parser));
    yaml_parser_set_input_string(&r.parser, (const unsigned char *) (text.data ? text.data : ""),
        text.len);
    nc_map_init(&r.anchors);

    rc = read_stream(&r, root);
    if (rc != NC_OK) {
        *root = NULL;
    } else if (*root != NULL && ((*root)->ignored || nc_node_is_null(*root))) {
        *root = NULL;
    }

    drop_event(&r);
    nc_map_fini(&r.anchors);
    yaml_parser_delete(&r.parser);

    return rc;
}
