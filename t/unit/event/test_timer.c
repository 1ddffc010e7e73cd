/* The timer wheel, driven by a clock of its own. */
#include "event/timer.c"

#include <check.h>

#define MANY    2000

typedef struct {
    nc_timer_t  timer;
    uint64_t    want;                           /* when it should fire; 0: not at all */
    uint64_t    fired;
    unsigned    n;
} probe_t;

static uint64_t  clock_ms;
static unsigned  order;


static void
on_fire(nc_timer_t *t)
{
    probe_t  *p = nc_container_of(t, probe_t, timer);

    p->fired = clock_ms;
    p->n = ++order;
}


static void
setup(void)
{
    clock_ms = nc_now_ms = 1000003;
    order = 0;
    nc_wheel_init(clock_ms);
}


static void
advance(uint64_t to)
{
    while (clock_ms < to) {
        int64_t  wait = nc_wheel_next(clock_ms);

        clock_ms = wait < 0 ? to : NC_MIN(to, clock_ms + (uint64_t) NC_MAX(wait, 1));
        nc_now_ms = clock_ms;
        nc_wheel_run(clock_ms);
    }
}


static void
init(probe_t *p)
{
    *p = (probe_t) { .want = 0 };
    nc_timer_init(&p->timer, on_fire);
}


START_TEST(a_timer_fires_at_its_time_on_every_level)
{
    static const uint64_t  after[] = { 1, 2, 255, 256, 257, 65535, 65536, 70000, 1 << 24,
                                       (1 << 24) + 12345, 1ull << 32, (1ull << 32) + 99 };

    for (size_t i = 0; i < NC_COUNTOF(after); i++) {
        probe_t   p;
        uint64_t  start = clock_ms;

        init(&p);
        nc_timer_start(&p.timer, after[i]);
        advance(start + after[i] - 1);
        ck_assert_uint_eq(p.fired, 0);
        advance(start + after[i]);
        ck_assert_uint_eq(p.fired, start + after[i]);
        ck_assert(!nc_timer_running(&p.timer));
    }
}
END_TEST


START_TEST(a_timer_moved_away_costs_no_relink_and_fires_once_at_the_later_time)
{
    probe_t     p;
    nc_list_t  *next;

    init(&p);
    nc_timer_start(&p.timer, 100);
    next = p.timer.link.next;
    nc_timer_start(&p.timer, 5000);
    ck_assert_ptr_eq(p.timer.link.next, next);

    advance(clock_ms + 4999);
    ck_assert_uint_eq(p.n, 0);
    advance(clock_ms + 10);
    ck_assert_uint_eq(p.fired, 1000003 + 5000);
    advance(clock_ms + 20000);
    ck_assert_uint_eq(order, 1);
}
END_TEST


START_TEST(a_timer_moved_nearer_fires_at_the_nearer_time)
{
    probe_t  p;

    init(&p);
    nc_timer_start(&p.timer, 100000);
    nc_timer_start(&p.timer, 7);
    advance(clock_ms + 100);
    ck_assert_uint_eq(p.fired, 1000003 + 7);
}
END_TEST


START_TEST(a_stopped_timer_does_not_fire_and_may_start_again)
{
    probe_t  p;

    init(&p);
    nc_timer_start(&p.timer, 10);
    nc_timer_stop(&p.timer);
    advance(clock_ms + 100);
    ck_assert_uint_eq(p.n, 0);

    nc_timer_start(&p.timer, 10);
    advance(clock_ms + 10);
    ck_assert_uint_eq(p.fired, clock_ms);
}
END_TEST


START_TEST(timers_of_one_tick_fire_in_the_order_of_their_start)
{
    probe_t  a, b, c;

    init(&a);
    init(&b);
    init(&c);
    nc_timer_start(&b.timer, 50);
    nc_timer_start(&a.timer, 50);
    nc_timer_start(&c.timer, 50);
    advance(clock_ms + 50);
    ck_assert_uint_eq(b.n, 1);
    ck_assert_uint_eq(a.n, 2);
    ck_assert_uint_eq(c.n, 3);
}
END_TEST


START_TEST(an_empty_wheel_has_nothing_to_wait_for)
{
    probe_t  p;

    ck_assert_int_eq(nc_wheel_next(clock_ms), -1);
    init(&p);
    nc_timer_start(&p.timer, 30);
    ck_assert_int_le(nc_wheel_next(clock_ms), 30);
    nc_timer_fini(&p.timer);
    advance(clock_ms + 300);
    ck_assert_int_eq(nc_wheel_next(clock_ms), -1);
    ck_assert_uint_eq(p.n, 0);
}
END_TEST


START_TEST(many_timers_moved_at_random_all_fire_exactly_on_time)
{
    static probe_t  all[MANY];
    uint64_t        seed = 42, start = clock_ms;

    for (unsigned i = 0; i < MANY; i++) {
        init(&all[i]);
    }

    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;

            if ((seed >> 33) % 3 == 0 && all[i].fired == 0) {
                uint64_t  ms = 1 + (seed >> 40) % 300000;

                if ((seed >> 35) % 10 == 0) {
                    nc_timer_stop(&all[i].timer);
                    all[i].want = 0;

                } else {
                    nc_timer_start(&all[i].timer, ms);
                    all[i].want = clock_ms + ms;
                }
            }
        }
        advance(clock_ms + 1 + (seed >> 50) % 5000);
    }

    advance(start + 2000000);

    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_uint_eq(all[i].fired, all[i].want);
    }
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("event/timer");
    TCase    *tc = tcase_create("wheel");
    SRunner  *runner = srunner_create(suite);
    int       failed;

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_timer_fires_at_its_time_on_every_level);
    tcase_add_test(tc, a_timer_moved_away_costs_no_relink_and_fires_once_at_the_later_time);
    tcase_add_test(tc, a_timer_moved_nearer_fires_at_the_nearer_time);
    tcase_add_test(tc, a_stopped_timer_does_not_fire_and_may_start_again);
    tcase_add_test(tc, timers_of_one_tick_fire_in_the_order_of_their_start);
    tcase_add_test(tc, an_empty_wheel_has_nothing_to_wait_for);
    tcase_add_test(tc, many_timers_moved_at_random_all_fire_exactly_on_time);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed ? 1 : 0;
}
