/*
 * The config log: whatever happens to the file or the process, what is read is a whole number of
 * transactions. Transaction g changes what change() says, so every state has one right text.
 */
#include "config/log.c"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define NAMES  12u

static nc_errors_t  errors;
static char         dir[64];
static char         path[96];


static void
setup(void)
{
    nc_errors_init(&errors);
    strcpy(dir, "/tmp/nuncio-test-log-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/config.log", dir);
}


static void
remove_file(const char *suffix)
{
    char  name[128];

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    (void) unlink(name);
}


static void
teardown(void)
{
    remove_file("");
    remove_file(".new");
    remove_file(".damaged");
    ck_assert_int_eq(rmdir(dir), 0);                /* nothing else was left there */
    nc_errors_fini(&errors);
}


static uint32_t
mix(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;

    return x ^ (x >> 16);
}


/* The `k`-th change of transaction `g`; false: it has no more. */
static bool
change(uint64_t g, uint32_t k, unsigned *name, bool *removed, size_t *len)
{
    uint32_t  n = mix((uint32_t) g);
    uint32_t  r = mix((uint32_t) g * 31 + k);

    *name = r % NAMES;
    *removed = (r >> 8) % 4 == 0;
    *len = (r >> 12) % 40;

    return k < 1 + n % 3;
}


static void
fill(nc_clog_record_t *record, unsigned name, size_t len, uint64_t g)
{
    static char        text[64], bytes[64], version[32];
    static const char  types[2][8] = { "type/A", "type/BB" };

    snprintf(text, sizeof(text), "name-%u", name / 2);
    snprintf(version, sizeof(version), "v%" PRIu64, g);
    memset(bytes, 'a' + (int) (g % 26), sizeof(bytes));
    *record = (nc_clog_record_t) {
        .type = nc_str_c(types[name % 2]), .name = nc_str_c(text), .version = nc_str_c(version),
        .origin = NC_STR("test"), .bytes = nc_str(bytes, len),
    };
}


/* Commits transaction `g`. */
static nc_rc_t
commit(nc_clog_t *log, uint64_t g)
{
    nc_clog_record_t  record;
    unsigned          name;
    bool              removed;
    size_t            len;

    nc_clog_begin(log, g * 1000);

    for (uint32_t k = 0; change(g, k, &name, &removed, &len); k++) {
        fill(&record, name, len, g);

        if (removed) {
            nc_clog_remove(log, &record);
        } else {
            nc_clog_put(log, &record);
        }
    }

    return nc_clog_commit(log, &errors);
}


/* What the state of generation `g` has to be, as state_of prints it; newest change last. */
static void
expected_state(uint64_t g, nc_sb_t *out)
{
    struct { uint64_t g; uint32_t k; size_t len; }  now[NAMES] = { 0 };
    unsigned  name;
    bool      removed;
    size_t    len;

    for (uint64_t t = 1; t <= g; t++) {
        for (uint32_t k = 0; change(t, k, &name, &removed, &len); k++) {
            now[name].g = removed ? 0 : t;
            now[name].k = k;
            now[name].len = len;
        }
    }

    nc_sb_reset(out);

    for (uint64_t t = 1; t <= g; t++) {
        for (uint32_t k = 0; k < 4; k++) {
            for (name = 0; name < NAMES; name++) {
                if (now[name].g == t && now[name].k == k) {
                    nc_sb_printf(out, "%u/%u v%" PRIu64 " test %zu@%c %" PRIu64 " %" PRIu64 "\n",
                                 name % 2, name / 2, t, now[name].len,
                                 now[name].len ? 'a' + (int) (t % 26) : '-', t * 1000, t);
                }
            }
        }
    }
}


static nc_rc_t
print_record(void *ctx, const nc_clog_record_t *r)
{
    nc_sb_t  *out = ctx;

    NC_CHECK(!r->removed);
    nc_sb_printf(out, "%d/%c " NC_STR_FMT " " NC_STR_FMT " %zu@%c %" PRIu64 " %" PRIu64 "\n",
                 r->type.len == 7, r->name.data[r->name.len - 1], NC_STR_ARG(r->version),
                 NC_STR_ARG(r->origin), r->bytes.len, r->bytes.len ? r->bytes.data[0] : '-',
                 r->time_us, r->generation);

    return NC_OK;
}


