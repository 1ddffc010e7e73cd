/*
 * wkt.c: protobuf's well-known types from and to their JSON form: durations, timestamps, wrappers,
 * Struct, Value, ListValue, and Any.
 */
#include "api/doc_priv.h"

#include "api/message.h"

#include <math.h>

#include <google/protobuf/any.pb-c.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/struct.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>

#define MAX_DURATION_S  INT64_C(315576000000)   /* 10,000 years, protobuf's bound */
#define MIN_TIME_S      INT64_C(-62135596800)   /* 0001-01-01T00:00:00Z */
#define MAX_TIME_S      INT64_C(253402300799)   /* 9999-12-31T23:59:59Z */

/* Up to nine digits behind a point, as nanoseconds. */
static bool
parse_fraction(nc_str_t s, int32_t *nanos)
{
    uint32_t  v = 0;

    if (s.len == 0 || s.len > 9) {
        return false;
    }

    for (size_t i = 0; i < 9; i++) {
        if (i < s.len && !nc_is_digit(s.data[i])) {
            return false;
        }
        v = v * 10 + (i < s.len ? (uint32_t) (s.data[i] - '0') : 0);
    }

    *nanos = (int32_t) v;

    return true;
}

bool
nc_parse_duration(nc_str_t s, int64_t *seconds, int32_t *nanos)
{
    bool      negative;
    ssize_t   dot;
    uint64_t  whole;

    if (s.len < 2 || s.data[s.len - 1] != 's') {
        return false;
    }

    s.len--;
    negative = s.data[0] == '-';
    s = nc_str_skip(s, negative ? 1 : 0);
    dot = nc_str_chr(s, '.');
    *nanos = 0;

    if (dot >= 0) {
        if (!parse_fraction(nc_str_skip(s, (size_t) dot + 1), nanos)) {
            return false;
        }
        s.len = (size_t) dot;
    }

    if (nc_str_to_u64(s, (uint64_t) MAX_DURATION_S, &whole) != NC_OK) {
        return false;
    }

    *seconds = negative ? -(int64_t) whole : (int64_t) whole;
    *nanos = negative ? -*nanos : *nanos;

    return true;
}

/* 0, 3, 6 or 9 digits, as protobuf prints them. */
static void
format_fraction(nc_sb_t *out, int32_t nanos)
{
    if (nanos == 0) {
        return;
    }

    if (nanos % 1000000 == 0) {
        nc_sb_printf(out, ".%03" PRId32, nanos / 1000000);
    } else if (nanos % 1000 == 0) {
        nc_sb_printf(out, ".%06" PRId32, nanos / 1000);
    } else {
        nc_sb_printf(out, ".%09" PRId32, nanos);
    }
}

void
nc_format_duration(nc_sb_t *out, int64_t seconds, int32_t nanos)
{
    bool  negative = seconds < 0 || nanos < 0;

    if (negative) {
        nc_sb_char(out, '-');
    }

    nc_sb_u64(out, seconds < 0 ? (uint64_t) 0 - (uint64_t) seconds : (uint64_t) seconds);
    format_fraction(out, nanos < 0 ? (int32_t) (0u - (uint32_t) nanos) : nanos);
    nc_sb_char(out, 's');
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (years from March, eras of 400). */
static int64_t
days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t   y = year - (month <= 2);
    int64_t   era = (y >= 0 ? y : y - 399) / 400;
    unsigned  yoe = (unsigned) (y - era * 400);
    unsigned  doy = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
    unsigned  doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int64_t) doe - 719468;
}

static bool
digits(nc_str_t s, size_t at, size_t n, unsigned max, unsigned *value)
{
    uint64_t  v;

    if (at + n > s.len || nc_str_to_u64(nc_str(s.data + at, n), max, &v) != NC_OK) {
        return false;
    }

    *value = (unsigned) v;

    return true;
}

