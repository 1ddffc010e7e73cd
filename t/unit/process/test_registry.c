/* Shared descriptors: a socket per worker on one port, found again after the helper's death. */
#include "process/registry.c"

#include <check.h>

static nc_registry_t        r;
static nc_listen_options_t  each = { .reuse_port = true };
static nc_listen_options_t  one = { .reuse_port = false };
static char                 error[NC_BROKER_TEXT];
static bool                 is_new;


static nc_addr_t
loopback(uint16_t port)
{
    nc_addr_t  a;

    ck_assert_int_eq(nc_addr_parse_ip(&a, NC_STR("127.0.0.1"), port), NC_OK);

    return a;
}


static nc_shared_t *
listen_at(const char *name, uint16_t port, const nc_listen_options_t *o)
{
    nc_addr_t  a = loopback(port);

    return nc_registry_listen(&r, name, &a, o, &is_new, error);
}


START_TEST(the_port_the_kernel_chose_is_the_same_for_all_workers)
{
    nc_shared_t  *e;
    nc_addr_t     a;

    nc_registry_init(&r, 4, NULL);
    e = listen_at("a", 0, &each);
    ck_assert_ptr_nonnull(e);
    ck_assert(is_new);
    ck_assert_uint_eq(e->n_fds, 4);
    ck_assert_uint_ne(nc_addr_port(&e->bound), 0);

    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(nc_sock_local(nc_shared_fd(e, i), &a), NC_OK);
        ck_assert(nc_addr_eq(&a, &e->bound));
    }

    ck_assert_int_ne(nc_shared_fd(e, 0), nc_shared_fd(e, 3));
    nc_registry_fini(&r, true);
}
END_TEST


START_TEST(without_reuse_port_there_is_one_socket_for_all)
{
    nc_shared_t  *e;

    nc_registry_init(&r, 4, NULL);
    e = listen_at("a", 0, &one);
    ck_assert_uint_eq(e->n_fds, 1);
    ck_assert_int_eq(nc_shared_fd(e, 0), nc_shared_fd(e, 3));
    nc_registry_fini(&r, true);
}
END_TEST


START_TEST(the_same_address_asked_for_again_gives_the_same_sockets)
{
    nc_shared_t  *e, *f;
    uint16_t      port;

    nc_registry_init(&r, 2, NULL);
    e = listen_at("a", 0, &each);
    port = nc_addr_port(&e->bound);
    f = listen_at("a", 0, &each);
    ck_assert_ptr_eq(e, f);
    ck_assert(!is_new);
    ck_assert_ptr_ne(listen_at("b", 0, &each), e);
    ck_assert(is_new);
    ck_assert_ptr_ne(listen_at("c", port, &each), NULL);
    ck_assert(!nc_registry_release(e));
    ck_assert(nc_registry_release(e));
    nc_registry_fini(&r, true);
}
END_TEST


START_TEST(a_helper_that_died_claims_nothing_and_the_next_one_finds_its_keys)
{
    nc_shared_t  *e;
    uint32_t      key;

    nc_registry_init(&r, 2, NULL);
    e = listen_at("a", 0, &each);
    key = e->key;
    nc_registry_unclaim(&r);
    ck_assert_uint_eq(e->claims, 0);
    ck_assert_uint_eq(listen_at("a", 0, &each)->key, key);
    ck_assert_uint_eq(e->claims, 1);
    nc_registry_fini(&r, true);
}
END_TEST


START_TEST(a_socket_for_the_helper_is_single_and_never_a_listeners)
{
    nc_listen_options_t  o = { .reuse_port = true, .for_helper = true };
    nc_shared_t         *e;

    nc_registry_init(&r, 4, NULL);
    e = listen_at("admin", 0, &o);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->n_fds, 1);
    nc_registry_unclaim(&r);
    ck_assert_ptr_eq(listen_at("admin", 0, &o), e);
    ck_assert(!is_new);
    ck_assert_ptr_ne(listen_at("admin", 0, &each), e);
    nc_registry_fini(&r, true);
}
END_TEST


START_TEST(an_address_in_use_is_said_with_the_address)
{
    nc_shared_t  *e;
    uint16_t      port;

    nc_registry_init(&r, 2, NULL);
    e = listen_at("a", 0, &one);
    port = nc_addr_port(&e->bound);
    ck_assert_ptr_null(listen_at("b", port, &each));
    ck_assert_ptr_nonnull(strstr(error, "127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(error, "Address already in use"));
    nc_registry_fini(&r, true);
}
END_TEST


START_TEST(a_unix_socket_is_shared_and_a_stale_path_is_replaced)
{
    char          dir[] = "/tmp/nuncio-test-XXXXXX", path[64];
    nc_addr_t     a;
    nc_shared_t  *e;
    struct stat   st;
    nc_listen_options_t  o = { .reuse_port = true, .mode = 0640 };

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    ck_assert_int_eq(nc_addr_parse_unix(&a, nc_str_c(path)), NC_OK);

    nc_registry_init(&r, 3, NULL);
    e = nc_registry_listen(&r, "u", &a, &o, &is_new, error);
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->n_fds, 1);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    nc_registry_fini(&r, false);                /* as if killed: the path stays */

    nc_registry_init(&r, 3, NULL);
    e = nc_registry_listen(&r, "u", &a, &o, &is_new, error);
    ck_assert_ptr_nonnull(e);
    ck_assert_int_eq(nc_sock_listen(&a, &o), -1);
    ck_assert_int_eq(errno, EADDRINUSE);
    nc_registry_fini(&r, true);
    ck_assert_int_eq(stat(path, &st), -1);
    rmdir(dir);
}
END_TEST


START_TEST(a_log_that_was_moved_away_is_opened_anew)
{
    char          dir[] = "/tmp/nuncio-test-XXXXXX", path[64], moved[64];
    nc_shared_t  *e;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(moved, sizeof(moved), "%s/log.1", dir);
    nc_registry_init(&r, 2, NULL);
    e = nc_registry_open_log(&r, path, &is_new, error);
    ck_assert_ptr_nonnull(e);
    ck_assert_ptr_eq(nc_registry_open_log(&r, path, &is_new, error), e);
    ck_assert(!is_new);
    ck_assert_int_eq(rename(path, moved), 0);
    ck_assert_int_eq(nc_registry_reopen(&r, e, error), NC_OK);
    ck_assert_int_eq(write(nc_shared_fd(e, 1), "x", 1), 1);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_ptr_null(nc_registry_open_log(&r, "/nonexistent/x", &is_new, error));
    ck_assert_ptr_nonnull(strstr(error, "/nonexistent/x: No such file"));
    nc_registry_fini(&r, true);
    unlink(path);
    unlink(moved);
    rmdir(dir);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("process/registry");
    TCase    *tc = tcase_create("registry");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_test(tc, the_port_the_kernel_chose_is_the_same_for_all_workers);
    tcase_add_test(tc, without_reuse_port_there_is_one_socket_for_all);
    tcase_add_test(tc, the_same_address_asked_for_again_gives_the_same_sockets);
    tcase_add_test(tc, a_helper_that_died_claims_nothing_and_the_next_one_finds_its_keys);
    tcase_add_test(tc, a_socket_for_the_helper_is_single_and_never_a_listeners);
    tcase_add_test(tc, an_address_in_use_is_said_with_the_address);
    tcase_add_test(tc, a_unix_socket_is_shared_and_a_stale_path_is_replaced);
    tcase_add_test(tc, a_log_that_was_moved_away_is_opened_anew);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
