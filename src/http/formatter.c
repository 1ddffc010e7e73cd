/*
 * formatter.c: format strings: parsing, and printing of the compiled operations. The operators
 * are in formatter_ops.c and formatter_values.c.
 */
#include "http/formatter_priv.h"

#include <ctype.h>
#include <stdarg.h>

#include "base/module.h"
#include "envoy/config/core/v3/base.pb-c.h"
#include "envoy/config/core/v3/extension.pb-c.h"
#include "envoy/config/core/v3/substitution_format_string.pb-c.h"
#include "api/data_source.h"

#define SCRATCH_BYTES       4096u               /* printed values; header values are not copied */
#define MAX_FORMAT_FILE     (1u << 20)
#define MAX_FORMATTERS      32u

#define FORMAT(kind)        ENVOY__CONFIG__CORE__V3__SUBSTITUTION_FORMAT_STRING__FORMAT_##kind

const nc_str_t  nc_format_default = NC_STR_INIT(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n");


void
nc_format_error(nc_format_builder_t *b, const char *fmt, ...)
{
    char     memory[512];
    nc_sb_t  text;
    va_list  args;

    nc_sb_fixed(&text, memory, sizeof(memory) - 1);
    va_start(args, fmt);
    nc_sb_vprintf(&text, fmt, args);
    va_end(args);

    nc_compile_error(b->cc, b->message, b->field, NC_STR_FMT, NC_STR_ARG(nc_sb_str(&text)));
    b->failed = true;
}


void
nc_format_builder_init(nc_format_builder_t *b, nc_compile_t *cc,
    const struct ProtobufCMessage *message, const char *field)
{
    *b = (nc_format_builder_t) { .cc = cc, .message = message, .field = field };
}


nc_format_op_t *
nc_format_builder_op(nc_format_builder_t *b, nc_op_id_t id)
{
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 32;
        b->ops = nc_realloc(b->ops, b->cap * sizeof(*b->ops));
    }

    b->ops[b->n] = (nc_format_op_t) { .id = (uint8_t) id };

    return &b->ops[b->n++];
}


void
nc_format_builder_literal(nc_format_builder_t *b, nc_str_t text)
{
    char            *data;
    nc_format_op_t  *op;

    if (text.len == 0) {
        return;
    }

    op = b->n > 0 ? &b->ops[b->n - 1] : NULL;
    if (op == NULL || op->id != NC_OP_LITERAL) {
        op = nc_format_builder_op(b, NC_OP_LITERAL);
    }

    data = nc_realloc((char *) op->text.data, op->text.len + text.len);
    memcpy(data + op->text.len, text.data, text.len);
    op->text = nc_str(data, op->text.len + text.len);
}


nc_format_t *
nc_format_builder_done(nc_format_builder_t *b)
{
    nc_pool_t       *pool = b->cc->pool;
    nc_format_t     *f = nc_pool_new(pool, nc_format_t);
    nc_format_op_t  *ops = nc_pool_array(pool, b->n + 1, sizeof(*ops));

    for (size_t i = 0; i < b->n; i++) {
        ops[i] = b->ops[i];

        if (ops[i].id == NC_OP_LITERAL) {       /* built on the heap */
            ops[i].text = nc_pool_str(pool, b->ops[i].text);
            free((char *) b->ops[i].text.data);
        }
    }

    f->ops = ops;
    f->n = (uint32_t) b->n;
    free(b->ops);
    b->ops = NULL;

    return b->failed ? NULL : f;
}


/*
 * Reads one operator behind its '%' at text[*at]: NAME, NAME(arg), NAME:10, NAME(arg):10, and the
 * closing '%'. Moves *at behind it. False: it is not one.
 */
static bool
read_operator(nc_str_t text, size_t *at, nc_str_t *name, nc_str_t *arg, uint32_t *max_len)
{
    size_t    i = *at, begin = i;
    ssize_t   close;
    nc_str_t  rest;

    while (i < text.len && (isupper((unsigned char) text.data[i]) || nc_is_digit(text.data[i])
        || text.data[i] == '_'))
    {
        i++;
    }

    *name = nc_str(text.data + begin, i - begin);
    *arg = NC_STR_NULL;
    *max_len = 0;

    if (i < text.len && text.data[i] == '(') {
        rest = nc_str_skip(text, i + 1);
        close = nc_str_chr(rest, ')');
        if (close < 0) {
            return false;
        }
        *arg = nc_str(rest.data, (size_t) close);
        i += (size_t) close + 2;
    }

    if (i < text.len && text.data[i] == ':') {
        uint64_t  number = 0;
        size_t    digits = ++i;

        while (i < text.len && nc_is_digit(text.data[i])) {
            i++;
        }
        if (nc_str_to_u64(nc_str(text.data + digits, i - digits), UINT32_MAX, &number) != NC_OK
            || number == 0)
        {
            return false;
        }
        *max_len = (uint32_t) number;
    }

    if (name->len == 0 || i >= text.len || text.data[i] != '%') {
        return false;
    }

    *at = i + 1;

    return true;
}


