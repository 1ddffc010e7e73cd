/*
 * The configuration image: what a worker can reach is never freed, everything else is; whoever is
 * killed, and whenever.
 */
#include "config/image.c"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB  (1ull << 20)

static nc_errors_t  errors;


static void
setup(void)
{
    nc_errors_init(&errors);
    ck_assert_int_eq(nc_image_create(256 * MIB, 4, &errors), NC_OK);
}


static void
setup_helper(void)
{
    setup();
    ck_assert_int_eq(nc_image_attach_helper(&errors), NC_OK);
}


static void
teardown(void)
{
    nc_image_destroy();
    nc_errors_fini(&errors);
}


/* A worker's part played in this process: the helper looks at its row only. */
static void
act_seen(unsigned worker, uint64_t seq)
{
    __atomic_store_n(&row_of(worker)->seen, seq, __ATOMIC_RELEASE);
}


static nc_image_object_t *
object(const char *name, size_t bytes)
{
    nc_image_object_t  *o = nc_image_object_begin("test", name);

    memset(nc_pool_alloc(&o->pool, bytes), 1, bytes);
    ck_assert_int_eq(nc_image_object_seal(o), NC_OK);

    return o;
}


static uint64_t
publish(void)
{
    nc_image_object_t  *o = nc_image_object_begin("root", "");

    return nc_image_publish(o, nc_pool_calloc(&o->pool, 64));
}


static unsigned  n_freed;

static void
count_freed(nc_image_object_t *obj)
{
    ck_assert_ptr_nonnull(obj->name);
    n_freed++;
}


START_TEST(a_root_is_found_under_its_number)
{
    nc_image_object_t  *o = nc_image_object_begin("root", "");
    char               *root = nc_pool_strdup(&o->pool, "hello");
    uint64_t            seq = 7;

    ck_assert_ptr_null(nc_image_root(&seq));
    ck_assert_uint_eq(seq, 0);
    ck_assert_uint_eq(nc_image_publish(o, root), 1);
    ck_assert_str_eq(nc_image_root(&seq), "hello");
    ck_assert_uint_eq(seq, 1);
    ck_assert(nc_image_holds(nc_image_root(&seq)));
    ck_assert_uint_eq(publish(), 2);
}
END_TEST


START_TEST(objects_cost_little_more_than_their_bytes)
{
    nc_image_stats_t  stats;

    for (unsigned i = 0; i < 1000; i++) {
        nc_image_object_t  *o = nc_image_object_begin("cluster", "x");

        for (unsigned k = 0; k < 10; k++) {
            nc_pool_alloc(&o->pool, 96);
        }

        ck_assert_int_eq(nc_image_object_seal(o), NC_OK);
    }

    nc_image_stats(&stats);
    ck_assert_uint_eq(stats.objects, 1000);
    ck_assert_uint_eq(stats.used, 1000 * 960);
#ifndef NC_DEBUG
    ck_assert_uint_le(stats.held, 1000 * 1152);
    ck_assert_uint_le(stats.mapped, 4 * MIB);
#endif
}
END_TEST


START_TEST(large_objects_leave_no_large_gaps)
{
    nc_image_object_t  *o = nc_image_object_begin("routes", "x");
    nc_image_stats_t    stats;

    for (unsigned i = 0; i < 200; i++) {
        nc_pool_alloc(&o->pool, 40);
        nc_pool_alloc(&o->pool, 50000);
    }

    nc_pool_alloc(&o->pool, 9 * MIB);
    ck_assert_int_eq(nc_image_object_seal(o), NC_OK);
    nc_image_stats(&stats);
    ck_assert_uint_ge(stats.held, stats.used);
    ck_assert_uint_le(stats.held, stats.used + stats.used / 50);

    nc_image_object_abort(o);
    nc_image_stats(&stats);
    ck_assert_uint_eq(stats.held, 0);
    ck_assert_uint_eq(stats.objects, 0);
}
END_TEST


