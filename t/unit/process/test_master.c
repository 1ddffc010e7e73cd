/*
 * Supervision, with a real master that forks real children over hooks that do next to nothing: a
 * worker accepts and answers with its index and its number of lives.
 */
#include "process/master.c"

#include "event/loop.h"
#include "process/helper.h"

#include <check.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define DEADLINE_MS  20000u
#define WORKERS      2u

/* What hooks and the test see of each other; shared memory. */
typedef struct {
    pid_t     helper;
    unsigned  helper_lives;
    pid_t     workers[WORKERS];
    unsigned  lives[WORKERS];
    unsigned  died[WORKERS];
    uint16_t  port;
    unsigned  reloads;
    bool      boot_fails;
    bool      reload_fails;
    bool      busy;                             /* workers are not idle */
    bool      log_seen[WORKERS];
} board_t;

static board_t       *board;
static char           dir[64];
static nc_options_t   options;
static pid_t          master_pid;


static nc_rc_t
prepare_nothing(const nc_options_t *o, nc_errors_t *errors)
{
    (void) o;
    (void) errors;

    return NC_OK;
}


static void starts(unsigned index) { (void) index; }
static void died(unsigned index) { board->died[index]++; }
static void no_helper(void) { }


static nc_rc_t
helper_init(const nc_options_t *o, int clog_fd, nc_errors_t *errors)
{
    (void) o;
    (void) clog_fd;
    (void) errors;
    board->helper = getpid();
    board->helper_lives++;

    return NC_OK;
}


static nc_rc_t
helper_boot(bool first)
{
    nc_listen_options_t  o = { .reuse_port = true };
    nc_addr_t            addr, bound;
    uint32_t             key;
    char                 error[NC_BROKER_TEXT], path[128];

    if (board->boot_fails) {
        return NC_ERROR;
    }

    (void) nc_addr_parse_ip(&addr, NC_STR("127.0.0.1"), 0);
    snprintf(path, sizeof(path), "%s/access.log", dir);

    if (nc_broker->listen("main", &addr, &o, &key, &bound, error) != NC_OK
        || nc_broker->open_log(path, &key, error) != NC_OK)
    {
        return NC_ERROR;
    }

    NC_CHECK(first || board->port == nc_addr_port(&bound));
    board->port = nc_addr_port(&bound);
    nc_helper_booted();
    nc_broker->sweep();

    return NC_OK;
}


static void
helper_reload(void)
{
    board->reloads++;
    nc_helper_reload_done(!board->reload_fails, board->reload_fails ? NC_STR("x.yaml:1:1: no")
        : NC_STR("1 changed"));
}


static void log_arrives(uint32_t key, int fd) { (void) key; nc_fd_close(&fd); }

static unsigned    my_index;
static nc_event_t  listener;


static nc_rc_t
worker_init(const nc_options_t *o, unsigned index, nc_errors_t *errors)
{
    (void) o;
    (void) errors;
    my_index = index;
    board->workers[index] = getpid();
    board->lives[index]++;
    listener.fd = -1;

    return NC_OK;
}


static void
on_connection(nc_event_t *ev, uint32_t events)
{
    int   fd = accept4(ev->fd, NULL, NULL, SOCK_CLOEXEC);
    char  c = nc_family->workers_ready == WORKERS ? (char) ('0' + my_index) : '?';

    (void) events;

    if (fd != -1) {
        (void) !write(fd, &c, 1);
        close(fd);
    }
}


static void
listener_arrives(uint32_t key, int fd)
{
    (void) key;

    if (fd != -1) {
        NC_CHECK(nc_event_add_level(&listener, fd, on_connection) == NC_OK);
    }
}


static void
log_arrives_in_worker(uint32_t key, int fd)
{
    (void) key;
    board->log_seen[my_index] = true;
    (void) !write(fd, "line\n", 5);
    nc_fd_close(&fd);
}


static const void *no_root(uint64_t *seq) { *seq = 0; return NULL; }
static void ignore_root(const void *root) { (void) root; }
static void ignore_seq(uint64_t seq) { (void) seq; }
static void nothing(void) { }
static bool idle(void) { return !board->busy; }


static void
drain_worker(uint64_t deadline)
{
    (void) deadline;

    if (listener.fd != -1) {
        int  fd = listener.fd;

        nc_event_del(&listener);
        close(fd);
    }
}


