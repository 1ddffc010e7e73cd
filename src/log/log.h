/*
 * log.h: the error log. Every line is one write(2) to an O_APPEND file or stderr. Levels are kept
 * per component in a page that all processes share, so the admin changes them everywhere at once.
 *
 * Invariants:
 *  1. A message below its component's level costs one load and one compare.
 *  2. Bytes that came from a peer never reach the log raw: control bytes and DEL are escaped, so
 *     one message is one line.
 *  3. A line that begins with [alert] after its prefix tells of what must never happen; a test run
 *     fails on it.
 */
#ifndef NC_LOG_LOG_H
#define NC_LOG_LOG_H

#include "base/str.h"

/* Envoy's level names. */
#define NC_LOG_LEVELS(X)  \
    X(TRACE, "trace")  \
    X(DEBUG, "debug")  \
    X(INFO, "info")  \
    X(WARNING, "warning")  \
    X(ERROR, "error")  \
    X(CRITICAL, "critical")  \
    X(OFF, "off")

typedef enum {
#define X(name, text)  NC_LOG_##name,
    NC_LOG_LEVELS(X)
#undef X
    NC_LOG_LEVEL_MAX
} nc_log_level_t;

/* Components: Envoy's logger names where it has one, ours for what only Nuncio has. */
#define NC_LOG_COMPONENTS(X)  \
    X(MAIN, "main")  \
    X(ADMIN, "admin")  \
    X(CLIENT, "client")  \
    X(CLUSTER, "cluster")  \
    X(CONFIG, "config")  \
    X(CONN, "connection")  \
    X(CONN_HANDLER, "conn_handler")  \
    X(DNS, "dns")  \
    X(FILE, "file")  \
    X(FILTER, "filter")  \
    X(HC, "hc")  \
    X(HTTP, "http")  \
    X(HTTP1, "http1")  \
    X(HTTP2, "http2")  \
    X(IMAGE, "image")  \
    X(INIT, "init")  \
    X(IO, "io")  \
    X(LISTENER, "listener")  \
    X(LUA, "lua")  \
    X(MISC, "misc")  \
    X(POOL, "pool")  \
    X(PROCESS, "process")  \
    X(ROUTER, "router")  \
    X(RUNTIME, "runtime")  \
    X(SECRET, "secret")  \
    X(STATS, "stats")  \
    X(TESTING, "testing")  \
    X(TRACING, "tracing")  \
    X(UPSTREAM, "upstream")

typedef enum {
#define X(name, text)  NC_LOGC_##name,
    NC_LOG_COMPONENTS(X)
#undef X
    NC_LOG_COMPONENT_MAX
} nc_log_component_t;

/* Level per component, shared by all processes; private until nc_log_init. */
extern uint8_t  *nc_log_levels;

static inline bool
nc_log_on(nc_log_component_t component, nc_log_level_t level)
{
    return NC_UNLIKELY(__atomic_load_n(&nc_log_levels[component], __ATOMIC_RELAXED) <= level);
}

/*
 * Logs one line: nc_log(WARNING, UPSTREAM, "connect to %s: %s", ...). Arguments are not evaluated
 * when the level is off.
 */