START_TEST(a_retired_object_waits_for_every_live_worker_to_have_seen_its_end)
{
    nc_image_object_t  *o = object("a", 100);

    o->on_free = count_freed;
    n_freed = 0;
    nc_image_worker_starts(0);
    nc_image_worker_starts(2);

    ck_assert_uint_eq(publish(), 1);
    act_seen(0, 1);
    act_seen(2, 1);
    ck_assert(nc_image_all_seen(1));
    ck_assert_uint_eq(publish(), 2);
    nc_image_object_retire(o);

    ck_assert_uint_eq(nc_image_reclaim(), 0);
    act_seen(0, 2);
    ck_assert(!nc_image_all_seen(2));
    ck_assert_uint_eq(nc_image_reclaim(), 0);
    ck_assert_uint_eq(n_freed, 0);
    act_seen(2, 2);
    ck_assert(nc_image_all_seen(2));
    ck_assert_uint_eq(nc_image_reclaim(), 2);           /* the object and the first root */
    ck_assert_uint_eq(n_freed, 1);
    ck_assert(!nc_image_reclaim_pending());
}
END_TEST


START_TEST(a_worker_that_has_just_started_holds_everything_back)
{
    nc_image_object_t  *o = object("a", 100);

    publish();
    nc_image_worker_starts(1);
    publish();
    nc_image_object_retire(o);
    ck_assert_uint_eq(nc_image_reclaim(), 0);

    nc_image_worker_died(1);
    ck_assert_uint_eq(nc_image_reclaim(), 2);
}
END_TEST


START_TEST(a_pinned_object_stays_until_unpinned_or_its_worker_died)
{
    nc_image_object_t  *a = object("a", 100), *b = object("b", 100);
    uint32_t           *mine = nc_slot_row;

    nc_image_worker_starts(0);
    nc_image_worker_starts(3);
    publish();

    nc_slot_row = pins_of(0);
    nc_slot_ref(a->slot);
    nc_slot_ref(a->slot);
    nc_slot_row = pins_of(3);
    nc_slot_ref(b->slot);
    nc_slot_row = mine;

    publish();
    nc_image_object_retire(a);
    nc_image_object_retire(b);
    act_seen(0, 2);
    act_seen(3, 2);
    ck_assert_uint_eq(nc_image_reclaim(), 1);           /* the root */

    nc_slot_row = pins_of(0);
    nc_slot_unref(a->slot);
    ck_assert_uint_eq(nc_image_reclaim(), 0);
    nc_slot_unref(a->slot);
    nc_slot_row = mine;
    ck_assert_uint_eq(nc_image_reclaim(), 1);

    nc_image_worker_died(3);
    ck_assert_uint_eq(nc_image_reclaim(), 1);
}
END_TEST


START_TEST(what_an_object_uses_outlives_it)
{
    nc_image_object_t  *hosts = object("hosts", 100), *cluster = object("cluster", 100);
    uint32_t            slot = cluster->slot;

    nc_image_object_uses(cluster, hosts);
    publish();
    nc_slot_ref(slot);
    publish();
    nc_image_object_retire(hosts);
    nc_image_object_retire(cluster);

    ck_assert_uint_eq(nc_image_reclaim(), 1);           /* the root */
    nc_slot_unref(slot);
    ck_assert_uint_eq(nc_image_reclaim(), 2);
}
END_TEST


START_TEST(a_slot_given_again_has_another_serial)
{
    nc_image_object_t  *o = object("a", 10);
    uint32_t            slot = o->slot;
    uint32_t            serial = nc_slot_serial(slot);

    ck_assert_uint_ne(slot, 0);
    nc_image_object_abort(o);
    ck_assert_uint_ne(nc_slot_serial(slot), serial);
    o = object("b", 10);
    ck_assert_uint_eq(o->slot, slot);
    ck_assert_uint_ne(nc_slot_serial(slot), serial);
}
END_TEST