/* RFC 3339: date, T, time, fraction perhaps, Z or an offset. */
bool
nc_parse_timestamp(nc_str_t s, int64_t *seconds, int32_t *nanos)
{
    unsigned  year, month, day, hour, minute, second;
    unsigned  off_hour = 0, off_minute = 0;
    size_t    i = 19;
    int64_t   offset = 0;

    if (!digits(s, 0, 4, 9999, &year) || year == 0 || !digits(s, 5, 2, 12, &month) || month == 0
        || !digits(s, 8, 2, 31, &day) || day == 0 || !digits(s, 11, 2, 23, &hour)
        || !digits(s, 14, 2, 59, &minute) || !digits(s, 17, 2, 59, &second) || s.len < 20
        || s.data[4] != '-' || s.data[7] != '-' || (s.data[10] != 'T' && s.data[10] != 't')
        || s.data[13] != ':' || s.data[16] != ':')
    {
        return false;
    }

    *nanos = 0;

    if (s.data[i] == '.') {
        size_t  start = ++i;

        while (i < s.len && nc_is_digit(s.data[i])) {
            i++;
        }
        if (!parse_fraction(nc_str(s.data + start, i - start), nanos)) {
            return false;
        }
    }

    if (i + 1 == s.len && (s.data[i] == 'Z' || s.data[i] == 'z')) {
        offset = 0;
    } else if (i + 6 == s.len && (s.data[i] == '+' || s.data[i] == '-') && s.data[i + 3] == ':'
        && digits(s, i + 1, 2, 23, &off_hour) && digits(s, i + 4, 2, 59, &off_minute))
    {
        offset = (int64_t) (off_hour * 3600 + off_minute * 60) * (s.data[i] == '-' ? -1 : 1);
    } else {
        return false;
    }

    *seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;

    return *seconds >= MIN_TIME_S && *seconds <= MAX_TIME_S;
}

void
nc_format_timestamp(nc_sb_t *out, int64_t seconds, int32_t nanos)
{
    int64_t   days;
    int64_t   z, era, y;
    unsigned  rest, doe, yoe, doy, mp, day, month;

    /* Outside the years 1 to 9999 there is no text form; the nearest that has one is shown. */
    seconds = NC_MAX(seconds, MIN_TIME_S);
    seconds = NC_MIN(seconds, MAX_TIME_S);
    nanos = NC_MIN(NC_MAX(nanos, 0), 999999999);

    days = seconds / 86400 - (seconds % 86400 < 0);
    rest = (unsigned) (seconds - days * 86400);
    z = days + 719468;
    era = (z >= 0 ? z : z - 146096) / 146097;
    doe = (unsigned) (z - era * 146097);
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    day = doy - (153 * mp + 2) / 5 + 1;
    month = mp < 10 ? mp + 3 : mp - 9;
    y = (int64_t) yoe + era * 400 + (month <= 2);

    nc_sb_printf(out, "%04d-%02u-%02uT%02u:%02u:%02u", (int) y, month, day, rest / 3600,
        rest / 60 % 60, rest % 60);
    format_fraction(out, nanos);
    nc_sb_char(out, 'Z');
}

/* {seconds: 1, nanos: 500000000} within the bounds that the text form keeps by itself. */
static void
decode_time_fields(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node, ProtobufCMessage **slot)
{
    ProtobufCMessage  *m = nc_message_new(d->pool, type);
    int64_t            seconds;
    int32_t            nanos;
    bool               ok;

    nc_decode_message(d, at, m, node);

    if (type == &google__protobuf__duration__descriptor) {
        seconds = ((Google__Protobuf__Duration *) (void *) m)->seconds;
        nanos = ((Google__Protobuf__Duration *) (void *) m)->nanos;
        ok = seconds >= -MAX_DURATION_S && seconds <= MAX_DURATION_S && nanos > -1000000000
            && nanos < 1000000000 && !(seconds > 0 && nanos < 0) && !(seconds < 0 && nanos > 0);
    } else {
        seconds = ((Google__Protobuf__Timestamp *) (void *) m)->seconds;
        nanos = ((Google__Protobuf__Timestamp *) (void *) m)->nanos;
        ok = seconds >= MIN_TIME_S && seconds <= MAX_TIME_S && nanos >= 0 && nanos < 1000000000;
    }

    if (!ok) {
        nc_decode_error(d, at, node, "seconds and nanos are out of range, or of different signs");
        return;
    }

    *slot = m;
}

