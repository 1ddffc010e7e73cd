/*
 * family.h: the small shared page of one family of processes: heartbeats, last words, and a few
 * numbers that the master counts.
 *
 * Invariants:
 *  1. Each word has one writer, named below.
 *  2. Nobody follows a pointer found in another process's slot without checking it.
 */
#ifndef NC_OS_FAMILY_H
#define NC_OS_FAMILY_H

#include "base/str.h"

#define NC_WORDS_REQUEST    256u
#define NC_WORDS_FRAMES     32u

/* What a process is working on, written by itself, read by the master when it died. */
typedef struct {
    uint64_t     beat;                          /* turns of the loop so far */
    uint64_t     conn_id;                       /* connection of this event; 0: none */
    uint64_t     stream_id;                     /* 0: none */
    const char  *filter;                        /* name of a module (its own string); NULL: none */
    const char  *request;                       /* request line, in the process's own memory */
    uint32_t     request_len;

    /* Written by the crash handler. */
    int32_t      signal;                        /* 0: did not crash */
    uint64_t     address;                       /* what it touched */
    uint32_t     n_frames;
    uint32_t     text_len;
    uint64_t     frames[NC_WORDS_FRAMES];
    char         text[NC_WORDS_REQUEST];        /* copy of the request line */
} __attribute__((aligned(64))) nc_words_t;

/* This process's slot. Private memory until the process layer maps the shared one. */
extern nc_words_t  *nc_words;

/* Says which connection the code below works for; 0 at the end of its event. */
static inline void
nc_words_conn(uint64_t conn_id)
{
    nc_words->conn_id = conn_id;
    nc_words->stream_id = 0;
    nc_words->filter = NULL;
    nc_words->request_len = 0;
}

/* Says which stream, and its request line: bytes that live as long as the stream is worked on. */
static inline void
nc_words_stream(uint64_t stream_id, const char *request, size_t len)
{
    nc_words->stream_id = stream_id;
    nc_words->request = request;
    nc_words->request_len = (uint32_t) NC_MIN(len, (size_t) NC_WORDS_REQUEST);
}

/* Says which module runs, by the name in its nc_module_t; NULL afterwards. */
static inline void
nc_words_filter(const char *name)
{
    nc_words->filter = name;
}

/* One per family. */
typedef struct {
    /* Written by the master only. */
    uint32_t  n_workers;
    uint32_t  workers_ready;                    /* workers that serve now */
    uint32_t  stopping;                         /* TERM or QUIT was asked */
    uint32_t  worker_deaths;                    /* workers that ended unasked */
    uint32_t  helper_deaths;
    uint32_t  watchdog_kills;
    uint64_t  started_us;                       /* monotonic */
    uint64_t  started_wall_us;                  /* Unix time */
} nc_family_t;

/* Private memory until the process layer maps the shared one. */
extern nc_family_t  *nc_family;

/* Master, before the fork: the page, with slots for helper and workers. NC_ERROR with errno. */
nc_rc_t nc_family_create(unsigned n_workers);
void nc_family_destroy(void);

/* Slot 0 is the helper's, 1 + i worker i's. */
nc_words_t *nc_family_words(unsigned slot);

/* Child, after the fork: nc_words becomes slot `slot`, cleared. */
void nc_family_use(unsigned slot);

#endif