START_TEST(a_full_image_is_an_error_when_sealing_and_nothing_else_is_lost)
{
    nc_image_object_t  *kept = object("kept", 100 * MIB);
    nc_image_object_t  *big = nc_image_object_begin("big", "");
    nc_image_object_t  *root = nc_image_object_begin("root", "");
    const void         *p = nc_pool_alloc(&big->pool, 200 * MIB);
    uint64_t            seq;

    ck_assert(!nc_image_holds(p));
    ck_assert_int_eq(nc_image_object_seal(big), NC_ERROR);
    nc_pool_alloc(&root->pool, 200 * MIB);
    ck_assert_uint_eq(nc_image_publish(root, root), 0);
    ck_assert_ptr_null(nc_image_root(&seq));

    nc_image_object_abort(big);
    nc_image_object_abort(root);
    nc_image_object_abort(kept);
    big = object("big", 200 * MIB);
    ck_assert_uint_eq(publish(), 1);
}
END_TEST


START_TEST(running_out_of_slots_is_an_error_when_sealing)
{
    nc_image_object_t  *o;

    for (unsigned i = 1; i < NC_IMAGE_SLOTS; i++) {
        if (take_slot() == 0) {
            ck_abort_msg("slot %u is missing", i);
        }
    }

    o = nc_image_object_begin("one", "too many");
    ck_assert_uint_eq(o->slot, 0);
    nc_pool_alloc(&o->pool, 10);
    ck_assert_int_eq(nc_image_object_seal(o), NC_ERROR);
    nc_image_object_abort(o);
}
END_TEST


START_TEST(a_thousand_changes_of_one_route_leave_memory_flat)
{
    nc_image_object_t  *routes = object("routes", 20000), *next;
    nc_image_stats_t    first, last;

    nc_image_worker_starts(0);

    for (unsigned i = 0; i < 500; i++) {
        object("cluster", 300 + i);
    }

    act_seen(0, publish());
    nc_image_stats(&first);

    for (unsigned i = 0; i < 1000; i++) {
        next = object("routes", 20000 + i % 7 * 100);
        act_seen(0, publish());
        nc_image_object_retire(routes);
        routes = next;
        nc_image_reclaim();
    }

    nc_image_stats(&last);
    ck_assert_uint_eq(last.objects, first.objects);
    ck_assert_uint_eq(last.mapped, first.mapped);
    ck_assert_uint_le(last.held, first.held + 1024);
}
END_TEST


/* A worker process that oversteps in one way each. */
static int
write_where_not_allowed(unsigned what)
{
    uint64_t   seq;
    char      *root;

    if (nc_image_attach_worker(1, &errors) != NC_OK) {
        return 1;
    }

    signal(SIGSEGV, SIG_DFL);
    nc_slot_ref(5);
    nc_image_seen(1);
    nc_slot_unref(5);
    root = (char *) (uintptr_t) nc_image_root(&seq);

    switch (what) {
    case 0:   return 0;
    case 1:   root[0] = 'x'; break;
    case 2:   image.head->published = NULL; break;
    case 3:   pins_of(0)[5] = 1; break;
    default:  pins_of(2)[5] = 1; break;
    }

    return 0;
}


START_TEST(a_worker_can_write_its_own_row_and_nothing_else)
{
    int    status;
    pid_t  pid;

    publish();
    nc_image_worker_starts(1);

    for (unsigned what = 0; what < 5; what++) {
        pid = fork();

        if (pid == 0) {
            _exit(write_where_not_allowed(what));
        }

        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status == 0, what == 0);
        ck_assert_uint_eq(nc_image_worker_seen(1), 1);
    }
}
END_TEST


/*
 * The storm: a helper that changes objects without end and is killed at random moments, workers
 * that pin, check and unpin and are killed too. Freed memory is filled with 0xA5 or reads as zero;
 * an object whose words are not all its own was freed under a worker that could reach it.
 */
