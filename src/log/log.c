/* log.c: the error log: levels, writing, reopening. */
#include "log/format_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE_MAX_BYTES      8192u
#define MESSAGE_MAX_BYTES   6144u
#define LIMIT_PER_SECOND    10u

static uint8_t  private_levels[NC_LOG_COMPONENT_MAX] = {
    [0 ... NC_LOG_COMPONENT_MAX - 1] = NC_LOG_INFO
};

uint8_t     *nc_log_levels = private_levels;
uint64_t     nc_log_lost;

static int          log_fd = STDERR_FILENO;
static char        *log_path;
static char        *log_format;
static bool         log_escape;
static char         process_name[32] = "master";

static const char *const  level_names[] = {
#define X(name, text)  text,
    NC_LOG_LEVELS(X)
#undef X
};

static const char *const  component_names[] = {
#define X(name, text)  text,
    NC_LOG_COMPONENTS(X)
#undef X
};

const char *
nc_log_level_str(nc_log_level_t level)
{
    return level < NC_LOG_LEVEL_MAX ? level_names[level] : "?";
}

const char *
nc_log_component_str(nc_log_component_t component)
{
    return component < NC_LOG_COMPONENT_MAX ? component_names[component] : "?";
}

nc_rc_t
nc_log_level_parse(nc_str_t name, nc_log_level_t *level)
{
    unsigned  i;

    for (i = 0; i < NC_LOG_LEVEL_MAX; i++) {
        if (nc_str_caseeq(name, nc_str_c(level_names[i]))) {
            *level = (nc_log_level_t) i;
            return NC_OK;
        }
    }

    if (nc_str_caseeq(name, NC_STR("warn"))) {
        *level = NC_LOG_WARNING;
        return NC_OK;
    }

    if (nc_str_caseeq(name, NC_STR("err"))) {
        *level = NC_LOG_ERROR;
        return NC_OK;
    }

    return NC_ERROR;
}

nc_rc_t
nc_log_component_parse(nc_str_t name, nc_log_component_t *component)
{
    unsigned  i;

    for (i = 0; i < NC_LOG_COMPONENT_MAX; i++) {
        if (nc_str_caseeq(name, nc_str_c(component_names[i]))) {
            *component = (nc_log_component_t) i;
            return NC_OK;
        }
    }

    return NC_ERROR;
}

void
nc_log_set_level(nc_log_component_t component, nc_log_level_t level)
{
    __atomic_store_n(&nc_log_levels[component], (uint8_t) level, __ATOMIC_RELAXED);
}

void
nc_log_set_all_levels(nc_log_level_t level)
{
    unsigned  i;

    for (i = 0; i < NC_LOG_COMPONENT_MAX; i++) {
        nc_log_set_level((nc_log_component_t) i, level);
    }
}

nc_rc_t
nc_log_set_levels(nc_str_t list, nc_sb_t *error)
{
    uint8_t   levels[NC_LOG_COMPONENT_MAX];
    nc_str_t  piece;

    memcpy(levels, nc_log_levels, sizeof(levels));

    while (list.len && nc_str_split(&list, ',', &piece)) {
        ssize_t             colon = nc_str_chr(piece, ':');
        nc_log_component_t  component;
        nc_log_level_t      level;

        if (colon < 0) {
            nc_sb_printf(error, "\"" NC_STR_FMT "\": expected <component>:<level>",
                NC_STR_ARG(piece));
            return NC_ERROR;
        }

        if (nc_log_component_parse(nc_str(piece.data, (size_t) colon), &component) != NC_OK) {
            nc_sb_printf(error, "\"%.*s\": no such component", (int) colon, piece.data);
            return NC_ERROR;
        }

        piece = nc_str_skip(piece, (size_t) colon + 1);

        if (nc_log_level_parse(piece, &level) != NC_OK) {
            nc_sb_printf(error, "\"" NC_STR_FMT "\": no such level, expected one of trace debug "
                "info warning error critical off", NC_STR_ARG(piece));
            return NC_ERROR;
        }

        levels[component] = (uint8_t) level;
    }

    memcpy(nc_log_levels, levels, sizeof(levels));

    return NC_OK;
}

void
nc_log_print_levels(nc_sb_t *out)
{
    unsigned  i;

    for (i = 0; i < NC_LOG_COMPONENT_MAX; i++) {
        nc_sb_printf(out, "  %s: %s\n", component_names[i], nc_log_level_str(nc_log_levels[i]));
    }
}

void
nc_log_set_process(const char *name)
{
    snprintf(process_name, sizeof(process_name), "%s", name);
}

const char *
nc_log_process(void)
{
    return process_name;
}

int
nc_log_fd(void)
{
    return log_fd;
}

void
nc_log_use_fd(int fd)
{
    if (log_fd != STDERR_FILENO && log_fd != fd) {
        close(log_fd);
    }

    log_fd = fd;
}