/* Checks every state that the log still has; returns the newest generation. No ck_ in children. */
static uint64_t
check_states(nc_clog_t *log)
{
    nc_sb_t  is, must;

    nc_sb_init(&is);
    nc_sb_init(&must);

    for (uint64_t g = nc_clog_oldest(log); g && g <= nc_clog_generation(log); g++) {
        nc_sb_reset(&is);
        NC_CHECK(nc_clog_state(log, g, print_record, &is, &errors) == NC_OK);
        expected_state(g, &must);
        NC_CHECK(strcmp(nc_sb_c(&is), nc_sb_c(&must)) == 0);
    }

    nc_sb_fini(&is);
    nc_sb_fini(&must);

    return nc_clog_generation(log);
}


static int
memfd(void)
{
    int  fd = memfd_create("test-log", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);

    return fd;
}


/* `n` transactions in a memfd; where each one ends goes to `ends`, the bytes to `bytes`. */
static size_t
sample(unsigned n, uint64_t *ends, char *bytes, size_t room)
{
    int         fd = memfd();
    nc_clog_t  *log = nc_clog_open_fd(fd, &errors);
    ssize_t     len;

    ends[0] = nc_clog_bytes(log);

    for (unsigned g = 1; g <= n; g++) {
        ck_assert_int_eq(commit(log, g), NC_OK);
        ends[g] = nc_clog_bytes(log);
    }

    nc_clog_close(log);
    len = pread(fd, bytes, room, 0);
    ck_assert_int_eq((size_t) len, ends[n]);
    close(fd);

    return (size_t) len;
}


/* Opens `bytes` as a log: it must hold `n` transactions, take another, and be clean afterwards. */
static void
check_prefix(const char *bytes, size_t len, unsigned n, bool damaged)
{
    int         fd = memfd();
    nc_clog_t  *log;
    unsigned    warnings = errors.n_warnings;

    ck_assert_int_eq(pwrite(fd, bytes, len, 0), len);
    log = nc_clog_open_fd(fd, &errors);
    ck_assert_ptr_nonnull(log);
    ck_assert_int_eq(errors.n_warnings > warnings, damaged);
    ck_assert_uint_eq(nc_clog_generation(log), n);
    check_states(log);
    ck_assert_int_eq(commit(log, n + 1), NC_OK);
    nc_clog_close(log);

    warnings = errors.n_warnings;
    log = nc_clog_open_fd(fd, &errors);
    ck_assert_uint_eq(errors.n_warnings, warnings);
    ck_assert_uint_eq(check_states(log), n + 1);
    nc_clog_close(log);
    close(fd);
}


START_TEST(a_log_cut_at_any_byte_holds_the_whole_transactions_before)
{
    static char  bytes[4096];
    uint64_t     ends[7];
    size_t       len = sample(6, ends, bytes, sizeof(bytes));

    for (size_t cut = 0; cut <= len; cut++) {
        unsigned  n = 0;

        while (n < 6 && ends[n + 1] <= cut) {
            n++;
        }

        /* No byte, the first head alone, and an end between transactions are no damage. */
        check_prefix(bytes, cut, n, cut && cut != ends[n]
                     && !(cut >= NC_CLOG_HEAD_BYTES && cut < NC_CLOG_START));
    }
}
END_TEST


START_TEST(any_flipped_bit_costs_its_transaction_and_those_behind_only)
{
    static char  bytes[4096];
    uint64_t     ends[5];
    size_t       len = sample(4, ends, bytes, sizeof(bytes));

    for (size_t bit = 0; bit < len * 8; bit++) {
        unsigned  n = 0;

        while (n < 4 && ends[n + 1] <= bit / 8) {
            n++;
        }

        n = bit / 8 < NC_CLOG_START ? 4 : n;            /* there are two heads */
        bytes[bit / 8] = (char) (bytes[bit / 8] ^ 1 << bit % 8);
        check_prefix(bytes, len, n, n != 4);
        bytes[bit / 8] = (char) (bytes[bit / 8] ^ 1 << bit % 8);
    }
}
END_TEST


