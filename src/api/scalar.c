/* scalar.c: scalars of a file into fields: numbers, booleans, enums, texts, bytes. */
#include "api/doc_priv.h"

#include <float.h>
#include <math.h>

/* Both bounds of an integer type, as text for the error. */
typedef struct {
    bool         is_signed;
    int64_t      min;
    uint64_t     max;
    const char  *range;
} integer_t;

static const integer_t  int32_range = {
    true, INT32_MIN, INT32_MAX, "from -2147483648 to 2147483647"
};
static const integer_t  int64_range = {
    true, INT64_MIN, INT64_MAX, "from -9223372036854775808 to 9223372036854775807"
};
static const integer_t  uint32_range = { false, 0, UINT32_MAX, "from 0 to 4294967295" };
static const integer_t  uint64_range = { false, 0, UINT64_MAX, "from 0 to 18446744073709551615" };

/* Plain digits, without the loss of a double. */
static bool
exact_integer(nc_str_t s, bool *negative, uint64_t *magnitude)
{
    *negative = s.len > 1 && s.data[0] == '-';
    if (*negative) {
        s = nc_str_skip(s, 1);
    }

    if (s.len > 1 && s.data[0] == '0') {
        return false;                           /* octal or hexadecimal */
    }

    return nc_str_to_u64(s, UINT64_MAX, magnitude) == NC_OK;
}

/* An integer: digits, hexadecimal, octal, or a float without a fraction. */
static bool
read_integer(const nc_node_t *node, bool *negative, uint64_t *magnitude)
{
    double  v;

    if (exact_integer(node->text, negative, magnitude)) {
        return true;
    }

    if (!nc_node_number(node, &v) || !isfinite(v) || v != floor(v) || fabs(v) >= 0x1p64) {
        return false;
    }

    *negative = v < 0;
    *magnitude = (uint64_t) fabs(v);

    return true;
}

static bool
decode_integer(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, const integer_t *type,
    uint64_t *bits)
{
    bool      negative;
    uint64_t  magnitude;

    if (!read_integer(node, &negative, &magnitude)) {
        nc_decode_error(d, at, node, "expected an integer, got %s", nc_node_describe(node));
        return false;
    }

    if (negative ? magnitude > (type->is_signed ? (uint64_t) 0 - (uint64_t) type->min : 0)
        : magnitude > type->max)
    {
        nc_decode_error(d, at, node, "expected an integer %s, got %s", type->range,
            nc_node_describe(node));
        return false;
    }

    *bits = negative ? (uint64_t) 0 - magnitude : magnitude;

    return true;
}

static bool
decode_real(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, bool single, double *value)
{
    bool  ok = true;

    if (nc_str_eq(node->text, NC_STR("NaN"))) {
        *value = NAN;
    } else if (nc_str_eq(node->text, NC_STR("Infinity"))) {
        *value = HUGE_VAL;
    } else if (nc_str_eq(node->text, NC_STR("-Infinity"))) {
        *value = -HUGE_VAL;
    } else {
        ok = nc_node_number(node, value);
    }

    if (!ok) {
        nc_decode_error(d, at, node, "expected a number, got %s", nc_node_describe(node));
    } else if (single && isfinite(*value) && fabs(*value) > (double) FLT_MAX) {
        nc_decode_error(d, at, node, "expected a number within the range of a float, got %s",
            nc_node_describe(node));
        ok = false;
    }

    return ok;
}

static bool
decode_bool(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, protobuf_c_boolean *to)
{
    bool  value;

    if (!nc_node_bool(node, &value)) {
        nc_decode_error(d, at, node, "expected true or false, got %s", nc_node_describe(node));
        return false;
    }

    *to = value;

    return true;
}

static bool
decode_enum(nc_decoder_t *d, nc_at_t at, const ProtobufCEnumDescriptor *type,
    const nc_node_t *node, int *to)
{
    const ProtobufCEnumValueIndex  *found = NULL;
    uint64_t                        bits;

    if (nc_node_plain(node) == NC_PLAIN_NUMBER) {
        if (!decode_integer(d, at, node, &int32_range, &bits)) {
            return false;
        }
        *to = (int32_t) bits;
        return true;
    }

    for (unsigned i = 0; i < type->n_value_names; i++) {
        nc_str_t  name = nc_str_c(type->values_by_name[i].name);

        if (nc_str_eq(name, node->text)) {
            found = &type->values_by_name[i];
            break;
        }

        if (nc_str_caseeq(name, node->text)) {
            found = &type->values_by_name[i];
        }
    }

    if (found == NULL) {
        nc_decode_error(d, at, node, "%s", nc_explain_value(d->pool, type, node->text));
        return false;
    }

    *to = type->values[found->index].value;

    return true;
}

static bool
decode_string(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, char **to)
{
    nc_plain_t  plain = nc_node_plain(node);

    if (plain == NC_PLAIN_NUMBER || plain == NC_PLAIN_BOOL) {
        nc_decode_error(d, at, node, "expected a text, got %s; write it in quotes",
            nc_node_describe(node));
        return false;
    }

    *to = (char *) (uintptr_t) node->text.data;             /* the tree is in the same pool */

    return true;
}

static bool
decode_bytes(nc_decoder_t *d, nc_at_t at, const nc_node_t *node, ProtobufCBinaryData *to)
{
    uint8_t  *data = nc_pool_alloc(d->pool, node->text.len + 1);
    size_t    len;

    if (!nc_base64_decode(node->text, data, &len)) {
        nc_decode_error(d, at, node, "expected bytes in base64, got %s", nc_node_describe(node));
        return false;
    }

    to->data = data;
    to->len = len;

    return true;
}

bool
nc_decode_scalar(nc_decoder_t *d, nc_at_t at, const ProtobufCFieldDescriptor *f,
    const nc_node_t *node, void *to)
{
    const integer_t  *range = NULL;
    uint64_t          bits;
    double            real;

    if (node->kind != NC_NODE_SCALAR) {
        nc_decode_error(d, at, node, "expected a single value, got %s", nc_node_describe(node));
        return false;
    }

    switch (f->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return decode_bool(d, at, node, to);
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(d, at, f->descriptor, node, to);
    case PROTOBUF_C_TYPE_STRING:
        return decode_string(d, at, node, to);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_bytes(d, at, node, to);
    case PROTOBUF_C_TYPE_FLOAT:
        if (!decode_real(d, at, node, true, &real)) {
            return false;
        }
        *(float *) to = (float) real;
        return true;
    case PROTOBUF_C_TYPE_DOUBLE:
        return decode_real(d, at, node, false, to);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        range = &int32_range;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        range = &int64_range;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        range = &uint32_range;
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        range = &uint64_range;
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        NC_CHECK(f->type != PROTOBUF_C_TYPE_MESSAGE);
    }

    if (!decode_integer(d, at, node, range, &bits)) {
        return false;
    }

    if (range == &int32_range || range == &uint32_range) {
        *(uint32_t *) to = (uint32_t) bits;
    } else {
        *(uint64_t *) to = bits;
    }

    return true;
}