/* Opens the file of the log; -1 with errno. */
static int
open_log(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void
on_bug(const char *message)
{
    nc_log_write_alert(NC_LOGC_MAIN, "nuncio", 0, "", "%s", message);
}

/* Moves the levels to a page that children share. */
static void
share_levels(void)
{
    uint8_t  *page;

    if (nc_log_levels != private_levels) {
        return;
    }

    page = mmap(NULL, sizeof(private_levels), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
        -1, 0);

    if (page == MAP_FAILED) {
        nc_fatal("cannot map the log levels: errno %d", errno);
    }

    memcpy(page, private_levels, sizeof(private_levels));
    nc_log_levels = page;
}

nc_rc_t
nc_log_init(const nc_log_config_t *config)
{
    int  fd = STDERR_FILENO;

    tzset();
    share_levels();
    nc_log_set_all_levels(config->level);
    free(log_format);
    free(log_path);
    log_path = NULL;
    log_format = config->format ? nc_strdup(config->format) : NULL;
    log_escape = config->escape;
    nc_bug_hook = on_bug;

    if (config->path == NULL) {
        nc_log_use_fd(STDERR_FILENO);
        return NC_OK;
    }

    log_path = nc_strdup(config->path);
    fd = open_log(config->path);
    nc_log_use_fd(fd >= 0 ? fd : STDERR_FILENO);

    return fd >= 0 ? NC_OK : NC_ERROR;
}

nc_rc_t
nc_log_reopen(void)
{
    int  fd;

    if (log_path == NULL) {
        return NC_OK;
    }

    fd = open_log(log_path);

    if (fd < 0) {
        return NC_ERROR;
    }

    nc_log_use_fd(fd);

    return NC_OK;
}

/* One line, one write. */
static void
write_line(const nc_sb_t *line)
{
    ssize_t  n;

    do {
        n = write(log_fd, line->data, line->len);
    } while (n < 0 && errno == EINTR);

    if (n != (ssize_t) line->len) {
        nc_log_lost++;
    }
}

static void
log_message(nc_log_level_t level, nc_log_component_t component, const char *file, int line,
    const char *func, nc_str_t raw)
{
    char             message_memory[MESSAGE_MAX_BYTES], line_memory[LINE_MAX_BYTES];
    nc_sb_t          message, out;
    nc_log_record_t  r = {
        .level = level, .component = component, .file = file, .line = line, .func = func,
        .process = process_name, .pid = (int) getpid(), .raw = raw
    };

    clock_gettime(CLOCK_REALTIME, &r.now);
    nc_sb_fixed(&message, message_memory, sizeof(message_memory));
    nc_log_escape(raw, log_escape, &message);
    r.message = nc_sb_str(&message);

    /* One byte is kept for the '\n', which a line that is too long has too. */
    nc_sb_fixed(&out, line_memory, sizeof(line_memory) - 1);
    nc_log_format(log_format ? log_format : NC_LOG_DEFAULT_FORMAT, &r, &out);
    line_memory[out.len++] = '\n';
    write_line(&out);
}

void
nc_log_vwrite(nc_log_level_t level, nc_log_component_t component, const char *file, int line,
    const char *func, const char *fmt, va_list args)
{
    char     memory[MESSAGE_MAX_BYTES];
    nc_sb_t  raw;
    int      saved = errno;

    nc_sb_fixed(&raw, memory, sizeof(memory));
    nc_sb_vprintf(&raw, fmt, args);
    log_message(level, component, file, line, func, nc_sb_str(&raw));
    errno = saved;
}

void
nc_log_write(nc_log_level_t level, nc_log_component_t component, const char *file, int line,
    const char *func, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    nc_log_vwrite(level, component, file, line, func, fmt, args);
    va_end(args);
}

bool
nc_log_limit_pass(nc_log_limit_t *limit)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);

    if ((uint64_t) now.tv_sec != limit->window_s) {
        limit->window_s = (uint64_t) now.tv_sec;
        limit->n = 0;
    }

    if (limit->n >= LIMIT_PER_SECOND) {
        limit->dropped++;
        return false;
    }

    limit->n++;

    return true;
}

void
nc_log_write_limited(nc_log_limit_t *limit, nc_log_level_t level, nc_log_component_t component,
    const char *file, int line, const char *func, const char *fmt, ...)
{
    char     memory[MESSAGE_MAX_BYTES];
    nc_sb_t  raw;
    va_list  args;
    int      saved = errno;

    nc_sb_fixed(&raw, memory, sizeof(memory));
    va_start(args, fmt);
    nc_sb_vprintf(&raw, fmt, args);
    va_end(args);

    if (limit->dropped) {
        nc_sb_printf(&raw, " (%" PRIu32 " such lines left out)", limit->dropped);
        limit->dropped = 0;
    }

    log_message(level, component, file, line, func, nc_sb_str(&raw));
    errno = saved;
}

void
nc_log_write_alert(nc_log_component_t component, const char *file, int line, const char *func,
    const char *fmt, ...)
{
    char     memory[MESSAGE_MAX_BYTES];
    nc_sb_t  raw;
    va_list  args;
    int      saved = errno;

    nc_sb_fixed(&raw, memory, sizeof(memory));
    nc_sb_c_add(&raw, "[alert] ");
    va_start(args, fmt);
    nc_sb_vprintf(&raw, fmt, args);
    va_end(args);
    log_message(NC_LOG_CRITICAL, component, file, line, func, nc_sb_str(&raw));
    errno = saved;
}