START_TEST(garbage_behind_the_end_is_cut_off_with_offset_and_reason)
{
    nc_clog_t  *log = nc_clog_open(path, &errors);
    uint64_t    end;
    char        expected[128];
    int         fd;

    static const char  words[] = "words that are no transaction, but longer than its head...";

    ck_assert_int_eq(commit(log, 1), NC_OK);
    ck_assert_int_eq(commit(log, 2), NC_OK);
    end = nc_clog_bytes(log);
    nc_clog_close(log);

    fd = open(path, O_WRONLY | O_APPEND);
    ck_assert_int_eq(write(fd, words, 58), 58);
    close(fd);

    log = nc_clog_open(path, &errors);
    ck_assert_uint_eq(errors.n, 0);
    ck_assert_uint_eq(errors.n_warnings, 1);
    snprintf(expected, sizeof(expected), "config log: cut off at offset %" PRIu64 " of %" PRIu64
             ": no transaction begins here", end, end + 58);
    ck_assert_str_eq(errors.first->message, expected);
    ck_assert_str_eq(errors.first->file, path);
    ck_assert_uint_eq(check_states(log), 2);
    nc_clog_close(log);

    log = nc_clog_open(path, &errors);
    ck_assert_uint_eq(errors.n_warnings, 1);
    nc_clog_close(log);
}
END_TEST


START_TEST(a_file_that_is_no_log_is_put_aside)
{
    int         fd = open(path, O_WRONLY | O_CREAT, 0600);
    nc_clog_t  *log;
    char        aside[128];

    ck_assert_int_eq(write(fd, "not a log", 9), 9);
    close(fd);

    ck_assert_ptr_null(nc_clog_open_read(path, &errors));
    ck_assert_uint_eq(errors.n, 1);
    log = nc_clog_open(path, &errors);
    ck_assert_ptr_nonnull(log);
    ck_assert_uint_eq(errors.n_warnings, 1);
    ck_assert_uint_eq(nc_clog_generation(log), 0);
    ck_assert_int_eq(commit(log, 1), NC_OK);
    nc_clog_close(log);

    snprintf(aside, sizeof(aside), "%s.damaged", path);
    ck_assert_int_eq(access(aside, F_OK), 0);
}
END_TEST


START_TEST(a_log_of_a_newer_version_is_refused_and_left_alone)
{
    char         bytes[NC_CLOG_START], again[NC_CLOG_START];
    int          fd = open(path, O_RDWR | O_CREAT, 0600);
    uint32_t     crc;

    nc_clog_head_write(bytes, &(nc_clog_head_t) { .seq = 1, .start = NC_CLOG_START });
    bytes[8] = 2;
    crc = htole32(nc_clog_payload_crc(nc_str(bytes, 60)));
    memcpy(bytes + 60, &crc, 4);
    memcpy(bytes + 64, bytes, 64);
    ck_assert_int_eq(write(fd, bytes, sizeof(bytes)), sizeof(bytes));

    ck_assert_ptr_null(nc_clog_open(path, &errors));
    ck_assert_uint_eq(errors.n, 1);
    ck_assert_str_eq(errors.first->message, "config log: written by a newer version of Nuncio");
    ck_assert_int_eq(pread(fd, again, sizeof(again), 0), sizeof(again));
    ck_assert_mem_eq(bytes, again, sizeof(bytes));
    close(fd);
}
END_TEST


START_TEST(a_head_that_points_nowhere_does_not_count_later_either)
{
    static char  bytes[4096];
    uint64_t     ends[4];
    size_t       len = sample(3, ends, bytes, sizeof(bytes));
    int          fd = memfd();
    nc_clog_t   *log;

    nc_clog_head_write(bytes + 64, &(nc_clog_head_t) { .seq = 99, .start = len + 100 });
    ck_assert_int_eq(pwrite(fd, bytes, len, 0), len);
    log = nc_clog_open_fd(fd, &errors);
    ck_assert_uint_eq(check_states(log), 3);
    ck_assert_int_eq(commit(log, 4), NC_OK);            /* the file reaches that far now */
    nc_clog_limits(log, 1, 1);
    ck_assert_int_eq(nc_clog_compact(log, &errors), NC_OK);
    nc_clog_close(log);

    log = nc_clog_open_fd(fd, &errors);
    ck_assert_uint_eq(check_states(log), 4);
    ck_assert_uint_eq(errors.n_warnings, 0);
    nc_clog_close(log);
    close(fd);
}
END_TEST


