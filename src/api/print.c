/* print.c: trees of nodes as JSON and as block YAML. */
#include "api/print.h"

#include "api/doc_priv.h"

#define MAX_SIMPLE_KEY  128                     /* bytes; a YAML key has at most 1024 characters */

static void
newline(nc_sb_t *out, unsigned indent, bool pretty)
{
    if (!pretty) {
        return;
    }

    nc_sb_char(out, '\n');
    for (unsigned i = 0; i < indent; i++) {
        nc_sb_char(out, ' ');
    }
}

static void
json_node(nc_sb_t *out, const nc_node_t *node, unsigned indent, bool pretty)
{
    if (node->kind == NC_NODE_SCALAR) {
        if (node->quoted) {
            nc_sb_json_str(out, node->text);
        } else {
            nc_sb_str_add(out, node->text);
        }
        return;
    }

    nc_sb_char(out, node->kind == NC_NODE_MAP ? '{' : '[');

    for (uint32_t i = 0; i < node->n; i++) {
        if (i > 0) {
            nc_sb_char(out, ',');
        }

        newline(out, indent + 1, pretty);

        if (node->kind == NC_NODE_MAP) {
            nc_sb_json_str(out, node->pairs[i].key->text);
            nc_sb_c_add(out, pretty ? ": " : ":");
            json_node(out, node->pairs[i].value, indent + 1, pretty);
        } else {
            json_node(out, node->items[i], indent + 1, pretty);
        }
    }

    if (node->n > 0) {
        newline(out, indent, pretty);
    }

    nc_sb_char(out, node->kind == NC_NODE_MAP ? '}' : ']');
}

void
nc_print_json(nc_sb_t *out, const ProtobufCMessage *message, unsigned flags)
{
    nc_pool_t  pool;

    nc_pool_init(&pool, &nc_pool_heap);
    json_node(out, nc_message_tree(&pool, message, NULL, flags), 0, (flags & NC_PRINT_PRETTY) != 0);
    nc_pool_fini(&pool);
}

/* True when the text may stand without quotes and is still read as this text. */
static bool
yaml_plain_ok(nc_str_t s)
{
    static const char  first[] = "-?:,[]{}#&*!|>'\"%@`= ";
    nc_node_t          node = { .kind = NC_NODE_SCALAR, .text = s };

    if (nc_node_plain(&node) != NC_PLAIN_STRING || memchr(first, s.data[0], sizeof(first) - 1)
        || s.data[s.len - 1] == ' ' || nc_str_eq(s, NC_STR("<<")))
    {
        return false;
    }

    for (size_t i = 0; i < s.len; i++) {
        char  c = s.data[i];

        if ((unsigned char) c < 0x20 || (unsigned char) c >= 0x7f
            || (c == ':' && (i + 1 == s.len || s.data[i + 1] == ' '))
            || (c == '#' && s.data[i - 1] == ' '))
        {
            return false;
        }
    }

    return true;
}

/* How many bytes at the start of `s` (not empty) YAML cannot take as they are; 0: none. */
static size_t
yaml_special(nc_str_t s, uint32_t *code)
{
    const unsigned char  *p = (const unsigned char *) s.data;

    if (p[0] == 0x7f) {
        *code = 0x7f;
        return 1;
    }

    if (s.len >= 2 && p[0] == 0xc2 && p[1] < 0xa0) {        /* C1 controls */
        *code = p[1];
        return 2;
    }

    if (s.len >= 3 && (p[0] == 0xe2 || p[0] == 0xef)) {
        *code = (uint32_t) (p[0] & 0x0f) << 12 | (uint32_t) (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        if (*code == 0x2028 || *code == 0x2029 || *code == 0xfeff || *code >= 0xfffe) {
            return 3;
        }
    }

    return 0;
}

/* In double quotes: JSON's escapes are YAML's too, but YAML refuses or folds some more. */
static void
yaml_quoted(nc_sb_t *out, nc_str_t s)
{
    size_t  run = 0;

    nc_sb_char(out, '"');

    while (run < s.len) {
        uint32_t  code;
        size_t    n = yaml_special(nc_str_skip(s, run), &code);

        if (n == 0) {
            run++;
            continue;
        }

        nc_sb_json_escaped(out, nc_str(s.data, run));
        nc_sb_printf(out, "\\u%04" PRIx32, code);
        s = nc_str_skip(s, run + n);
        run = 0;
    }

    nc_sb_json_escaped(out, s);
    nc_sb_char(out, '"');
}

static void
yaml_scalar(nc_sb_t *out, const nc_node_t *node)
{
    if (!node->quoted || (node->text.len > 0 && yaml_plain_ok(node->text))) {
        nc_sb_str_add(out, node->text);
    } else {
        yaml_quoted(out, node->text);
    }
}

static void yaml_node(nc_sb_t *out, const nc_node_t *node, unsigned indent, const char *file,
    unsigned flags);

/* "# file:line" behind what begins in another file than what is around it, and at list items. */
static const char *
yaml_origin(nc_sb_t *out, const nc_node_t *node, const char *file, bool item, unsigned flags)
{
    const nc_origin_t  *o = node->origin;

    if ((flags & NC_PRINT_ORIGINS) == 0 || o == NULL) {
        return file;
    }

    if (item || o->older != NULL || file == NULL || o->file == NULL || strcmp(file, o->file) != 0) {
        nc_sb_c_add(out, item ? " #" : "  #");
        for ( ; o != NULL; o = o->older) {
            nc_sb_printf(out, " %s:%" PRIu32, o->file ? o->file : "(built in)", o->node->line);
        }
    }

    return node->origin->file;
}

static void
yaml_indent(nc_sb_t *out, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++) {
        nc_sb_c_add(out, "  ");
    }
}

