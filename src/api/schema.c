/* schema.c: look-up in the tables made from the schema and from the names that Envoy knows. */
#include "api/schema.h"

#include "api/message.h"

const nc_schema_t *
nc_schema_find(nc_str_t name)
{
    size_t  low = 0;
    size_t  high = nc_schema_n;

    while (low < high) {
        size_t  mid = low + (high - low) / 2;
        int     order = nc_str_cmp(name, nc_str_c(nc_schema[mid].type->name));

        if (order == 0) {
            return &nc_schema[mid];
        }

        if (order < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }

    return NULL;
}

const nc_envoy_name_t *
nc_envoy_find(nc_str_t name)
{
    size_t  low = 0;
    size_t  high = nc_envoy_names_n;

    while (low < high) {
        size_t  mid = low + (high - low) / 2;
        int     order = nc_str_cmp(name, nc_str_c(nc_envoy_names[mid].name));

        if (order == 0) {
            return &nc_envoy_names[mid];
        }

        if (order < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }

    return NULL;
}

bool
nc_envoy_has(nc_str_t name, nc_str_t member)
{
    const nc_envoy_name_t  *e = nc_envoy_find(name);
    nc_str_t                rest;
    nc_str_t                piece;

    if (e == NULL) {
        return false;
    }

    rest = nc_str_c(e->members);

    while (nc_str_split(&rest, ' ', &piece)) {
        if (nc_str_eq(piece, member)) {
            return true;
        }
    }

    return false;
}

const ProtobufCMessageDescriptor *
nc_message_type(nc_str_t name)
{
    const nc_schema_t  *s = nc_schema_find(name);

    return s ? s->type : NULL;
}

const ProtobufCMessageDescriptor *
nc_message_type_of_url(const char *url)
{
    const char  *slash = url ? strrchr(url, '/') : NULL;

    return nc_message_type(nc_str_c(slash ? slash + 1 : url));
}