/* "1.5s" or {seconds: 1, nanos: 500000000}; timestamps alike. */
static void
decode_time(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node, ProtobufCMessage **slot)
{
    bool      is_duration = type == &google__protobuf__duration__descriptor;
    int64_t   seconds = 0;
    int32_t   nanos = 0;
    bool      ok;

    if (node->kind == NC_NODE_MAP) {
        decode_time_fields(d, at, type, node, slot);
        return;
    }

    if (node->kind == NC_NODE_LIST) {
        ok = false;
    } else if (is_duration) {
        ok = nc_parse_duration(node->text, &seconds, &nanos);
    } else {
        ok = nc_parse_timestamp(node->text, &seconds, &nanos);
    }

    if (!ok) {
        nc_decode_error(d, at, node, is_duration
            ? "expected a duration in seconds such as 0.25s, got %s"
            : "expected a time such as 2026-01-31T12:00:00Z, got %s", nc_node_describe(node));
        return;
    }

    *slot = nc_message_new(d->pool, type);

    if (is_duration) {
        Google__Protobuf__Duration  *duration = (Google__Protobuf__Duration *) (void *) *slot;

        duration->seconds = seconds;
        duration->nanos = nanos;
    } else {
        Google__Protobuf__Timestamp  *time = (Google__Protobuf__Timestamp *) (void *) *slot;

        time->seconds = seconds;
        time->nanos = nanos;
    }
}

/* The bare value, or {value: ...}. */
static void
decode_wrapper(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node, ProtobufCMessage **slot)
{
    ProtobufCMessage  *m = nc_message_new(d->pool, type);

    if (node->kind == NC_NODE_MAP) {
        nc_decode_message(d, at, m, node);
        *slot = m;
        return;
    }

    if (nc_decode_scalar(d, at, &type->fields[0], node, (char *) m + type->fields[0].offset)) {
        *slot = m;
    }
}

static Google__Protobuf__Value *decode_dynamic(nc_decoder_t *d, nc_at_t at, const nc_node_t *node);

static Google__Protobuf__Struct *
decode_struct(nc_decoder_t *d, nc_at_t at, const nc_node_t *node)
{
    Google__Protobuf__Struct  *s;

    s = (Google__Protobuf__Struct *) (void *) nc_message_new(d->pool,
        &google__protobuf__struct__descriptor);
    s->fields = nc_pool_array(d->pool, node->n, sizeof(*s->fields));

    for (uint32_t i = 0; i < node->n; i++) {
        Google__Protobuf__Struct__FieldsEntry  *e;

        e = (Google__Protobuf__Struct__FieldsEntry *) (void *) nc_message_new(d->pool,
            &google__protobuf__struct__fields_entry__descriptor);
        e->key = (char *) (uintptr_t) node->pairs[i].key->text.data;
        e->value = decode_dynamic(d, at, node->pairs[i].value);

        if (e->value != NULL) {
            s->fields[s->n_fields++] = e;
        }
    }

    return s;
}

static Google__Protobuf__ListValue *
decode_list_value(nc_decoder_t *d, nc_at_t at, const nc_node_t *node)
{
    Google__Protobuf__ListValue  *list;

    list = (Google__Protobuf__ListValue *) (void *) nc_message_new(d->pool,
        &google__protobuf__list_value__descriptor);
    list->values = nc_pool_array(d->pool, node->n, sizeof(*list->values));

    for (uint32_t i = 0; i < node->n; i++) {
        Google__Protobuf__Value  *value = decode_dynamic(d, at, node->items[i]);

        if (value != NULL) {
            list->values[list->n_values++] = value;
        }
    }

    return list;
}