static const nc_hooks_t  hooks = {
    .prepare = prepare_nothing,
    .worker_starts = starts,
    .worker_died = died,
    .helper_died = no_helper,
    .helper_init = helper_init,
    .helper_boot = helper_boot,
    .helper_reload = helper_reload,
    .helper_log_fd = log_arrives,
    .worker_init = worker_init,
    .worker_root = no_root,
    .worker_root_changed = ignore_root,
    .worker_root_seen = ignore_seq,
    .worker_listener_fd = listener_arrives,
    .worker_log_fd = log_arrives_in_worker,
    .worker_stop_accepting = nothing,
    .worker_drain = drain_worker,
    .worker_idle = idle,
    .worker_fini = nothing,
};


static void
start(void)
{
    char  text[160];
    int   fd;

    snprintf(text, sizeof(text), "%s/err", dir);
    master_pid = fork();

    if (master_pid == 0) {
        fd = open(text, O_CREAT | O_WRONLY | O_APPEND, 0600);
        (void) dup2(fd, STDERR_FILENO);
        exit(nc_master_run(&options, &hooks));
    }
}


/* Asks a worker who it is; '?' when nobody answers, or not all are ready yet. */
static char
ask(void)
{
    nc_addr_t  a;
    char       c = '?';
    int        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void) nc_addr_parse_ip(&a, NC_STR("127.0.0.1"), board->port);

    if (board->port && connect(fd, &a.sa, a.len) == 0 && read(fd, &c, 1) != 1) {
        c = '?';
    }

    close(fd);

    return c;
}


#define WAIT_FOR(cond)  \
    do {  \
        uint64_t  until = nc_clock_ms() + DEADLINE_MS;  \
        while (!(cond) && nc_clock_ms() < until) { (void) poll(NULL, 0, 5); }  \
        ck_assert_msg(cond, "in time: %s", #cond);  \
    } while (0)


static int
control(const char *command)
{
    options.signal = command;

    return nc_control_client(&options);
}


/* Exit status of the master. */
static int
wait_master(void)
{
    int       status;
    uint64_t  until = nc_clock_ms() + DEADLINE_MS;

    while (waitpid(master_pid, &status, WNOHANG) == 0) {
        ck_assert_msg(nc_clock_ms() < until, "the master ends");
        (void) poll(NULL, 0, 5);
    }

    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}


static bool
gone(pid_t pid)
{
    return kill(pid, 0) == -1;
}


static void
setup(void)
{
    nc_sb_t      text;
    static char  prefix[80], name[] = "nuncio", *argv[] = { name, NULL };

    strcpy(dir, "/tmp/nuncio-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    nc_sb_init(&text);
    ck_assert_int_eq(nc_cli_parse(&options, 1, argv, &text), NC_OK);
    strcpy(prefix, dir);
    options.prefix = prefix;
    nc_cli_set_base_id(&options, 0);
    options.concurrency = WORKERS;
    options.watchdog_s = 1;
    options.stop_time_s = 2;
}


static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void) st;
    (void) type;
    (void) at;

    return remove(path);
}


static void
teardown(void)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    nc_cli_fini(&options);
}


START_TEST(it_serves_and_ends_in_good_order)
{
    pid_t  helper;

    start();
    WAIT_FOR(ask() != '?');
    WAIT_FOR(board->lives[0] == 1 && board->lives[1] == 1);
    helper = board->helper;
    ck_assert_int_eq(nc_pid_file_owner(options.pid_path), master_pid);
    ck_assert_int_eq(control("stop"), 0);
    ck_assert_int_eq(wait_master(), 0);
    ck_assert(gone(helper) && gone(board->workers[0]) && gone(board->workers[1]));
    ck_assert_int_eq(access(options.pid_path, F_OK), -1);
    ck_assert_int_eq(control("stop"), 1);
}
END_TEST