START_TEST(only_one_process_can_write_but_others_can_read)
{
    nc_clog_t  *log = nc_clog_open(path, &errors), *reader;

    ck_assert_int_eq(commit(log, 1), NC_OK);
    ck_assert_ptr_null(nc_clog_open(path, &errors));
    ck_assert_str_eq(errors.first->message, "config log: another process writes it");

    reader = nc_clog_open_read(path, &errors);
    ck_assert_uint_eq(check_states(reader), 1);
    ck_assert_int_eq(commit(log, 2), NC_OK);
    ck_assert_uint_eq(check_states(reader), 1);
    nc_clog_close(reader);
    nc_clog_close(log);

    log = nc_clog_open(path, &errors);
    ck_assert_uint_eq(check_states(log), 2);
    nc_clog_close(log);
}
END_TEST


START_TEST(an_empty_or_dropped_transaction_leaves_nothing)
{
    nc_clog_t         *log = nc_clog_open(path, &errors);
    nc_clog_record_t   record;
    uint64_t           bytes = nc_clog_bytes(log);

    nc_clog_begin(log, 5);
    ck_assert_int_eq(nc_clog_commit(log, &errors), NC_OK);
    nc_clog_begin(log, 5);
    fill(&record, 1, 30, 1);
    nc_clog_put(log, &record);
    nc_clog_abort(log);
    ck_assert_uint_eq(nc_clog_bytes(log), bytes);
    ck_assert_uint_eq(nc_clog_generation(log), 0);
    ck_assert_int_eq(nc_clog_state(log, 1, print_record, NULL, &errors), NC_DECLINED);
    ck_assert_int_eq(nc_clog_state(log, 0, print_record, NULL, &errors), NC_OK);
    nc_clog_close(log);
}
END_TEST


static nc_rc_t
print_txn(void *ctx, const nc_clog_txn_t *txn)
{
    nc_sb_printf(ctx, "%" PRIu64 " at %" PRIu64 " of %u%s:", txn->generation, txn->time_us,
                 txn->n_records, txn->snapshot ? " snapshot" : "");

    return NC_OK;
}


static nc_rc_t
print_change(void *ctx, const nc_clog_record_t *r)
{
    nc_sb_printf(ctx, " %s" NC_STR_FMT ";", r->removed ? "-" : "+", NC_STR_ARG(r->name));

    return NC_OK;
}


START_TEST(history_tells_what_changed_when)
{
    nc_clog_t         *log = nc_clog_open(path, &errors);
    nc_clog_record_t   a = { .type = NC_STR("t"), .name = NC_STR("a"), .bytes = NC_STR("1") };
    nc_clog_record_t   b = { .type = NC_STR("t"), .name = NC_STR("b"), .bytes = NC_STR("2") };
    nc_sb_t            out;

    nc_clog_begin(log, 10);
    nc_clog_put(log, &a);
    nc_clog_put(log, &b);
    ck_assert_int_eq(nc_clog_commit(log, &errors), NC_OK);
    nc_clog_begin(log, 20);
    nc_clog_remove(log, &a);
    ck_assert_int_eq(nc_clog_commit(log, &errors), NC_OK);

    nc_sb_init(&out);
    ck_assert_int_eq(nc_clog_history(log, 0, print_txn, print_change, &out, &errors), NC_OK);
    ck_assert_str_eq(nc_sb_c(&out), "1 at 10 of 2: +a; +b;2 at 20 of 1: -a;");

    nc_clog_limits(log, 1, 1);
    ck_assert_int_eq(nc_clog_compact(log, &errors), NC_OK);
    nc_sb_reset(&out);
    ck_assert_int_eq(nc_clog_history(log, 0, print_txn, print_change, &out, &errors), NC_OK);
    ck_assert_str_eq(nc_sb_c(&out), "2 at 20 of 1 snapshot: +b;");
    nc_sb_reset(&out);
    ck_assert_int_eq(nc_clog_history(log, 3, print_txn, NULL, &out, &errors), NC_OK);
    ck_assert_str_eq(nc_sb_c(&out), "");
    nc_sb_fini(&out);
    nc_clog_close(log);
}
END_TEST