static void
add_text(nc_format_builder_t *b, nc_str_t text, nc_op_out_t out)
{
    nc_sb_t  escaped;

    if (out == NC_OUT_TEXT) {
        nc_format_builder_literal(b, text);
        return;
    }

    nc_sb_init(&escaped);
    nc_sb_json_escaped(&escaped, text);
    nc_format_builder_literal(b, nc_sb_str(&escaped));
    nc_sb_fini(&escaped);
}


void
nc_format_parse(nc_format_builder_t *b, nc_str_t text, nc_op_out_t out, bool omit)
{
    size_t    at = 0, begin;
    uint32_t  max_len;
    nc_str_t  name, arg;

    while (at < text.len) {
        begin = at;

        if (text.data[at] != '%') {
            while (at < text.len && text.data[at] != '%') {
                at++;
            }
            add_text(b, nc_str(text.data + begin, at - begin), out);
            continue;
        }

        at++;
        if (at < text.len && text.data[at] == '%') {
            add_text(b, NC_STR("%"), out);
            at++;
            continue;
        }

        if (!read_operator(text, &at, &name, &arg, &max_len)) {
            nc_format_error(b, "no operator at position %zu of '" NC_STR_FMT "', expected "
                "%%NAME%%, %%NAME(argument)%% or %%NAME(argument):length%% (and %%%% for one "
                "percent sign)", begin, NC_STR_ARG(text));
            return;
        }

        nc_format_operator(b, name, arg, max_len, out, omit);
    }
}


/* Cut to the longest that the operator allows. */
static nc_str_t
cut(const nc_format_op_t *op, nc_str_t s)
{
    if (op->max_len > 0 && s.len > op->max_len) {
        s.len = op->max_len;
    }

    return s;
}


/* The value as text, without quotes. */
static void
print_bare(const nc_format_op_t *op, const nc_format_value_t *v, nc_sb_t *out)
{
    switch (v->type) {

    case NC_FV_NONE:
        if (!op->omit) {
            nc_sb_char(out, '-');
        }
        break;

    case NC_FV_STR:
    case NC_FV_JSON:
        if (op->out == NC_OUT_TEXT) {
            nc_sb_str_add(out, cut(op, v->str));
        } else {
            nc_sb_json_escaped(out, cut(op, v->str));
        }
        break;

    case NC_FV_NEG:
        nc_sb_char(out, '-');
        nc_sb_u64(out, v->number);
        break;

    case NC_FV_INT:
        nc_sb_u64(out, v->number);
        break;

    case NC_FV_BOOL:
        nc_sb_c_add(out, v->number ? "true" : "false");
        break;
    }
}


static void
print_json(const nc_format_op_t *op, const nc_format_value_t *v, nc_sb_t *out)
{
    if (v->type == NC_FV_STR || op->out == NC_OUT_JSON_STRING) {
        nc_sb_char(out, '"');
        print_bare(op, v, out);
        nc_sb_char(out, '"');

    } else if (v->type == NC_FV_NONE) {
        nc_sb_c_add(out, "null");

    } else if (v->type == NC_FV_JSON) {
        nc_sb_str_add(out, v->str);

    } else {
        print_bare(op, v, out);
    }
}


static void
print_comma(nc_sb_t *out)
{
    char  last = out->len > 0 ? out->data[out->len - 1] : '\0';

    if (last != '{' && last != '[') {
        nc_sb_char(out, ',');
    }
}


static void
print_value(const nc_format_op_t *op, const nc_format_value_t *v, nc_sb_t *out)
{
    switch ((nc_op_out_t) op->out) {

    case NC_OUT_TEXT:
    case NC_OUT_JSON_PART:
        print_bare(op, v, out);
        break;

    case NC_OUT_JSON_TYPED:
    case NC_OUT_JSON_STRING:
        print_json(op, v, out);
        break;

    case NC_OUT_JSON_FIELD:
        if (v->type != NC_FV_NONE) {
            print_comma(out);
            nc_sb_str_add(out, op->text);
            print_json(op, v, out);
        }
        break;
    }
}


/* As nc_sb_str_add; most of what a line is made of fits and is copied without a call. */
static inline void
put(nc_sb_t *out, nc_str_t s)
{
    if (NC_LIKELY(s.len > 0 && out->cap - out->len >= s.len)) {
        memcpy(out->data + out->len, s.data, s.len);
        out->len += s.len;
    } else {
        nc_sb_str_add(out, s);
    }
}