static void
decode_plain(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, Google__Protobuf__Value *v)
{
    bool  flag;

    switch (nc_node_plain(node)) {
    case NC_PLAIN_NULL:
        v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE;
        break;
    case NC_PLAIN_BOOL:
    case NC_PLAIN_WORD_BOOL:
        v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE;
        v->bool_value = nc_node_bool(node, &flag) && flag;
        break;
    case NC_PLAIN_NUMBER:
        v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
        if (!nc_node_number(node, &v->number_value) || !isfinite(v->number_value)) {
            nc_decode_error(d, at, node, "only finite numbers can stand here");
        }
        break;
    case NC_PLAIN_STRING:
        v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
        v->string_value = (char *) (uintptr_t) node->text.data;
        break;
    }
}

/* Any node as a google.protobuf.Value. NULL: too deep or too much, reported. */
static Google__Protobuf__Value *
decode_dynamic(nc_decoder_t *d, nc_at_t at, const nc_node_t *node)
{
    Google__Protobuf__Value  *v;

    if (!nc_decode_visit(d, at, node)) {
        return NULL;
    }

    /* Each level is two nested messages (value, list or struct), and a map entry. */
    if (d->depth + 3 > NC_DOC_MAX_DEPTH) {
        nc_decode_error(d, at, node, "nested too deep");
        return NULL;
    }

    d->depth += 3;
    v = (Google__Protobuf__Value *) (void *) nc_message_new(d->pool,
        &google__protobuf__value__descriptor);

    if (node->kind == NC_NODE_MAP) {
        v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
        v->struct_value = decode_struct(d, at, node);
    } else if (node->kind == NC_NODE_LIST) {
        v->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE;
        v->list_value = decode_list_value(d, at, node);
    } else {
        decode_plain(d, at, node, v);
    }

    d->depth -= 3;

    return v;
}

/* The text under key `name` of a mapping, or an empty one. */
static nc_str_t
text_under(const nc_node_t *map, const char *name)
{
    const nc_pair_t  *pair = nc_node_find(map, nc_str_c(name));

    return pair != NULL && pair->value->kind == NC_NODE_SCALAR ? pair->value->text : NC_STR("");
}

/* Reports a type that is not in the schema. */
static const ProtobufCMessageDescriptor *
known_type(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, nc_str_t url)
{
    const ProtobufCMessageDescriptor  *type = nc_message_type_of_url(url.data);
    const char                        *slash = strrchr(url.data, '/');

    if (type == NULL) {
        nc_decode_error(d, at, node, "%s",
            nc_explain_type(d->pool, nc_str_c(slash ? slash + 1 : url.data)));
    }

    return type;
}

/* What a TypedStruct in a file stands for, decoded in place. NULL: reported, or nothing named. */
static ProtobufCMessage *
decode_typed_struct(nc_decoder_t *d, nc_at_t at, const nc_node_t *node)
{
    static const nc_node_t             empty = { .kind = NC_NODE_MAP };
    nc_str_t                           url = text_under(node, "type_url");
    const nc_pair_t                   *value = nc_node_find(node, NC_STR("value"));
    const nc_node_t                   *inside = value ? value->value : &empty;
    const ProtobufCMessageDescriptor  *type;
    ProtobufCMessage                  *m = NULL;

    if (url.len == 0) {
        at.field = "type_url";
        nc_decode_error(d, at, node, "must not be empty");
        return NULL;
    }

    at.field = "type_url";
    type = known_type(d, at, nc_node_find(node, NC_STR("type_url"))->value, url);
    at.field = "value";
    if (type == NULL) {
        return NULL;
    }

    if (value == NULL || nc_node_is_null(inside)) {
        inside = &empty;
        m = nc_message_new(d->pool, type);
        (void) nc_origin_add(d, at, m, node);
        return m;
    }

    nc_decode_submessage(d, at, type, inside, &m);

    return m;
}

/* True for a type whose JSON form is not a mapping of its fields. */
static bool
has_own_form(const ProtobufCMessageDescriptor *type)
{
    return strncmp(type->name, "google.protobuf.", 16) == 0
        && strcmp(type->name, "google.protobuf.Empty") != 0;
}