/* What follows "key:". */
static void
yaml_value(nc_sb_t *out, const nc_node_t *node, unsigned indent, const char *file, unsigned flags)
{
    if (node->kind == NC_NODE_SCALAR || node->n == 0) {
        nc_sb_char(out, ' ');
        if (node->kind == NC_NODE_SCALAR) {
            yaml_scalar(out, node);
        } else {
            nc_sb_c_add(out, node->kind == NC_NODE_MAP ? "{}" : "[]");
            (void) yaml_origin(out, node, file, false, flags);
        }
        nc_sb_char(out, '\n');
        return;
    }

    file = yaml_origin(out, node, file, false, flags);
    nc_sb_char(out, '\n');
    yaml_node(out, node, indent + (node->kind == NC_NODE_MAP), file, flags);
}

/* One pair; the indent of its line has been written. */
static void
yaml_pair(nc_sb_t *out, const nc_pair_t *pair, unsigned indent, const char *file, unsigned flags)
{
    if (pair->key->text.len > MAX_SIMPLE_KEY) {
        nc_sb_c_add(out, "? ");
        yaml_scalar(out, pair->key);
        nc_sb_char(out, '\n');
        yaml_indent(out, indent);
    } else {
        yaml_scalar(out, pair->key);
    }

    nc_sb_char(out, ':');
    yaml_value(out, pair->value, indent, file, flags);
}

/* "- " and the item: its first pair stands on the same line. */
static void
yaml_item(nc_sb_t *out, const nc_node_t *node, unsigned indent, const char *file, unsigned flags)
{
    yaml_indent(out, indent);
    nc_sb_char(out, '-');

    if (node->kind == NC_NODE_SCALAR || node->n == 0) {
        yaml_value(out, node, indent, file, flags);
        return;
    }

    if (node->kind == NC_NODE_LIST || (flags & NC_PRINT_ORIGINS) != 0) {
        file = yaml_origin(out, node, file, true, flags);
        nc_sb_char(out, '\n');
        yaml_node(out, node, indent + 1, file, flags);
        return;
    }

    nc_sb_char(out, ' ');
    yaml_pair(out, &node->pairs[0], indent + 1, file, flags);

    for (uint32_t i = 1; i < node->n; i++) {
        yaml_indent(out, indent + 1);
        yaml_pair(out, &node->pairs[i], indent + 1, file, flags);
    }
}

static void
yaml_node(nc_sb_t *out, const nc_node_t *node, unsigned indent, const char *file, unsigned flags)
{
    for (uint32_t i = 0; i < node->n; i++) {
        if (node->kind == NC_NODE_MAP) {
            yaml_indent(out, indent);
            yaml_pair(out, &node->pairs[i], indent, file, flags);
        } else {
            yaml_item(out, node->items[i], indent, file, flags);
        }
    }
}

void
nc_print_yaml(nc_sb_t *out, const ProtobufCMessage *message, const nc_doc_t *doc, unsigned flags)
{
    nc_pool_t         pool;
    const nc_node_t  *node;

    nc_pool_init(&pool, &nc_pool_heap);
    node = nc_message_tree(&pool, message, doc, flags);

    if (node->kind == NC_NODE_SCALAR || node->n == 0) {
        if (node->kind == NC_NODE_SCALAR) {
            yaml_scalar(out, node);
        } else {
            nc_sb_c_add(out, "{}");
        }
        nc_sb_char(out, '\n');
    } else {
        yaml_node(out, node, 0, NULL, flags);
    }

    nc_pool_fini(&pool);
}
