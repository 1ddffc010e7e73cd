/*
 * fuzz_path.c: path normalisation with all settings (the first byte chooses). What comes out is
 * stable when it is normalised again; normalised, it has no dot segment and no byte that a request
 * line could not carry.
 */
#include "http/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* No "." or ".." between slashes, written plainly or escaped. */
static void
check_segments(nc_str_t path, nc_pool_t *pool)
{
    nc_str_t  rest = nc_path_only(path), segment;

    while (nc_str_split(&rest, '/', &segment)) {
        segment = nc_path_unescape(segment, pool);
        NC_CHECK(!nc_str_eq(segment, NC_STR(".")) && !nc_str_eq(segment, NC_STR("..")));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nc_str_t           in, out, again;
    nc_pool_t          pool;
    nc_path_result_t   r;
    nc_path_options_t  o;

    if (size == 0) {
        return 0;
    }

    o = (nc_path_options_t) {
        .normalize = data[0] & 1, .merge_slashes = data[0] & 2,
        .escaped_slashes = (nc_escaped_slashes_t) (data[0] >> 2 & 3)
    };
    in = nc_str((const char *) data + 1, size - 1);
    nc_pool_init(&pool, &nc_pool_heap);
    r = nc_path_normalize(&o, in, &pool, &out);

    if (r == NC_PATH_CONTINUE || r == NC_PATH_REDIRECT) {
        NC_CHECK(nc_path_normalize(&o, out, &pool, &again) == NC_PATH_CONTINUE);
        NC_CHECK(nc_str_eq(out, again));

        if (o.normalize && out.len > 0 && !nc_str_eq(out, NC_STR("*"))) {
            NC_CHECK(out.data[0] == '/');
            check_segments(out, &pool);

            for (size_t i = 0; i < nc_path_only(out).len; i++) {
                NC_CHECK((unsigned char) out.data[i] > ' ' && (unsigned char) out.data[i] < 0x7f);
            }
        }
    }

    nc_pool_fini(&pool);

    return 0;
}