#define STORM_WORKERS   3u
#define STORM_OBJECTS   24u
#define STORM_PINS      40u
#define STORM_MS        1500

typedef struct {
    uint32_t  slot;
    uint32_t  n_words;
    uint64_t  tag;
    uint64_t  words[];                          /* all of them tag * odd number + index */
} storm_object_t;

typedef struct {
    const storm_object_t  *objects[STORM_OBJECTS];
} storm_root_t;

/* Shared between the processes of the storm. */
typedef struct {
    uint64_t  rounds[STORM_WORKERS];
    uint64_t  checked[STORM_WORKERS];
    uint64_t  published;
    uint64_t  reclaimed;
    uint64_t  helper_held;
} storm_t;

static storm_t  *storm;


static uint64_t
now_ms(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}


static nc_image_object_t *
storm_object(uint64_t tag)
{
    nc_image_object_t  *o = nc_image_object_begin("storm", "object");
    uint32_t            n = 4 + (uint32_t) rand() % 300;
    storm_object_t     *so = nc_pool_alloc(&o->pool, sizeof(*so) + n * sizeof(uint64_t));

    *so = (storm_object_t) { .slot = o->slot, .n_words = n, .tag = tag };

    for (uint32_t i = 0; i < n; i++) {
        so->words[i] = tag * 0x9e3779b97f4a7c15u + i;
    }

    o->data = so;
    NC_CHECK(nc_image_object_seal(o) == NC_OK);

    return o;
}


static void
storm_check(const storm_object_t *so)
{
    uint64_t  tag = so->tag;
    uint32_t  n = so->n_words;

    NC_CHECK(n >= 4 && n < 304 && so->slot > 0);

    for (uint32_t i = 0; i < n; i++) {
        NC_CHECK(so->words[i] == tag * 0x9e3779b97f4a7c15u + i);
    }
}


static void
storm_publish(nc_image_object_t *const *objects)
{
    nc_image_object_t  *o = nc_image_object_begin("storm", "root");
    storm_root_t       *root = nc_pool_new(&o->pool, storm_root_t);

    for (unsigned i = 0; i < STORM_OBJECTS; i++) {
        root->objects[i] = objects[i]->data;
    }

    NC_CHECK(nc_image_publish(o, root) != 0);
}


static NC_NORETURN void
storm_helper(unsigned seed)
{
    nc_image_object_t  *objects[STORM_OBJECTS], *old[4];
    nc_image_stats_t    stats;

    srand(seed);
    NC_CHECK(nc_image_attach_helper(&errors) == NC_OK);
    image.mem.poison = true;

    for (unsigned i = 0; i < STORM_OBJECTS; i++) {
        objects[i] = storm_object(((uint64_t) seed << 32) + i);
    }

    storm_publish(objects);

    for (uint64_t n = 1; ; n++) {
        unsigned  n_old = 1 + (unsigned) rand() % 4;
        unsigned  first = (unsigned) rand() % STORM_OBJECTS;

        for (unsigned i = 0; i < n_old; i++) {
            unsigned  at = (first + i) % STORM_OBJECTS;

            old[i] = objects[at];
            objects[at] = storm_object(((uint64_t) seed << 32) + n * 64 + at);
        }

        storm_publish(objects);

        for (unsigned i = 0; i < n_old; i++) {
            nc_image_object_retire(old[i]);
        }

        storm->reclaimed += nc_image_reclaim();
        storm->published++;

        /* Wait, but not for ever, so that memory stays bounded and old roots are caught too. */
        for (unsigned spin = 0; image.n_retired > 400 && spin < 100000; spin++) {
            storm->reclaimed += nc_image_reclaim();
        }

        nc_image_stats(&stats);
        storm->helper_held = stats.held;
    }
}


