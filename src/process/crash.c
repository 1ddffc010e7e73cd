/*
 * crash.c: the handler of deadly signals, and the reader of what it wrote.
 *
 * Invariants:
 *  1. The handler calls only async-signal-safe functions (backtrace() has been called once before,
 *     so that it needs no memory) and reads foreign pointers through the kernel, which refuses bad
 *     ones instead of crashing again.
 *  2. It ends by raising the signal again with the default action: the master sees the true cause,
 *     the core is written.
 */
#include "process/crash.h"
#include "base/module.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#define STACK_BYTES  65536u

static const int  signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };


/* Copies `len` bytes at `from`, which may be anything; returns how many could be read. */
static size_t
careful_copy(char *to, const char *from, size_t len)
{
    struct iovec  local = { to, len };
    struct iovec  remote = { (void *) (uintptr_t) from, len };
    ssize_t       n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

    return n < 0 ? 0 : (size_t) n;
}


static void
on_deadly_signal(int sig, siginfo_t *info, void *context)
{
    static volatile sig_atomic_t  entered;
    nc_words_t                   *w = nc_words;
    void                         *frames[NC_WORDS_FRAMES];
    int                           n;

    (void) context;

    if (!entered) {
        entered = 1;
        w->signal = sig;
        w->address = (uint64_t) (uintptr_t) info->si_addr;

        if (w->request_len && w->request_len <= NC_WORDS_REQUEST) {
            w->text_len = (uint32_t) careful_copy(w->text, w->request, w->request_len);
        }

        n = backtrace(frames, (int) NC_COUNTOF(frames));

        for (int i = 0; i < n; i++) {
            w->frames[i] = (uint64_t) (uintptr_t) frames[i];
        }

        w->n_frames = (uint32_t) n;
    }

    signal(sig, SIG_DFL);
    raise(sig);
}


void
nc_crash_init(void)
{
#if !defined(__SANITIZE_ADDRESS__)
    static char       *stack;
    struct sigaction   sa = { .sa_sigaction = on_deadly_signal,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    stack_t            ss;
    void              *frames[2];

    if (stack == NULL) {
        stack = nc_malloc(STACK_BYTES);
    }

    ss = (stack_t) { .ss_sp = stack, .ss_size = STACK_BYTES };
    (void) sigaltstack(&ss, NULL);
    (void) backtrace(frames, (int) NC_COUNTOF(frames));
    sigemptyset(&sa.sa_mask);

    for (size_t i = 0; i < NC_COUNTOF(signals); i++) {
        (void) sigaction(signals[i], &sa, NULL);
    }
#else
    (void) signals;
    (void) on_deadly_signal;
#endif
}


/* The name of a module, when the pointer is one that we know as such. */
static const char *
known_filter(const char *name)
{
    for (size_t i = 0; name && nc_modules[i]; i++) {
        if (nc_modules[i]->name == name) {
            return name;
        }
    }

    return NULL;
}


/* Same program, forked: addresses mean the same here. */
static void
print_frames(const nc_words_t *w, nc_sb_t *out)
{
    unsigned  n = NC_MIN(w->n_frames, NC_WORDS_FRAMES);

    if (n == 0) {
        return;
    }

    nc_sb_c_add(out, "  at");

    for (unsigned i = 0; i < n; i++) {
        Dl_info  info;
        void    *at = (void *) (uintptr_t) w->frames[i];

        if (dladdr(at, &info) && info.dli_fname) {
            const char  *file = strrchr(info.dli_fname, '/');

            nc_sb_printf(out, " %s%s%s+0x%llx", file ? file + 1 : info.dli_fname,
                info.dli_sname ? ":" : "", info.dli_sname ? info.dli_sname : "",
                (unsigned long long) (w->frames[i]
                    - (uintptr_t) (info.dli_sname ? info.dli_saddr : info.dli_fbase)));
        } else {
            nc_sb_printf(out, " 0x%llx", (unsigned long long) w->frames[i]);
        }
    }

    nc_sb_char(out, '\n');
}


void
nc_crash_print(const nc_words_t *w, nc_sb_t *out)
{
    const char  *filter = known_filter(w->filter);
    unsigned     len = NC_MIN(w->text_len, NC_WORDS_REQUEST);

    if (w->conn_id) {
        nc_sb_printf(out, "  connection %" PRIu64, w->conn_id);

        if (w->stream_id) {
            nc_sb_printf(out, ", stream %" PRIu64, w->stream_id);
        }

        if (filter) {
            nc_sb_printf(out, ", filter %s", filter);
        }

        nc_sb_char(out, '\n');
    }

    if (len) {
        nc_sb_c_add(out, "  request ");
        nc_sb_json_str(out, nc_str(w->text, len));
        nc_sb_char(out, '\n');
    }

    if (w->signal == SIGSEGV || w->signal == SIGBUS) {
        nc_sb_printf(out, "  it touched 0x%llx\n", (unsigned long long) w->address);
    }

    print_frames(w, out);
}
