/*
 * base.h: what every file of Nuncio starts from: return codes, assertions and small macros.
 *
 * Invariants:
 *  1. Nothing here makes a system call but the two functions that end the process.
 *  2. NC_OK is 0, so that `if (rc)` reads "not all right".
 */
#ifndef NC_BASE_BASE_H
#define NC_BASE_BASE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum {
    NC_OK = 0,
    NC_AGAIN,                                   /* not now; try again later */
    NC_DECLINED,                                /* not mine, not found, nothing done */
    NC_ERROR                                    /* failed, and already reported */
} nc_rc_t;

#define nc_container_of(ptr, type, member)  \
    ((type *) (void *) ((char *) (ptr) - offsetof(type, member)))

#define NC_BIT(n)           (1u << (n))
#define NC_COUNTOF(array)   (sizeof(array) / sizeof((array)[0]))
#define NC_MIN(a, b)        ((a) < (b) ? (a) : (b))
#define NC_MAX(a, b)        ((a) > (b) ? (a) : (b))
#define NC_ALIGN(n, a)      (((n) + ((a) - 1)) & ~((size_t) (a) - 1))

#define NC_LIKELY(x)        __builtin_expect(!!(x), 1)
#define NC_UNLIKELY(x)      __builtin_expect(!!(x), 0)
#define NC_PRINTF(f, a)     __attribute__((format(printf, f, a)))
#define NC_NORETURN         __attribute__((noreturn))
#define NC_UNUSED           __attribute__((unused))
#define NC_COLD             __attribute__((cold))

/*
 * Strengths of checks: NC_ASSERT in debug builds only; NC_CHECK always, ends the process; NC_BUG_ON
 * counts and logs once in release builds, ends the process in debug builds; its value is the
 * condition, so it can guard the remedy: `if (NC_BUG_ON(x)) { return NC_ERROR; }`.
 */
#define NC_CHECK(cond)  \
    do { if (NC_UNLIKELY(!(cond))) { nc_abort_at(__FILE__, __LINE__, #cond); } } while (0)

#ifdef NC_DEBUG
#define NC_ASSERT(cond)     NC_CHECK(cond)
#else
#define NC_ASSERT(cond)     do { (void) sizeof(cond); } while (0)
#endif

#define NC_BUG_ON(cond)  \
    (NC_UNLIKELY(cond) ? nc_bug_at(__FILE__, __LINE__, #cond) : false)

/* Run-time type check of a central object: one compare per entry point, in all builds. */
#define NC_OBJ_CHECK(o, m)  \
    do { if (NC_UNLIKELY((o)->magic != (m))) { nc_abort_at(__FILE__, __LINE__, #m); } } while (0)

/* Ends the process with a message that names the place; stderr, then abort(). */
void nc_abort_at(const char *file, int line, const char *what) NC_NORETURN NC_COLD;

/* Ends the process with a formatted message; for small allocations and impossible results. */
void nc_fatal(const char *fmt, ...) NC_PRINTF(1, 2) NC_NORETURN NC_COLD;

/* Counts a violated expectation in nc_bugs and calls nc_bug_hook once per place; returns true. */
bool nc_bug_at(const char *file, int line, const char *what) NC_COLD;

/* How many NC_BUG_ON fired in this process (exported as server.envoy_bug_failures). */
extern uint64_t nc_bugs;

/* Called by nc_bug_at and nc_fatal with the message; the log installs itself here. May be NULL. */
extern void (*nc_bug_hook)(const char *message);

/* malloc family that never returns NULL (ends the process instead). Release with free(). */
void *nc_malloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *nc_calloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *nc_realloc(void *p, size_t size) __attribute__((alloc_size(2)));
char *nc_strdup(const char *s) __attribute__((malloc));

#endif
