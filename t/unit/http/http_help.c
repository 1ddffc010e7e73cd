/* http_help.c: see http_help.h. */
#include "http/http_help.h"

#include "api/doc.h"
#include "base/module.h"

#include <check.h>


static bool
has_cluster(nc_compile_t *cc, nc_str_t name)
{
    char                memory[128];
    nc_sb_t             sb;
    nc_test_compile_t  *t = cc->owner;

    if (t->clusters == NULL) {
        return true;
    }

    nc_sb_fixed(&sb, memory, sizeof(memory));
    nc_sb_printf(&sb, "," NC_STR_FMT ",", NC_STR_ARG(name));

    return strstr(t->clusters, nc_sb_c(&sb)) != NULL;
}


/* The type's name stands for what a module would compile. */
static const void *
route_extension(nc_compile_t *cc, int kind, const char *name,
    const struct ProtobufCMessage *typed_config, const nc_module_t **module)
{
    nc_test_compile_t  *t = cc->owner;

    (void) kind;
    (void) typed_config;
    *module = NULL;
    t->extensions++;

    return nc_pool_strdup(cc->pool, name);
}


static const ProtobufCMessage *
unpack(nc_compile_t *cc, const char *name, const ProtobufCMessage *any)
{
    const char              *why = NULL;
    nc_test_compile_t       *t = cc->owner;
    const ProtobufCMessage  *m = NULL;

    (void) name;

    for (unsigned i = 0; m == NULL && i < t->n_docs; i++) {
        m = nc_doc_any(t->docs[i], any, cc->pool, &why);
    }

    if (m == NULL) {
        nc_compile_error(cc, any, "", "%s", why ? why : "no type");
    }

    return m;
}


static const void *
extension(nc_compile_t *cc, int kind, const char *name, const struct ProtobufCMessage *any,
    const nc_module_t **module)
{
    const ProtobufCMessage  *m = unpack(cc, name, any);

    *module = m ? nc_module_by_type((nc_kind_t) kind, nc_str_c(m->descriptor->name)) : NULL;

    if (*module == NULL) {
        if (m != NULL) {
            nc_compile_error(cc, any, "", "no module for %s", m->descriptor->name);
        }
        return NULL;
    }

    return (*module)->compile ? (*module)->compile(cc, m) : "";
}


static uint32_t
log_file(nc_compile_t *cc, const char *path)
{
    (void) cc;

    return path[0] == '/' ? 7 : 0;
}


void
nc_test_compile_init(nc_test_compile_t *t)
{
    *t = (nc_test_compile_t) { .extensions = 0 };
    nc_pool_init(&t->pool, &nc_pool_heap);
    nc_errors_init(&t->errors);
    nc_sb_init(&t->text);
    t->cc.pool = &t->pool;
    t->cc.errors = &t->errors;
    t->cc.has_cluster = has_cluster;
    t->cc.route_extension = route_extension;
    t->cc.extension = extension;
    t->cc.unpack = unpack;
    t->cc.log_file = log_file;
    t->cc.owner = t;
}


void
nc_test_compile_fini(nc_test_compile_t *t)
{
    while (t->n_docs > 0) {
        nc_doc_destroy(t->docs[--t->n_docs]);
    }

    nc_sb_fini(&t->text);
    nc_errors_fini(&t->errors);
    nc_pool_fini(&t->pool);
}


const ProtobufCMessage *
nc_test_message(nc_test_compile_t *t, const ProtobufCMessageDescriptor *type, const char *yaml)
{
    nc_doc_t  *doc = nc_doc_create(type, 0);

    ck_assert_uint_lt(t->n_docs, NC_COUNTOF(t->docs));
    t->docs[t->n_docs++] = doc;
    nc_doc_add_text(doc, "test", NC_DOC_YAML, nc_str_c(yaml), &t->errors);

    if (t->errors.n > 0) {
        ck_abort_msg("%s\nin\n%s", nc_test_errors(t), yaml);
    }

    return nc_doc_root(doc);
}


const char *
nc_test_errors(nc_test_compile_t *t)
{
    nc_sb_reset(&t->text);

    for (nc_error_t *e = t->errors.first; e != NULL; e = e->next) {
        nc_sb_printf(&t->text, "%s%s: %s\n", e->warning ? "warning: " : "", e->path, e->message);
    }

    nc_errors_fini(&t->errors);
    nc_errors_init(&t->errors);

    return nc_sb_c(&t->text);
}


void
nc_test_headers(nc_headers_t *h, nc_pool_t *pool, const char *lines)
{
    nc_str_t  rest = nc_str_c(lines), line;

    nc_headers_init(h, pool);

    while (nc_str_split(&rest, '\n', &line)) {
        ssize_t   colon = line.len > 1 ? nc_str_chr(nc_str_skip(line, 1), ':') : -1;
        nc_str_t  name, value;

        if (colon < 0) {
            continue;
        }

        name = nc_str(line.data, (size_t) colon + 1);
        value = nc_str_trim(nc_str_skip(line, name.len + 1));
        nc_headers_add(h, nc_pool_str(pool, name), nc_pool_str(pool, value));
    }
}


const char *
nc_test_headers_text(const nc_headers_t *h, nc_pool_t *pool)
{
    nc_sb_t   sb;
    nc_str_t  s;

    nc_sb_init(&sb);

    nc_headers_each(h, it) {
        nc_sb_str_add(&sb, it->name);
        nc_sb_c_add(&sb, ": ");
        nc_sb_str_add(&sb, it->value);
        nc_sb_char(&sb, '\n');
    }

    s = nc_pool_str(pool, nc_sb_str(&sb));
    nc_sb_fini(&sb);

    return s.data;
}


uint64_t
nc_test_random(uint64_t *state)
{
    uint64_t  x = *state += 0x9e3779b97f4a7c15u;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;

    return x ^ (x >> 31);
}