/* In a child: a file size limit lies in the middle of transaction 3. */
static int
fill_the_disk(void)
{
    nc_clog_t      *log;
    struct rlimit   limit = { .rlim_max = RLIM_INFINITY };
    uint64_t        before;
    struct stat     st;

    signal(SIGXFSZ, SIG_IGN);
    log = nc_clog_open(path, &errors);
    NC_CHECK(commit(log, 1) == NC_OK && commit(log, 2) == NC_OK);
    before = nc_clog_bytes(log);

    for (unsigned room = 0; room < NC_CLOG_FRAME_BYTES + NC_CLOG_RECORD_BYTES; room++) {
        limit.rlim_cur = before + room;
        NC_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        NC_CHECK(commit(log, 3) == NC_ERROR && errors.n == room + 1);
        NC_CHECK(nc_clog_generation(log) == 2 && nc_clog_bytes(log) == before);
        NC_CHECK(stat(path, &st) == 0 && (uint64_t) st.st_size == before);
        NC_CHECK(check_states(log) == 2);
    }

    NC_CHECK(strcmp(errors.first->message,
                    "config log: cannot write, nothing was changed: File too large") == 0);

    /* Compaction fails as well then, and changes nothing. */
    nc_clog_limits(log, 1, 1);
    limit.rlim_cur = 200;
    NC_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    NC_CHECK(nc_clog_compact(log, &errors) == NC_ERROR && check_states(log) == 2);
    NC_CHECK(nc_clog_oldest(log) == 1);

    limit.rlim_cur = RLIM_INFINITY;
    NC_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    NC_CHECK(commit(log, 3) == NC_OK && check_states(log) == 3);
    nc_clog_close(log);

    return 0;
}


START_TEST(a_full_disk_is_an_error_that_changes_nothing)
{
    int         status;
    pid_t       pid = fork();
    nc_clog_t  *log;

    if (pid == 0) {
        _exit(fill_the_disk());
    }

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    log = nc_clog_open(path, &errors);
    ck_assert_uint_eq(check_states(log), 3);
    ck_assert_uint_eq(errors.n + errors.n_warnings, 0);
    nc_clog_close(log);
}
END_TEST


/* Many transactions in a log of small limits; every state that is left is the right one. */
static void
check_compaction(const char *file, int fd)
{
    nc_clog_t  *log = file ? nc_clog_open(file, &errors) : nc_clog_open_fd(fd, &errors);
    uint64_t    g;

    nc_clog_limits(log, 6000, 1000);

    for (g = 1; g <= 400; g++) {
        ck_assert_int_eq(commit(log, g), NC_OK);
        ck_assert_uint_le(nc_clog_bytes(log), 6000);

        if (g % 20 == 0) {
            ck_assert_uint_eq(check_states(log), g);
        }

        if (nc_clog_oldest(log) > 1) {
            ck_assert_int_eq(nc_clog_state(log, nc_clog_oldest(log) - 1, print_record, NULL,
                                           &errors), NC_DECLINED);
        }

        if (g % 100 == 0) {
            nc_clog_close(log);
            log = file ? nc_clog_open(file, &errors) : nc_clog_open_fd(fd, &errors);
            ck_assert_uint_eq(check_states(log), g);
            nc_clog_limits(log, 6000, 1000);
        }
    }

    ck_assert_uint_gt(nc_clog_oldest(log), 200);
    ck_assert_uint_lt(nc_clog_oldest(log), 395);

    nc_clog_limits(log, 6000, 10);
    ck_assert_int_eq(nc_clog_compact(log, &errors), NC_OK);
    ck_assert_uint_eq(nc_clog_oldest(log), 396);
    ck_assert_uint_eq(check_states(log), 400);

    nc_clog_limits(log, 100, 1000);                     /* less than the state itself */
    ck_assert_int_eq(commit(log, 401), NC_OK);
    ck_assert_uint_eq(check_states(log), 401);
    nc_clog_close(log);
    ck_assert_uint_eq(errors.n + errors.n_warnings, 0);
}