void
nc_format_print(const nc_format_t *f, const nc_http_view_t *view, nc_sb_t *out)
{
    char               memory[SCRATCH_BYTES];
    nc_sb_t            scratch;
    nc_format_value_t  value;

    nc_sb_fixed(&scratch, memory, sizeof(memory));

    for (const nc_format_op_t *op = f->ops, *end = op + f->n; op < end; op++) {
        if (op->id == NC_OP_LITERAL) {
            put(out, op->text);
            continue;
        }

        if (op->id == NC_OP_COMMA) {
            print_comma(out);
            continue;
        }

        nc_sb_reset(&scratch);
        value.type = NC_FV_NONE;
        nc_format_value(op, view, &scratch, &value);

        if (op->out == NC_OUT_TEXT && value.type == NC_FV_STR && op->max_len == 0) {
            put(out, value.str);                /* what nearly all operators of log lines are */
        } else {
            print_value(op, &value, out);
        }
    }
}


nc_str_t
nc_format_literal(const nc_format_t *f)
{
    if (f->n == 0) {
        return NC_STR("");
    }

    return f->n == 1 && f->ops[0].id == NC_OP_LITERAL ? f->ops[0].text : NC_STR_NULL;
}


nc_str_t
nc_format_content_type(const nc_format_t *f)
{
    if (f->content_type.len > 0) {
        return f->content_type;
    }

    return f->json ? NC_STR("application/json") : NC_STR("text/plain");
}


const nc_format_t *
nc_format_compile(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
    nc_str_t text, unsigned flags)
{
    nc_format_builder_t  b;

    nc_format_builder_init(&b, cc, message, field);
    nc_format_parse(&b, text, NC_OUT_TEXT, (flags & NC_FORMAT_OMIT_EMPTY) != 0);

    return nc_format_builder_done(&b);
}


const nc_format_t *
nc_format_compile_json(nc_compile_t *cc, const struct ProtobufCMessage *message,
    const char *field, const struct Google__Protobuf__Struct *json, bool typed)
{
    nc_format_t          *f;
    nc_format_builder_t   b;

    nc_format_builder_init(&b, cc, message, field);
    nc_format_parse_json(&b, json, typed, false, false);
    f = nc_format_builder_done(&b);

    if (f != NULL) {
        f->json = true;
    }

    return f;
}


/* The formatter modules named by the message. */
static size_t
find_formatters(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__SubstitutionFormatString *msg, nc_formatter_ref_t *refs)
{
    size_t  n = 0;

    if (msg->n_formatters > MAX_FORMATTERS) {
        nc_compile_error(cc, &msg->base, "formatters", "more than %u formatters", MAX_FORMATTERS);
        return 0;
    }

    for (size_t i = 0; i < msg->n_formatters; i++) {
        unsigned            before = cc->errors->n;
        const void         *conf;
        const nc_module_t  *module = NULL;

        conf = cc->extension(cc, NC_FORMATTER, msg->formatters[i]->name,
            (const struct ProtobufCMessage *) msg->formatters[i]->typed_config, &module);

        if (module != NULL && cc->errors->n == before) {
            refs[n++] = (nc_formatter_ref_t) { module->ops, conf };
        }
    }

    return n;
}


static void
parse_message(nc_format_builder_t *b,
    const struct Envoy__Config__Core__V3__SubstitutionFormatString *msg)
{
    nc_str_t   text;
    nc_pool_t  scratch;

    switch (msg->format_case) {

    case FORMAT(TEXT_FORMAT):
        b->field = "text_format";
        nc_format_parse(b, nc_str_c(msg->text_format), NC_OUT_TEXT, msg->omit_empty_values);
        break;

    case FORMAT(JSON_FORMAT):
        b->field = "json_format";
        nc_format_parse_json(b, msg->json_format, true, msg->omit_empty_values,
            msg->json_format_options != NULL && msg->json_format_options->sort_properties);
        break;

    case FORMAT(TEXT_FORMAT_SOURCE):
        b->field = "text_format_source";
        nc_pool_init(&scratch, &nc_pool_heap);
        if (nc_data_source_read(b->cc, msg->text_format_source, MAX_FORMAT_FILE, &scratch, &text)
            == NC_OK)
        {
            nc_format_parse(b, text, NC_OUT_TEXT, msg->omit_empty_values);
        } else {
            b->failed = true;
        }
        nc_pool_fini(&scratch);
        break;

    default:
        b->field = "";
        nc_format_error(b, "one of text_format, json_format, text_format_source is required");
        break;
    }
}


const nc_format_t *
nc_format_compile_message(nc_compile_t *cc,
    const struct Envoy__Config__Core__V3__SubstitutionFormatString *msg)
{
    nc_format_t          *f;
    nc_formatter_ref_t    refs[MAX_FORMATTERS];
    nc_format_builder_t   b;

    nc_format_builder_init(&b, cc, &msg->base, "");
    b.n_formatters = find_formatters(cc, msg, refs);
    b.formatters = refs;
    parse_message(&b, msg);
    f = nc_format_builder_done(&b);

    if (f != NULL) {
        f->json = msg->format_case == FORMAT(JSON_FORMAT);
        f->content_type = nc_pool_str(cc->pool, nc_str_c(msg->content_type));
    }

    return f;
}
