/*
 * The loader: files in, roots out; and nothing changes when something is wrong. Listeners are
 * compiled by a stand-in whose stat_prefix names the cluster that it refers to.
 */
#include "net/listener.h"

nc_listener_conf_t *fake_listener_compile(nc_compile_t *cc, const void *message);

#define nc_listener_compile  fake_listener_compile
#include "config/compile.c"
#undef nc_listener_compile

#include "envoy/config/listener/v3/listener.pb-c.h"

#include <check.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES  8

static nc_errors_t       errors;
static char              dir[64];
static char              names[FILES][128];
static unsigned          n_files;
static nc_options_t      options;
static nc_clog_t        *config_log;
static int               clog_fd;

/* What the last load answered. */
static struct {
    bool      done, ok;
    uint32_t  added, modified, removed, unchanged;
    char      text[4096];
} answer;

/* The stand-in for the master. */
static struct {
    int          claims[64];
    char         asked[64][128];
    unsigned     n;
    int          wakes;
    const char  *refuse;                        /* text of the error; NULL: all is well */
} master;


/* ---- stand-ins ---- */

nc_listener_conf_t *
fake_listener_compile(nc_compile_t *cc, const void *message)
{
    const Envoy__Config__Listener__V3__Listener    *m = message;
    const Envoy__Config__Core__V3__SocketAddress   *sa = m->address->socket_address;
    nc_listener_conf_t                             *l = nc_pool_new(cc->pool, nc_listener_conf_t);

    l->slot = cc->slot;
    l->ctx.name = nc_pool_str(cc->pool, nc_str_c(m->name));
    l->reuse_port = l->bind_to_port = true;
    ck_assert_int_eq(nc_addr_parse_ip(&l->addr, nc_str_c(sa->address), (uint16_t) sa->port_value),
                     NC_OK);

    if (m->name[0] == '@') {
        cc->depends(cc, m->name + 1, dir);
    }

    if (m->stat_prefix[0] && !cc->has_cluster(cc, nc_str_c(m->stat_prefix))) {
        nc_compile_error(cc, &m->base, "stat_prefix", "there is no cluster \"%s\"",
                         m->stat_prefix);
        return NULL;
    }

    return l;
}


static uint32_t
claim(const char *what)
{
    for (unsigned i = 0; i < master.n; i++) {
        if (strcmp(master.asked[i], what) == 0) {
            master.claims[i]++;
            return i + 1;
        }
    }

    ck_assert_uint_lt(master.n, 64);
    snprintf(master.asked[master.n], sizeof(master.asked[0]), "%s", what);
    master.claims[master.n]++;

    return ++master.n;
}


static nc_rc_t
fake_listen(const char *name, const nc_addr_t *addr, const nc_listen_options_t *o, uint32_t *key,
    nc_addr_t *bound, char error[NC_BROKER_TEXT])
{
    nc_sb_t  sb;
    char     text[128];

    (void) name;
    (void) o;

    if (master.refuse) {
        snprintf(error, NC_BROKER_TEXT, "%s", master.refuse);
        return NC_ERROR;
    }

    nc_sb_fixed(&sb, text, sizeof(text));
    nc_addr_print(addr, &sb);
    *key = claim(nc_sb_c(&sb));
    *bound = *addr;

    return NC_OK;
}


static void
fake_give_back(uint32_t key)
{
    ck_assert_uint_le(key, master.n);
    master.claims[key - 1]--;
    ck_assert_int_ge(master.claims[key - 1], 0);
}


static nc_rc_t
fake_open_log(const char *path, uint32_t *key, char error[NC_BROKER_TEXT])
{
    (void) error;
    *key = claim(path);

    return NC_OK;
}


static void fake_wake(void) { master.wakes++; }

static const nc_broker_t  broker = {
    .listen = fake_listen, .unlisten = fake_give_back, .open_log = fake_open_log,
    .close_log = fake_give_back, .wake_workers = fake_wake,
};