START_TEST(compaction_of_a_file_keeps_every_state_that_it_keeps)
{
    check_compaction(path, -1);
}
END_TEST


START_TEST(compaction_in_a_memfd_keeps_states_and_gives_memory_back)
{
    int          fd = memfd();
    struct stat  st;

    check_compaction(NULL, fd);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_le(st.st_blocks * 512, 32768);
    close(fd);
}
END_TEST


static NC_NORETURN void
write_until_killed(const char *file, int fd)
{
    nc_clog_t  *log = file ? nc_clog_open(file, &errors) : nc_clog_open_fd(fd, &errors);

    NC_CHECK(log && errors.n == 0);
    nc_clog_limits(log, 4000, 20);

    for ( ;; ) {
        NC_CHECK(commit(log, nc_clog_generation(log) + 1) == NC_OK);
    }
}


/* Kills writers at random moments, in compactions too: the next one finds whole transactions. */
static void
check_kills(const char *file, int fd, unsigned n)
{
    uint64_t    newest = 0, now;
    nc_clog_t  *log;
    int         status;

    for (unsigned i = 0; i < n || (newest < n && i < 100 * n); i++) {
        pid_t  pid = fork();

        if (pid == 0) {
            write_until_killed(file, fd);
        }

        poll(NULL, 0, (int) (1 + mix(i) % 12));         /* the writer's time; nothing waits */
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        log = file ? nc_clog_open(file, &errors) : nc_clog_open_fd(fd, &errors);
        ck_assert_ptr_nonnull(log);
        now = check_states(log);
        ck_assert_uint_ge(now, newest);
        newest = now;
        nc_clog_close(log);
    }

    ck_assert_uint_ge(newest, n);
    printf("%s: at least %u writers killed, %" PRIu64 " transactions\n", file ? "file" : "memfd",
           n, newest);
}


START_TEST(a_killed_writer_of_a_file_leaves_whole_transactions)
{
    check_kills(path, -1, 20);
}
END_TEST


START_TEST(a_killed_writer_of_a_memfd_leaves_whole_transactions)
{
    int  fd = memfd();

    check_kills(NULL, fd, 40);
    close(fd);
}
END_TEST


int
main(void)
{
    Suite    *suite = suite_create("config/log");
    TCase    *tc = tcase_create("log");
    SRunner  *runner = srunner_create(suite);
    int       failures;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_log_cut_at_any_byte_holds_the_whole_transactions_before);
    tcase_add_test(tc, any_flipped_bit_costs_its_transaction_and_those_behind_only);
    tcase_add_test(tc, garbage_behind_the_end_is_cut_off_with_offset_and_reason);
    tcase_add_test(tc, a_file_that_is_no_log_is_put_aside);
    tcase_add_test(tc, a_log_of_a_newer_version_is_refused_and_left_alone);
    tcase_add_test(tc, a_head_that_points_nowhere_does_not_count_later_either);
    tcase_add_test(tc, only_one_process_can_write_but_others_can_read);
    tcase_add_test(tc, an_empty_or_dropped_transaction_leaves_nothing);
    tcase_add_test(tc, history_tells_what_changed_when);
    tcase_add_test(tc, a_full_disk_is_an_error_that_changes_nothing);
    tcase_add_test(tc, compaction_of_a_file_keeps_every_state_that_it_keeps);
    tcase_add_test(tc, compaction_in_a_memfd_keeps_states_and_gives_memory_back);
    tcase_add_test(tc, a_killed_writer_of_a_file_leaves_whole_transactions);
    tcase_add_test(tc, a_killed_writer_of_a_memfd_leaves_whole_transactions);
    suite_add_tcase(suite, tc);

    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failures ? 1 : 0;
}