static NC_NORETURN void
storm_worker(unsigned index, unsigned seed)
{
    const storm_object_t  *pins[STORM_PINS] = { 0 };
    const storm_root_t    *root = NULL;
    uint64_t               seq, mine = 0;

    srand(seed);
    NC_CHECK(nc_image_attach_worker(index, &errors) == NC_OK);

    for ( ;; ) {
        const storm_root_t  *newest = nc_image_root(&seq);

        if (newest && seq != mine && rand() % 3) {      /* a turn ends */
            root = newest;
            mine = seq;
            nc_image_seen(seq);
        }

        for (unsigned i = 0; root && i < 8; i++) {
            const storm_object_t  **pin = &pins[(unsigned) rand() % STORM_PINS];

            if (*pin) {
                storm_check(*pin);
                nc_slot_unref((*pin)->slot);
                *pin = NULL;

            } else {
                *pin = root->objects[(unsigned) rand() % STORM_OBJECTS];
                nc_slot_ref((*pin)->slot);
            }

            storm->checked[index]++;
        }

        for (unsigned i = 0; root && i < STORM_OBJECTS; i++) {
            storm_check(root->objects[i]);
        }

        storm->rounds[index]++;
    }
}


static pid_t
storm_fork(unsigned index, unsigned seed)
{
    pid_t  pid;

    if (index < STORM_WORKERS) {
        nc_image_worker_starts(index);
    }

    pid = fork();

    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);

        if (index == STORM_WORKERS) {
            storm_helper(seed);
        }

        storm_worker(index, seed);
    }

    ck_assert_int_gt(pid, 0);

    return pid;
}


/* Kills and reaps; whoever ended in another way found something wrong. */
static void
storm_kill(pid_t pid)
{
    int  status;

    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status 0x%x", status);
}


START_TEST(no_worker_ever_reads_freed_memory_whoever_is_killed)
{
    pid_t     pids[STORM_WORKERS + 1];
    uint64_t  end = now_ms() + STORM_MS;
    unsigned  seed = 1, helpers = 1, workers = STORM_WORKERS, i;
    uint64_t  seq;
    nc_shm_t  shm;

    const storm_root_t  *root;

    ck_assert_int_eq(nc_shm_create(&shm, "storm", sizeof(storm_t), 1, NC_SHM_WRITE), NC_OK);
    storm = (storm_t *) (void *) shm.base;

    for (i = 0; i <= STORM_WORKERS; i++) {
        pids[i] = storm_fork(i, seed++);
    }

    while (now_ms() < end) {
        poll(NULL, 0, 5 + (int) (seed * 7 % 50));       /* how long it rages; nothing waits */

        if (seed % 4 == 0) {
            i = seed % STORM_WORKERS;
            storm_kill(pids[i]);
            nc_image_worker_died(i);
            workers++;

        } else {
            i = STORM_WORKERS;
            storm_kill(pids[i]);
            helpers++;
        }

        pids[i] = storm_fork(i, seed++);
        ck_assert_uint_lt(storm->helper_held, 16 * MIB);
    }

    for (i = 0; i <= STORM_WORKERS; i++) {
        storm_kill(pids[i]);

        if (i < STORM_WORKERS) {
            nc_image_worker_died(i);
        }
    }

    /* A last helper finds the generations of all the others, and frees them but the published. */
    ck_assert_int_eq(nc_image_attach_helper(&errors), NC_OK);
    nc_image_reclaim();
    ck_assert_uint_eq(image.dead.n, 1);
    root = nc_image_root(&seq);

    for (i = 0; i < STORM_OBJECTS; i++) {
        storm_check(root->objects[i]);
    }

    publish();
    nc_image_reclaim();
    ck_assert_uint_eq(image.dead.n, 0);
    ck_assert_uint_eq(image.mem.n_owned, 1);
    ck_assert_uint_le(nc_shm_resident(&image.data), 4 * MIB);

    ck_assert_uint_gt(storm->published, 100);
    ck_assert_uint_gt(storm->reclaimed, 100);
    printf("storm: %u helpers, %u workers, %" PRIu64 " publications, %" PRIu64 " objects freed, %"
           PRIu64 " + %" PRIu64 " + %" PRIu64 " rounds\n", helpers, workers, storm->published,
           storm->reclaimed, storm->rounds[0], storm->rounds[1], storm->rounds[2]);
    nc_shm_destroy(&shm);
}
END_TEST