static int
claims_of(const char *what)
{
    for (unsigned i = 0; i < master.n; i++) {
        if (strcmp(master.asked[i], what) == 0) {
            return master.claims[i];
        }
    }

    return 0;
}


/* ---- set-up ---- */

static void
put_file(const char *name, const char *text)
{
    char   path[128];
    FILE  *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);

    for (unsigned i = 0; ; i++) {
        if (i == n_files) {
            ck_assert_uint_lt(n_files, FILES);
            strcpy(names[n_files++], path);
        }

        if (strcmp(names[i], path) == 0) {
            break;
        }
    }

    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}


static void
start_helper(void)
{
    nc_errors_t  none;

    nc_errors_init(&none);
    ck_assert_int_eq(nc_loop_init(), NC_OK);
    ck_assert_int_eq(nc_image_attach_helper(&none), NC_OK);
    config_log = nc_clog_open_fd(clog_fd, &none);
    ck_assert_ptr_nonnull(config_log);
    nc_errors_fini(&none);
    nc_loader_init(&options, config_log);
}


/* As far as the master goes. */
static void
setup_master(void)
{
    memset(&master, 0, sizeof(master));
    memset(&options, 0, sizeof(options));
    nc_errors_init(&errors);
    ck_assert_int_eq(nc_image_create(256u << 20, 2, &errors), NC_OK);
    nc_stats_create_private();

    strcpy(dir, "/tmp/nuncio-test-loader-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    n_files = 0;
    nc_vec_push(&options.config_paths, dir);
    clog_fd = memfd_create("test-config-log", MFD_CLOEXEC);
    ck_assert_int_ge(clog_fd, 0);

    nc_broker = &broker;
}


static void
setup(void)
{
    setup_master();
    start_helper();
}


static void
teardown(void)
{
    nc_loader_fini();
    nc_clog_close(config_log);
    close(clog_fd);
    nc_image_destroy();

    /* What loads asked for has been given back with the image. */
    for (unsigned i = 0; i < master.n; i++) {
        ck_assert_int_ge(master.claims[i], 0);
    }

    for (unsigned i = 0; i < n_files; i++) {
        (void) unlink(names[i]);
    }

    ck_assert_int_eq(rmdir(dir), 0);
    nc_vec_fini(&options.config_paths);
    nc_vec_fini(&options.config_yaml);
    nc_loop_fini();
    nc_stats_destroy();
    nc_errors_fini(&errors);
}


static void
on_done(void *ctx, const nc_loader_result_t *r)
{
    (void) ctx;

    answer.done = true;
    answer.ok = r->ok;
    answer.added = r->added;
    answer.modified = r->modified;
    answer.removed = r->removed;
    answer.unchanged = r->unchanged;
    snprintf(answer.text, sizeof(answer.text), NC_STR_FMT, NC_STR_ARG(r->text));
}


static void
wait_done(void)
{
    for (unsigned i = 0; i < 2000 && !answer.done; i++) {
        nc_loop_turn(10);
    }

    ck_assert(answer.done);
}


static void
load(void)
{
    memset(&answer, 0, sizeof(answer));
    nc_loader_reload(on_done, NULL);
    wait_done();
}


static void
load_ok(void)
{
    load();
    ck_assert_msg(answer.ok, "%s", answer.text);
}


static const nc_root_t *
root(void)
{
    uint64_t  seq;

    return nc_image_root(&seq);
}


static const nc_cluster_entry_t *
cluster(const char *name)
{
    return nc_table_get(&root()->clusters.by_name, nc_str_c(name));
}


#define STATIC_CLUSTER(name, port)  \
    "  - name: " name "\n"  \
    "    load_assignment:\n"  \
    "      cluster_name: " name "\n"  \
    "      endpoints: {lb_endpoints: [{endpoint: {address: {socket_address: "  \
                      "{address: 127.0.0.1, port_value: " port "}}}}]}\n"

#define LISTENER(name, port, to)  \
    "  - {name: " name ", stat_prefix: " to ", address: {socket_address: "  \
      "{address: 127.0.0.1, port_value: " port "}}}\n"

#define TWO_CLUSTERS  \
    "static_resources:\n"  \
    "  clusters:\n" STATIC_CLUSTER("a", "1001") STATIC_CLUSTER("b", "1002")  \
    "  listeners:\n" LISTENER("l", "9001", "a")


/* ---- tests ---- */

START_TEST(a_first_load_publishes_clusters_hosts_and_listeners)
{
    const nc_cluster_entry_t  *e;

    put_file("a.yaml", TWO_CLUSTERS);
    load_ok();

    ck_assert_uint_eq(answer.added, 3);
    ck_assert_uint_eq(root()->n_listeners, 1);
    ck_assert_int_eq(claims_of("127.0.0.1:9001"), 1);
    ck_assert_uint_ne(root()->listeners[0]->socket_key, 0);

    e = cluster("b");
    ck_assert_ptr_nonnull(e);
    ck_assert_uint_eq(e->cluster->connect_timeout_ms, 5000);
    ck_assert_uint_eq(nc_cluster_hosts(e)->n, 1);
    ck_assert_uint_eq(nc_addr_port(&nc_cluster_hosts(e)->hosts[0].addr), 1002);
    ck_assert(nc_image_holds(e));
    ck_assert_ptr_null(cluster("c"));
    ck_assert_int_gt(master.wakes, 0);
}
END_TEST


START_TEST(loading_the_same_again_does_nothing)
{
    const nc_root_t  *before;

    put_file("a.yaml", TWO_CLUSTERS);
    load_ok();
    before = root();
    load_ok();

    ck_assert_uint_eq(answer.unchanged, 3);
    ck_assert_uint_eq(answer.added + answer.modified + answer.removed, 0);
    ck_assert_ptr_eq(root(), before);
    ck_assert_uint_eq(nc_clog_generation(config_log), 1);
}
END_TEST


START_TEST(only_what_changed_is_compiled)
{
    const nc_cluster_entry_t  *a;
    uint32_t                   id;

    put_file("a.yaml", TWO_CLUSTERS);
    load_ok();
    a = cluster("a");
    id = cluster("b")->cluster->local_id;

    put_file("a.yaml", "static_resources:\n"
             "  clusters:\n" STATIC_CLUSTER("a", "1001") STATIC_CLUSTER("b", "1003")
             "  listeners:\n" LISTENER("l", "9001", "a"));
    load_ok();

    ck_assert_uint_eq(answer.modified, 1);
    ck_assert_uint_eq(answer.unchanged, 2);
    ck_assert_ptr_eq(cluster("a"), a);
    ck_assert_uint_eq(nc_addr_port(&nc_cluster_hosts(cluster("b"))->hosts[0].addr), 1003);
    ck_assert_uint_eq(cluster("b")->cluster->local_id, id);
    ck_assert_int_eq(claims_of("127.0.0.1:9001"), 1);
}
END_TEST


/* The stand-in of listener "@/path" was made of that file. */
static void
put_listener_of_file(void)
{
    char  yaml[512];

    snprintf(yaml, sizeof(yaml), "static_resources: {listeners: [{name: \"@%s/page\", address: "
             "{socket_address: {address: 127.0.0.1, port_value: 9001}}}]}\n", dir);
    put_file("page", "one");
    put_file("a.yaml", yaml);
}


START_TEST(what_was_made_of_a_file_is_compiled_again_when_the_file_changed)
{
    const nc_listener_conf_t  *before;

    put_listener_of_file();
    load_ok();
    before = root()->listeners[0];
    load_ok();
    ck_assert_ptr_eq(root()->listeners[0], before);
    ck_assert_uint_eq(answer.unchanged, 1);

    put_file("page", "two");
    load_ok();
    ck_assert_ptr_ne(root()->listeners[0], before);
    ck_assert_uint_eq(answer.modified, 1);
    ck_assert_int_eq(claims_of("127.0.0.1:9001"), 1);
    ck_assert_uint_eq(nc_clog_generation(config_log), 1);
}
END_TEST


START_TEST(a_rename_in_a_watched_folder_is_taken_over_without_being_asked)
{
    const nc_listener_conf_t  *before;
    char                       from[128], to[128];

    put_listener_of_file();
    load_ok();
    before = root()->listeners[0];
    put_file("a.yaml", "is: not read");
    put_file("new", "two");
    snprintf(from, sizeof(from), "%s/new", dir);
    snprintf(to, sizeof(to), "%s/page", dir);
    ck_assert_int_eq(rename(from, to), 0);

    for (unsigned i = 0; i < 500 && root()->listeners[0] == before; i++) {
        nc_loop_turn(10);
    }

    ck_assert_ptr_ne(root()->listeners[0], before);
    ck_assert_uint_eq(root()->n_listeners, 1);
    ck_assert(nc_str_starts(root()->listeners[0]->ctx.name, NC_STR("@")));

    while (nc_loader.load) {
        nc_loop_turn(10);
    }
}
END_TEST


START_TEST(another_way_to_connect_is_another_local_id)
{
    uint32_t  id;

    put_file("a.yaml", "static_resources:\n  clusters:\n" STATIC_CLUSTER("a", "1001"));
    load_ok();
    id = cluster("a")->cluster->local_id;

    put_file("a.yaml", "static_resources:\n  clusters:\n" STATIC_CLUSTER("a", "1001")
             "    max_requests_per_connection: 7\n");
    load_ok();

    ck_assert_uint_ne(cluster("a")->cluster->local_id, id);
    ck_assert_uint_eq(cluster("a")->cluster->max_requests_per_cx, 7);
}
END_TEST


START_TEST(what_is_gone_is_given_back)
{
    put_file("a.yaml", TWO_CLUSTERS);
    load_ok();
    put_file("a.yaml", "static_resources:\n  clusters:\n" STATIC_CLUSTER("b", "1002"));
    load_ok();

    ck_assert_uint_eq(answer.removed, 2);
    ck_assert_uint_eq(root()->n_listeners, 0);
    ck_assert_ptr_null(cluster("a"));
    ck_assert_int_eq(claims_of("127.0.0.1:9001"), 0);

    for (unsigned i = 0; i < 100 && nc_image_reclaim_pending(); i++) {
        nc_loop_turn(10);
    }

    ck_assert(!nc_image_reclaim_pending());
}
END_TEST


START_TEST(a_listener_moves_to_another_address)
{
    put_file("a.yaml", TWO_CLUSTERS);
    load_ok();
    put_file("a.yaml", "static_resources:\n"
             "  clusters:\n" STATIC_CLUSTER("a", "1001") STATIC_CLUSTER("b", "1002")
             "  listeners:\n" LISTENER("l", "9002", "a"));
    load_ok();

    ck_assert_uint_eq(answer.modified, 1);
    ck_assert_int_eq(claims_of("127.0.0.1:9001"), 0);
    ck_assert_int_eq(claims_of("127.0.0.1:9002"), 1);
}
END_TEST


START_TEST(two_clusters_of_one_name_are_an_error_that_names_both_places)
{
    put_file("a.yaml", "static_resources:\n  clusters:\n" STATIC_CLUSTER("a", "1001"));
    put_file("b.yaml", "static_resources:\n  clusters:\n" STATIC_CLUSTER("a", "1002"));
    load();

    ck_assert(!answer.ok);
    ck_assert_ptr_nonnull(strstr(answer.text, "/b.yaml:3:"));
    ck_assert_ptr_nonnull(strstr(answer.text, "/a.yaml:3"));
    ck_assert_ptr_nonnull(strstr(answer.text, "clusters[1].name"));
}
END_TEST


START_TEST(a_reload_with_an_error_changes_nothing_and_tells_all_errors)
{
    const nc_root_t  *before;

    put_file("a.yaml", TWO_CLUSTERS);
    load_ok();
    before = root();

    put_file("a.yaml", "static_resources:\n"
             "  clusters:\n" STATIC_CLUSTER("a", "1001") STATIC_CLUSTER("n", "1004")
             "  listeners:\n" LISTENER("l", "9001", "none") LISTENER("m", "9003", "nobody"));
    load();

    ck_assert(!answer.ok);
    ck_assert_ptr_nonnull(strstr(answer.text, "\"none\""));
    ck_assert_ptr_nonnull(strstr(answer.text, "\"nobody\""));
    ck_assert_ptr_eq(root(), before);
    ck_assert_uint_eq(nc_clog_generation(config_log), 1);
    ck_assert_int_eq(claims_of("127.0.0.1:9001"), 1);
    ck_assert_int_eq(claims_of("127.0.0.1:9003"), 0);
}
END_TEST


START_TEST(a_cluster_that_an_unchanged_listener_names_cannot_go)
{
    put_file("a.yaml", TWO_CLUSTERS);
    load_ok();
    put_file("a.yaml", "static_resources:\n"
             "  clusters:\n" STATIC_CLUSTER("b", "1002")
             "  listeners:\n" LISTENER("l", "9001", "a"));
    load();

    ck_assert(!answer.ok);
    ck_assert_ptr_nonnull(strstr(answer.text, "there is no cluster \"a\""));
    ck_assert_ptr_nonnull(cluster("a"));
}
END_TEST


START_TEST(an_address_that_cannot_be_had_fails_the_load)
{
    put_file("a.yaml", TWO_CLUSTERS);
    master.refuse = "Address already in use";
    load();

    ck_assert(!answer.ok);
    ck_assert_ptr_nonnull(strstr(answer.text, "Address already in use"));
    ck_assert_ptr_null(root());

    master.refuse = NULL;
    load_ok();
    ck_assert_uint_eq(root()->n_listeners, 1);
}
END_TEST


START_TEST(two_listeners_at_one_address_are_an_error)
{
    put_file("a.yaml", "static_resources:\n  clusters:\n" STATIC_CLUSTER("a", "1001")
             "  listeners:\n" LISTENER("l", "9001", "a") LISTENER("m", "9001", "a"));
    load();

    ck_assert(!answer.ok);
    ck_assert_ptr_nonnull(strstr(answer.text, "listener \"l\" has this address already"));
}
END_TEST


START_TEST(a_folder_is_merged_in_the_order_of_names_and_text_comes_last)
{
    put_file("20-b.yaml", "node: {id: second}\nstatic_resources:\n  clusters:\n"
             STATIC_CLUSTER("b", "1002"));
    put_file("10-a.json", "{\"node\": {\"id\": \"first\", \"cluster\": \"c\"}}");
    put_file("ignored.txt", "not: [yaml");
    nc_vec_push(&options.config_yaml, "static_resources: {clusters: [{name: z}]}");
    load_ok();

    ck_assert(nc_str_eq(root()->node_id, NC_STR("second")));
    ck_assert(nc_str_eq(root()->node_cluster, NC_STR("c")));
    ck_assert_ptr_nonnull(cluster("b"));
    ck_assert_ptr_nonnull(cluster("z"));
    ck_assert_uint_eq(nc_cluster_hosts(cluster("z"))->n, 0);
}
END_TEST


START_TEST(the_command_line_stands_above_the_files)
{
    put_file("a.yaml", "node: {id: file, cluster: file}");
    options.service_node = "mine";
    load_ok();

    ck_assert(nc_str_eq(root()->node_id, NC_STR("mine")));
    ck_assert(nc_str_eq(root()->node_cluster, NC_STR("file")));
}
END_TEST


START_TEST(an_empty_folder_is_an_error)
{
    load();
    ck_assert(!answer.ok);
    ck_assert_ptr_nonnull(strstr(answer.text, "the folder holds no"));
}
END_TEST


START_TEST(what_a_reload_cannot_change_is_named_and_kept)
{
    nc_loader_resource_t   b;
    nc_bootstrap_msg_t    *m;
    nc_pool_t              pool;

    put_file("a.yaml", "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}\n");
    load_ok();
    put_file("a.yaml", "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 2}}}\n"
             "node: {id: x}\n");
    load_ok();

    ck_assert_ptr_nonnull(strstr(answer.text, "admin"));
    ck_assert_ptr_nonnull(strstr(answer.text, "restart"));
    ck_assert(nc_str_eq(root()->node_id, NC_STR("x")));

    nc_pool_init(&pool, &nc_pool_heap);
    ck_assert(nc_loader_bootstrap(&b));
    m = (void *) nc_loader_unpack(&pool, &envoy__config__bootstrap__v3__bootstrap__descriptor, &b);
    ck_assert_uint_eq(m->admin->address->socket_address->port_value, 1);
    nc_pool_fini(&pool);
}
END_TEST


/* A helper that loads the files and dies without a word. */
static void
helper_lives_and_dies(void)
{
    pid_t  pid = fork();
    int    status;

    ck_assert_int_ge(pid, 0);

    if (pid == 0) {
        start_helper();
        memset(&answer, 0, sizeof(answer));
        nc_loader_reload(on_done, NULL);

        for (unsigned i = 0; i < 2000 && !answer.done; i++) {
            nc_loop_turn(10);
        }

        _exit(answer.ok ? 0 : 1);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    nc_stats_helper_died();
}


START_TEST(a_new_helper_goes_on_from_the_log_and_reads_no_file)
{
    uint32_t  ids[2], hosts[2];

    put_file("a.yaml", TWO_CLUSTERS);
    helper_lives_and_dies();
    ids[0] = cluster("a")->cluster->local_id;
    ids[1] = cluster("b")->cluster->local_id;
    hosts[0] = nc_cluster_hosts(cluster("a"))->hosts[0].id.id;
    hosts[1] = nc_cluster_hosts(cluster("b"))->hosts[0].id.id;

    put_file("a.yaml", "this: is not read");
    start_helper();
    memset(&answer, 0, sizeof(answer));
    nc_loader_recover(on_done, NULL);
    wait_done();

    ck_assert_msg(answer.ok, "%s", answer.text);
    ck_assert_uint_eq(root()->n_listeners, 1);
    ck_assert_uint_eq(cluster("a")->cluster->local_id, ids[0]);
    ck_assert_uint_eq(cluster("b")->cluster->local_id, ids[1]);
    ck_assert_uint_eq(nc_cluster_hosts(cluster("a"))->hosts[0].id.id, hosts[0]);
    ck_assert_uint_eq(nc_cluster_hosts(cluster("b"))->hosts[0].id.id, hosts[1]);
    ck_assert_uint_eq(nc_clog_generation(config_log), 1);
    ck_assert_uint_eq(root()->generation, 1);
}
END_TEST


START_TEST(a_log_that_does_not_fit_any_more_is_no_reason_not_to_start)
{
    nc_clog_record_t  bad = { .type = NC_STR("type.googleapis.com/envoy.config.cluster.v3.Cluster"),
                              .name = NC_STR("a"), .bytes = NC_STR("\x0a\xff") };

    nc_clog_begin(config_log, 1);
    nc_clog_put(config_log, &bad);
    ck_assert_int_eq(nc_clog_commit(config_log, &errors), NC_OK);
    nc_loader_fini();
    nc_loader_init(&options, config_log);

    put_file("a.yaml", TWO_CLUSTERS);
    memset(&answer, 0, sizeof(answer));
    nc_loader_recover(on_done, NULL);
    wait_done();
    ck_assert(!answer.ok);
    ck_assert_ptr_nonnull(strstr(answer.text, "in the config log"));

    load_ok();
    ck_assert_ptr_nonnull(cluster("a"));
}
END_TEST


START_TEST(a_start_with_an_old_log_writes_only_what_differs)
{
    put_file("a.yaml", TWO_CLUSTERS);
    helper_lives_and_dies();
    start_helper();
    load_ok();

    ck_assert_uint_eq(nc_clog_generation(config_log), 1);
    ck_assert_uint_eq(root()->generation, 1);
}
END_TEST


START_TEST(check_finds_the_same_errors_and_asks_for_nothing)
{
    nc_sb_t  out;

    nc_sb_init(&out);
    put_file("a.yaml", TWO_CLUSTERS);
    ck_assert_int_eq(nc_loader_check(&options, &out, &errors), NC_OK);
    ck_assert_str_eq(nc_sb_c(&out), "1 listener, 2 clusters");

    put_file("b.yaml", "static_resources: {listeners: [{stat_prefix: q, address: "
             "{socket_address: {address: 127.0.0.1, port_value: 9001}}}]}");
    ck_assert_int_eq(nc_loader_check(&options, NULL, &errors), NC_ERROR);
    ck_assert_uint_eq(master.n, 0);
    ck_assert_ptr_null(root());
    nc_sb_fini(&out);
}
END_TEST


START_TEST(loads_asked_for_meanwhile_are_done_as_one)
{
    put_file("a.yaml", TWO_CLUSTERS);
    memset(&answer, 0, sizeof(answer));
    nc_loader_reload(NULL, NULL);
    nc_loader_reload(NULL, NULL);
    nc_loader_reload(on_done, NULL);
    wait_done();

    ck_assert(answer.ok);
    ck_assert_uint_eq(answer.unchanged, 3);
    ck_assert_uint_eq(nc_clog_generation(config_log), 1);
}
END_TEST


START_TEST(names_resolve_before_anything_is_published)
{
    put_file("a.yaml", "static_resources:\n  clusters:\n"
             "  - name: d\n    type: LOGICAL_DNS\n    dns_lookup_family: V4_ONLY\n"
             "    load_assignment:\n      cluster_name: d\n"
             "      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
             "{address: localhost, port_value: 80}}}}]}]\n");
    load_ok();
    ck_assert_uint_eq(nc_cluster_hosts(cluster("d"))->n, 1);
    ck_assert(nc_str_eq(nc_cluster_hosts(cluster("d"))->hosts[0].hostname, NC_STR("localhost")));
    ck_assert(nc_str_eq(nc_cluster_hosts(cluster("d"))->hosts[0].addr_text,
                        NC_STR("127.0.0.1:80")));
}
END_TEST


START_TEST(hosts_by_literal_address_wait_for_no_name_server)
{
    put_file("a.yaml", "static_resources:\n  clusters:\n"
             "  - name: d\n    type: STRICT_DNS\n    load_assignment:\n      cluster_name: d\n"
             "      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: "
             "{address: 127.0.0.9, port_value: 80}}}}]}]\n");
    load_ok();
    ck_assert_uint_eq(nc_cluster_hosts(cluster("d"))->n, 1);
    ck_assert(nc_str_eq(nc_cluster_hosts(cluster("d"))->hosts[0].addr_text,
                        NC_STR("127.0.0.9:80")));
}
END_TEST


static uint64_t
now_us(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}


/* Figures for people: NC_TEST_CLUSTERS=10000. */
START_TEST(many_clusters_load_and_change_one_by_one)
{
    const char        *wish = getenv("NC_TEST_CLUSTERS");
    unsigned           n = wish ? (unsigned) atoi(wish) : 300;
    nc_image_stats_t   stats;
    nc_sb_t            sb;
    uint64_t           t0, t1, t2, t3;

    nc_sb_init(&sb);
    nc_sb_c_add(&sb, "static_resources:\n  clusters:\n");

    for (unsigned i = 0; i < n; i++) {
        nc_sb_printf(&sb, "  - name: cluster-%u\n    connect_timeout: 1s\n"
                     "    load_assignment:\n      cluster_name: cluster-%u\n"
                     "      endpoints:\n        - lb_endpoints:\n"
                     "            - endpoint: {address: {socket_address: {address: 10.%u.%u.%u, "
                     "port_value: 80}}}\n", i, i, i >> 16, (i >> 8) & 255, i & 255);
    }

    put_file("a.yaml", nc_sb_c(&sb));
    t0 = now_us();
    load_ok();
    t1 = now_us();
    load_ok();
    t2 = now_us();
    nc_image_stats(&stats);

    nc_sb_c_add(&sb, "  - {name: one-more}\n");
    put_file("a.yaml", nc_sb_c(&sb));
    load_ok();
    t3 = now_us();
    ck_assert_uint_eq(answer.added, 1);
    ck_assert_uint_eq(answer.unchanged, n);

    if (wish) {
        uint64_t  t4 = now_us(), t5;

        nc_publish_now();
        t5 = now_us();
        printf("%u clusters: load %.0f ms, again %.0f ms, one more %.0f ms, a root %.3f ms; "
               "image: %zu bytes used and %zu held per cluster with one host\n", n,
               (double) (t1 - t0) / 1000, (double) (t2 - t1) / 1000, (double) (t3 - t2) / 1000,
               (double) (t5 - t4) / 1000, stats.used / n, stats.held / n);
    }

    nc_sb_fini(&sb);
}
END_TEST


int
main(void)
{
    Suite    *s = suite_create("config/loader");
    TCase    *tc = tcase_create("loader"), *again = tcase_create("restart");
    SRunner  *sr = srunner_create(s);
    int       failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_first_load_publishes_clusters_hosts_and_listeners);
    tcase_add_test(tc, loading_the_same_again_does_nothing);
    tcase_add_test(tc, only_what_changed_is_compiled);
    tcase_add_test(tc, what_was_made_of_a_file_is_compiled_again_when_the_file_changed);
    tcase_add_test(tc, a_rename_in_a_watched_folder_is_taken_over_without_being_asked);
    tcase_add_test(tc, another_way_to_connect_is_another_local_id);
    tcase_add_test(tc, what_is_gone_is_given_back);
    tcase_add_test(tc, a_listener_moves_to_another_address);
    tcase_add_test(tc, two_clusters_of_one_name_are_an_error_that_names_both_places);
    tcase_add_test(tc, a_reload_with_an_error_changes_nothing_and_tells_all_errors);
    tcase_add_test(tc, a_cluster_that_an_unchanged_listener_names_cannot_go);
    tcase_add_test(tc, an_address_that_cannot_be_had_fails_the_load);
    tcase_add_test(tc, two_listeners_at_one_address_are_an_error);
    tcase_add_test(tc, a_folder_is_merged_in_the_order_of_names_and_text_comes_last);
    tcase_add_test(tc, the_command_line_stands_above_the_files);
    tcase_add_test(tc, an_empty_folder_is_an_error);
    tcase_add_test(tc, what_a_reload_cannot_change_is_named_and_kept);
    tcase_add_test(tc, a_log_that_does_not_fit_any_more_is_no_reason_not_to_start);
    tcase_add_test(tc, check_finds_the_same_errors_and_asks_for_nothing);
    tcase_add_test(tc, loads_asked_for_meanwhile_are_done_as_one);
    tcase_add_test(tc, names_resolve_before_anything_is_published);
    tcase_add_test(tc, hosts_by_literal_address_wait_for_no_name_server);
    tcase_add_test(tc, many_clusters_load_and_change_one_by_one);
    suite_add_tcase(s, tc);

    tcase_add_checked_fixture(again, setup_master, teardown);
    tcase_set_timeout(again, 60);
    tcase_add_test(again, a_new_helper_goes_on_from_the_log_and_reads_no_file);
    tcase_add_test(again, a_start_with_an_old_log_writes_only_what_differs);
    suite_add_tcase(s, again);

    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);

    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
