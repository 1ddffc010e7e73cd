/* Paths that are not what they seem: the table of t/e2e/hcm/tricky.txt, without any wire. */
#include "http/path.c"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE   "t/e2e/hcm/tricky.txt"

static const nc_escaped_slashes_t  actions[] = {
    ['r'] = NC_SLASHES_REJECT, ['d'] = NC_SLASHES_REDIRECT, ['f'] = NC_SLASHES_FORWARD
};


static nc_path_options_t
options_of(const char *letters)
{
    nc_path_options_t  o = { 0 };

    for (; *letters; letters++) {
        o.normalize |= *letters == 'n';
        o.merge_slashes |= *letters == 'm';

        if (*letters == 'r' || *letters == 'd' || *letters == 'f') {
            o.escaped_slashes = actions[(unsigned char) *letters];
        }
    }

    return o;
}


/* "400", "307 /path" or the path itself. */
static nc_str_t
outcome(const nc_path_options_t *o, nc_str_t sent, nc_pool_t *pool)
{
    nc_str_t           out;
    nc_path_result_t   result = nc_path_normalize(o, sent, pool, &out);
    char              *text;

    if (result == NC_PATH_CONTINUE) {
        return out;
    }

    if (result != NC_PATH_REDIRECT) {
        return NC_STR("400");
    }

    text = nc_pool_alloc(pool, out.len + 4);
    memcpy(text, "307 ", 4);
    memcpy(text + 4, out.data, out.len);

    return nc_str(text, out.len + 4);
}


/* A line of the table: its outcome, and that what is made is stable when it is made again. */
static void
check_line(const char *letters, nc_str_t sent, nc_str_t want)
{
    nc_path_options_t  o = options_of(letters);
    nc_pool_t          pool;
    nc_str_t           got;

    nc_pool_init(&pool, &nc_pool_heap);
    got = outcome(&o, sent, &pool);
    ck_assert_msg(nc_str_eq(got, want), "%s " NC_STR_FMT ": " NC_STR_FMT " instead of " NC_STR_FMT,
                  letters, NC_STR_ARG(sent), NC_STR_ARG(got), NC_STR_ARG(want));

    if (got.len > 0 && got.data[0] == '/') {
        ck_assert(nc_str_eq(outcome(&o, got, &pool), got));
    }

    nc_pool_fini(&pool);
}


START_TEST(each_target_of_the_table_comes_out_as_it_says)
{
    char       line[512], letters[8];
    unsigned   n = 0;
    FILE      *f = fopen(TABLE, "r");

    ck_assert_msg(f != NULL, "%s cannot be read", TABLE);

    while (fgets(line, sizeof(line), f)) {
        int       sent, end = 0, want;
        size_t    len = strcspn(line, "\n");

        line[len] = '\0';

        if (line[0] == '#' || sscanf(line, "%7s %n", letters, &sent) != 1) {
            continue;
        }

        /* A target may hold single blanks; two end it. */
        end = (int) (strstr(line + sent, "  ") - line);
        want = end + (int) strspn(line + end, " ");

        if (memchr(line + sent, ' ', (size_t) (end - sent))) {
            continue;                           /* refused by the parser, never a path */
        }

        check_line(letters, nc_str(line + sent, (size_t) (end - sent)),
                   nc_str(line + want, len - (size_t) want));
        n++;
    }

    fclose(f);
    ck_assert_uint_gt(n, 50);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("tricky");
    TCase    *c = tcase_create("paths");
    SRunner  *r;
    int       failed;

    tcase_add_test(c, each_target_of_the_table_comes_out_as_it_says);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