#define nc_log(level, component, ...)  \
    do {  \
        if (nc_log_on(NC_LOGC_##component, NC_LOG_##level)) {  \
            nc_log_write(NC_LOG_##level, NC_LOGC_##component, __FILE__, __LINE__, __func__,  \
                __VA_ARGS__);  \
        }  \
    } while (0)

/*
 * As nc_log for what a peer or a full disk can make happen often: at most 10 lines in a second
 * from one place, then silence; the next line says how many were left out.
 */
#define nc_log_limited(level, component, ...)  \
    do {  \
        static nc_log_limit_t  nc_log_limit_here;  \
        if (nc_log_on(NC_LOGC_##component, NC_LOG_##level)  \
            && nc_log_limit_pass(&nc_log_limit_here))  \
        {  \
            nc_log_write_limited(&nc_log_limit_here, NC_LOG_##level, NC_LOGC_##component,  \
                __FILE__, __LINE__, __func__, __VA_ARGS__);  \
        }  \
    } while (0)

/* What must never happen: critical, "[alert]" before the message, whatever the level. */
#define nc_log_alert(component, ...)  \
    nc_log_write_alert(NC_LOGC_##component, __FILE__, __LINE__, __func__, __VA_ARGS__)

typedef struct {
    uint64_t  window_s;
    uint32_t  n;                                /* lines in this second */
    uint32_t  dropped;                          /* since the last line that passed */
} nc_log_limit_t;

bool nc_log_limit_pass(nc_log_limit_t *limit);

void nc_log_write(nc_log_level_t level, nc_log_component_t component, const char *file, int line,
    const char *func, const char *fmt, ...) NC_PRINTF(6, 7) NC_COLD;
void nc_log_vwrite(nc_log_level_t level, nc_log_component_t component, const char *file, int line,
    const char *func, const char *fmt, va_list args) NC_PRINTF(6, 0) NC_COLD;
void nc_log_write_limited(nc_log_limit_t *limit, nc_log_level_t level,
    nc_log_component_t component, const char *file, int line, const char *func,
    const char *fmt, ...) NC_PRINTF(7, 8) NC_COLD;
void nc_log_write_alert(nc_log_component_t component, const char *file, int line,
    const char *func, const char *fmt, ...) NC_PRINTF(5, 6) NC_COLD;

typedef struct {
    const char      *path;                      /* NULL: stderr */
    const char      *format;                    /* NULL: Envoy's default */
    nc_log_level_t   level;                     /* of all components; 0 is trace */
    bool             escape;                    /* --log-format-escaped: C-escape the message */
} nc_log_config_t;

#define NC_LOG_DEFAULT_FORMAT   "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v"

/*
 * Placeholders of --log-format: those of Envoy (spdlog's, with its padding: %-8l %8n %=8l), %_ and
 * %j (message with line breaks escaped, as JSON), and ours: %N, the process ("worker 3"). %t and
 * %P are both the process id: there are no threads.
 */

/*
 * Opens the log, shares the levels, takes over the messages of NC_BUG_ON and nc_fatal. By the
 * master before it forks. NC_ERROR with errno: the file cannot be opened; the log is stderr then.
 */
nc_rc_t nc_log_init(const nc_log_config_t *config);

/* Checks a --log-format; NC_ERROR: a '%' at the end or an unknown placeholder, `error` names it. */
nc_rc_t nc_log_check_format(const char *format, nc_sb_t *error);

/* Opens the file anew (USR1). NC_ERROR with errno: the old one stays in use. */
nc_rc_t nc_log_reopen(void);

/* Uses this fd for the log from now on (workers without rights to open it); the log owns it. */
void nc_log_use_fd(int fd);

/* The fd of the log. */
int nc_log_fd(void);

/* Says which process writes, for %N: "master", "helper", "worker 3". Copied. */
void nc_log_set_process(const char *name);
const char *nc_log_process(void);

/* Sets the level of one component, or of all. */
void nc_log_set_level(nc_log_component_t component, nc_log_level_t level);
void nc_log_set_all_levels(nc_log_level_t level);

const char *nc_log_level_str(nc_log_level_t level);
const char *nc_log_component_str(nc_log_component_t component);

/* By name, any case; "warn" and "err" too. NC_ERROR: there is none such. */
nc_rc_t nc_log_level_parse(nc_str_t name, nc_log_level_t *level);
nc_rc_t nc_log_component_parse(nc_str_t name, nc_log_component_t *component);

/*
 * "--component-log-level upstream:debug,http:info"; the admin's `paths` too. All or nothing;
 * NC_ERROR: `error` says what is wrong.
 */
nc_rc_t nc_log_set_levels(nc_str_t list, nc_sb_t *error);

/* Appends the lines of admin's /logging: "  upstream: debug". */
void nc_log_print_levels(nc_sb_t *out);

/* Lines that could not be written. */
extern uint64_t  nc_log_lost;

#endif