START_TEST(killed_workers_come_back_on_their_sockets)
{
    start();
    WAIT_FOR(ask() != '?');

    for (unsigned i = 1; i <= 6; i++) {
        unsigned  w = i % WORKERS, before = board->lives[w];

        WAIT_FOR(board->lives[w] >= 1);
        kill(board->workers[w], SIGKILL);

        for (unsigned j = 0; j < 20; j++) {
            (void) ask();                       /* those in the dead one's queue wait */
        }

        WAIT_FOR(board->lives[w] > before);
        WAIT_FOR(ask() != '?');
    }

    ck_assert_uint_eq(board->died[0] + board->died[1], 6);
    ck_assert_uint_eq(board->helper_lives, 1);
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


START_TEST(a_new_helper_finds_the_sockets_of_the_old_one)
{
    pid_t  before[WORKERS];

    start();
    WAIT_FOR(ask() != '?' && board->lives[1] == 1);
    memcpy(before, board->workers, sizeof(before));
    kill(board->helper, SIGKILL);
    WAIT_FOR(board->helper_lives == 2);
    ck_assert_int_eq(control("reload"), 0);     /* it checks that the port is the same */
    ck_assert_uint_eq(board->helper_lives, 2);
    ck_assert_mem_eq(before, board->workers, sizeof(before));
    ck_assert_int_ne(ask(), '?');
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


START_TEST(a_worker_that_hangs_is_replaced)
{
    start();
    WAIT_FOR(board->lives[0] == 1 && ask() != '?');
    kill(board->workers[0], SIGSTOP);
    WAIT_FOR(board->lives[0] == 2);
    ck_assert_uint_eq(board->lives[1], 1);
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


START_TEST(a_reload_tells_its_result_to_who_asked)
{
    start();
    WAIT_FOR(ask() != '?');
    ck_assert_int_eq(control("reload"), 0);
    board->reload_fails = true;
    ck_assert_int_eq(control("reload"), 1);
    ck_assert_uint_eq(board->reloads, 2);
    kill(master_pid, SIGHUP);
    WAIT_FOR(board->reloads == 3);
    ck_assert_int_eq(control("quit"), 0);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


START_TEST(a_boot_that_fails_ends_the_program)
{
    board->boot_fails = true;
    start();
    ck_assert_int_eq(wait_master(), 1);
    ck_assert_uint_eq(board->lives[0], 0);
    ck_assert_int_eq(access(options.pid_path, F_OK), -1);
}
END_TEST


START_TEST(term_waits_for_the_busy_but_not_for_ever_and_twice_is_at_once)
{
    uint64_t  since;

    board->busy = true;
    start();
    WAIT_FOR(ask() != '?' && board->lives[1] == 1);
    since = nc_clock_ms();
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
    ck_assert_uint_ge(nc_clock_ms() - since, 1900);

    board->port = 0;
    options.stop_time_s = 600;
    start();
    WAIT_FOR(ask() != '?' && board->lives[1] == 2);
    kill(master_pid, SIGTERM);
    WAIT_FOR(ask() == '?');
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


START_TEST(when_the_master_is_killed_its_children_end)
{
    pid_t  helper;

    start();
    WAIT_FOR(ask() != '?' && board->lives[1] == 1);
    helper = board->helper;
    kill(master_pid, SIGKILL);
    ck_assert_int_eq(wait_master(), 128 + SIGKILL);
    WAIT_FOR(gone(helper) && gone(board->workers[0]) && gone(board->workers[1]));
    board->port = 0;
    start();                                    /* the stale pid file is no hindrance */
    WAIT_FOR(ask() != '?');
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


START_TEST(a_second_master_is_refused_unless_it_may_take_another_id)
{
    pid_t  first;

    start();
    WAIT_FOR(ask() != '?');
    first = master_pid;
    start();
    ck_assert_int_eq(wait_master(), 1);
    options.use_dynamic_base_id = true;
    board->port = 0;
    start();
    WAIT_FOR(ask() != '?');
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
    master_pid = first;
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


START_TEST(logs_are_opened_anew_for_everyone)
{
    char         path[128], moved[128];
    struct stat  st;

    start();
    snprintf(path, sizeof(path), "%s/access.log", dir);
    snprintf(moved, sizeof(moved), "%s/access.log.1", dir);
    WAIT_FOR(board->log_seen[0] && board->log_seen[1] && ask() != '?');
    ck_assert_int_eq(rename(path, moved), 0);
    ck_assert_int_eq(control("reopen"), 0);
    WAIT_FOR(stat(path, &st) == 0 && st.st_size == 10);
    kill(master_pid, SIGTERM);
    ck_assert_int_eq(wait_master(), 0);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("process/master");
    TCase    *tc = tcase_create("supervision");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, it_serves_and_ends_in_good_order);
    tcase_add_test(tc, killed_workers_come_back_on_their_sockets);
    tcase_add_test(tc, a_new_helper_finds_the_sockets_of_the_old_one);
    tcase_add_test(tc, a_worker_that_hangs_is_replaced);
    tcase_add_test(tc, a_reload_tells_its_result_to_who_asked);
    tcase_add_test(tc, a_boot_that_fails_ends_the_program);
    tcase_add_test(tc, term_waits_for_the_busy_but_not_for_ever_and_twice_is_at_once);
    tcase_add_test(tc, when_the_master_is_killed_its_children_end);
    tcase_add_test(tc, a_second_master_is_refused_unless_it_may_take_another_id);
    tcase_add_test(tc, logs_are_opened_anew_for_everyone);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