/* The message of `type` that the mapping of an Any spells out. */
static ProtobufCMessage *
decode_any_content(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node)
{
    ProtobufCMessage  *m = NULL;
    const nc_pair_t   *value;

    if (has_own_form(type)) {
        value = nc_node_find(node, NC_STR("value"));
        if (value == NULL) {
            nc_decode_error(d, at, node, "%s in an Any stands under the key 'value'", type->name);
            return NULL;
        }
        nc_decode_submessage(d, at, type, value->value, &m);
        return m;
    }

    m = nc_message_new(d->pool, type);
    nc_decode_message(d, at, m, node);

    return m;
}

static void
decode_any(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, ProtobufCMessage **slot)
{
    const nc_pair_t                   *pair;
    const ProtobufCMessageDescriptor  *type;
    Google__Protobuf__Any             *any;
    ProtobufCMessage                  *content;
    ProtobufCMessage                  *typed;
    const nc_origin_t                 *origin;
    nc_at_t                            inside;
    nc_str_t                           packed;
    nc_sb_t                            url;

    if (node->kind != NC_NODE_MAP) {
        nc_decode_error(d, at, node, "expected a mapping with '@type', got %s",
            nc_node_describe(node));
        return;
    }

    pair = nc_node_find(node, NC_STR("@type"));
    if (pair == NULL || pair->value->kind != NC_NODE_SCALAR || pair->value->text.len == 0) {
        nc_decode_error(d, at, node, "'@type' is missing");
        return;
    }

    type = known_type(d, at, pair->value, pair->value->text);
    if (type == NULL) {
        return;
    }

    any = (Google__Protobuf__Any *) (void *) nc_message_new(d->pool,
        &google__protobuf__any__descriptor);
    origin = nc_origin_add(d, at, &any->base, node);

    inside = (nc_at_t) { .parent = origin, .field = "", .index = -1 };
    content = decode_any_content(d, inside, type, node);
    if (content == NULL) {
        return;
    }

    typed = content;
    if (nc_is_typed_struct(type)) {
        inside.field = "value";
        typed = decode_typed_struct(d, inside, node);
        if (typed == NULL) {
            return;
        }
    }

    nc_sb_init(&url);
    nc_sb_printf(&url, "type.googleapis.com/%s", type->name);
    packed = nc_message_pack(d->pool, content);
    any->type_url = nc_pool_strdup(d->pool, nc_sb_c(&url));
    any->value.data = (uint8_t *) (uintptr_t) packed.data;
    any->value.len = packed.len;
    nc_sb_fini(&url);

    if (d->doc != NULL) {
        nc_ptrs_set(&d->doc->anys, any, typed);
    }

    *slot = &any->base;
}

bool
nc_decode_well_known(nc_decoder_t *d, nc_at_t at, const ProtobufCMessageDescriptor *type,
    const nc_node_t *node, ProtobufCMessage **slot)
{
    const char  *name = type->name + sizeof("google.protobuf.") - 1;
    size_t       len = strlen(name);

    if (strcmp(name, "Duration") == 0 || strcmp(name, "Timestamp") == 0) {
        decode_time(d, at, type, node, slot);
        return true;
    }

    if (strcmp(name, "Any") == 0) {
        decode_any(d, at, node, slot);
        return true;
    }

    if (strcmp(name, "Struct") == 0) {
        if (node->kind != NC_NODE_MAP) {
            nc_decode_error(d, at, node, "expected a mapping, got %s", nc_node_describe(node));
        } else {
            Google__Protobuf__Struct  *s = decode_struct(d, at, node);

            if (*slot != NULL) {
                nc_message_merge(d->pool, *slot, &s->base);
            } else {
                *slot = &s->base;
            }
        }
        return true;
    }

    if (strcmp(name, "ListValue") == 0) {
        if (node->kind != NC_NODE_LIST) {
            nc_decode_error(d, at, node, "expected a list, got %s", nc_node_describe(node));
        } else {
            *slot = &decode_list_value(d, at, node)->base;
        }
        return true;
    }

    if (strcmp(name, "Value") == 0) {
        Google__Protobuf__Value  *v = decode_dynamic(d, at, node);

        *slot = v ? &v->base : NULL;
        return true;
    }

    if (len > 5 && strcmp(name + len - 5, "Value") == 0) {
        decode_wrapper(d, at, type, node, slot);
        return true;
    }

    return false;
}