START_TEST(a_new_helper_leaves_the_publication_of_a_dead_one_as_it_is)
{
    int                 status;
    uint64_t            seq;
    nc_image_stats_t    stats;
    pid_t               pid = fork();

    if (pid == 0) {
        nc_image_object_t  *o;

        NC_CHECK(nc_image_attach_helper(&errors) == NC_OK);
        publish();
        o = nc_image_object_begin("root", "");
        nc_image_publish(o, nc_pool_strdup(&o->pool, "of the dead"));
        object("never published", 5 * MIB);
        _exit(0);
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);

    nc_image_worker_starts(0);
    ck_assert_int_eq(nc_image_attach_helper(&errors), NC_OK);
    ck_assert_str_eq(nc_image_root(&seq), "of the dead");
    ck_assert_uint_eq(seq, 2);
    act_seen(0, 2);

    object("new", 5 * MIB);
    nc_image_reclaim();
    ck_assert_str_eq(nc_image_root(&seq), "of the dead");
    nc_image_stats(&stats);
    ck_assert_uint_eq(stats.generation, 2);
    ck_assert_uint_eq(stats.old_generations, 1);

    ck_assert_uint_eq(publish(), 3);
    nc_image_reclaim();
    nc_image_stats(&stats);
    ck_assert_uint_eq(stats.old_generations, 1);        /* worker 0 still uses publication 2 */

    __atomic_store_n(&pins_of(0)[1], 1, __ATOMIC_RELAXED);
    act_seen(0, 3);
    nc_image_reclaim();
    nc_image_stats(&stats);
    ck_assert_uint_eq(stats.old_generations, 1);        /* and pins something of it */

    __atomic_store_n(&pins_of(0)[1], 0, __ATOMIC_RELEASE);
    nc_image_reclaim();
    nc_image_stats(&stats);
    ck_assert_uint_eq(stats.old_generations, 0);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("config/image");
    TCase    *tc = tcase_create("helper"), *master = tcase_create("processes");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, setup_helper, teardown);
    tcase_add_test(tc, a_root_is_found_under_its_number);
    tcase_add_test(tc, objects_cost_little_more_than_their_bytes);
    tcase_add_test(tc, large_objects_leave_no_large_gaps);
    tcase_add_test(tc, a_retired_object_waits_for_every_live_worker_to_have_seen_its_end);
    tcase_add_test(tc, a_worker_that_has_just_started_holds_everything_back);
    tcase_add_test(tc, a_pinned_object_stays_until_unpinned_or_its_worker_died);
    tcase_add_test(tc, what_an_object_uses_outlives_it);
    tcase_add_test(tc, a_slot_given_again_has_another_serial);
    tcase_add_test(tc, a_full_image_is_an_error_when_sealing_and_nothing_else_is_lost);
    tcase_add_test(tc, running_out_of_slots_is_an_error_when_sealing);
    tcase_add_test(tc, a_thousand_changes_of_one_route_leave_memory_flat);
    tcase_add_test(tc, a_worker_can_write_its_own_row_and_nothing_else);
    suite_add_tcase(suite, tc);

    tcase_add_checked_fixture(master, setup, teardown);
    tcase_set_timeout(master, 30);
    tcase_add_test(master, a_new_helper_leaves_the_publication_of_a_dead_one_as_it_is);
    tcase_add_test(master, no_worker_ever_reads_freed_memory_whoever_is_killed);
    suite_add_tcase(suite, master);

    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
