/* filter_state.c: see filter_state.h. Few objects stand on a stream: a list is walked. */
#include "http/filter_state.h"

struct nc_state_object_s {
    nc_state_object_t  *next;
    nc_str_t            key;
    nc_str_t            value;
    bool                read_only;
};


static nc_state_object_t *
find(const nc_http_info_t *info, nc_str_t key)
{
    for (nc_state_object_t *o = info->state; o != NULL; o = o->next) {
        if (nc_str_eq(o->key, key)) {
            return o;
        }
    }

    return NULL;
}


nc_rc_t
nc_filter_state_set(nc_http_info_t *info, nc_pool_t *pool, nc_str_t key, nc_str_t value,
    bool read_only)
{
    nc_state_object_t  *o = find(info, key);

    if (o == NULL) {
        o = nc_pool_new(pool, nc_state_object_t);
        o->key = key;
        o->next = info->state;
        info->state = o;

    } else if (o->read_only) {
        return NC_DECLINED;
    }

    o->value = value.data != NULL ? value : NC_STR("");
    o->read_only = read_only;

    return NC_OK;
}


nc_str_t
nc_filter_state_get(const nc_http_info_t *info, nc_str_t key)
{
    const nc_state_object_t  *o = find(info, key);

    return o != NULL ? o->value : NC_STR_NULL;
}
