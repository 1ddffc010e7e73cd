/* admin_priv.h: what the files of the admin interface share: requests, answers, handlers. */
#ifndef NC_PROCESS_ADMIN_PRIV_H
#define NC_PROCESS_ADMIN_PRIV_H

#include "base/vec.h"
#include "config/loader.h"
#include "process/admin.h"

#define NC_ADMIN_PIECE      (32u << 10)         /* bytes that `more` is asked for */
#define NC_ADMIN_MAX_PARAMS 32u

typedef struct {
    nc_str_t  name;                             /* decoded */
    nc_str_t  value;
} nc_admin_param_t;

typedef struct {
    nc_pool_t         *pool;                    /* lives until the answer is out */
    bool               post;
    nc_str_t           path;                    /* without the query */
    nc_admin_param_t   params[NC_ADMIN_MAX_PARAMS];
    unsigned           n_params;
} nc_admin_request_t;

/*
 * An answer: what a handler fills. A short one is in `body`. A long one is made by `more`, which
 * appends about `max` bytes and returns false when that was the end; `end` frees ctx, also when the
 * client has gone before.
 */
typedef struct {
    unsigned      status;                       /* 200 unless the handler says so */
    const char   *type;                         /* Content-Type; text unless the handler says so */
    const char   *allow;                        /* Allow of a 405 */
    nc_sb_t       body;
    bool        (*more)(void *ctx, nc_sb_t *out, size_t max);
    void        (*end)(void *ctx);              /* may be NULL */
    void         *ctx;
} nc_admin_reply_t;

#define NC_ADMIN_TEXT   "text/plain; charset=UTF-8"
#define NC_ADMIN_JSON   "application/json"
#define NC_ADMIN_HTML   "text/html; charset=UTF-8"

typedef void nc_admin_handler_fn(const nc_admin_request_t *q, nc_admin_reply_t *r);

typedef struct {
    const char  *name;
    const char  *help;                          /* values, and what they mean */
} nc_admin_help_t;

typedef struct {
    const char              *path;
    bool                     changes;           /* POST only */
    nc_admin_handler_fn     *handler;
    const char              *help;
    const nc_admin_help_t   *params;            /* ended by a NULL name; may be NULL */
} nc_admin_entry_t;


/* admin.c: finds the handler, checks the method, answers. `r` is initialised. */
void nc_admin_answer(nc_str_t method, nc_str_t target, nc_pool_t *pool, nc_admin_reply_t *r);

extern const nc_options_t  *nc_admin_options;


/* admin_request.c */

/* Splits a target into path and decoded parameters, in q->pool. NC_ERROR: `why` says why. */
nc_rc_t nc_admin_request_parse(nc_admin_request_t *q, nc_str_t target, nc_sb_t *why);

/* The value of a parameter, "" when it has none; data NULL: not given. */
nc_str_t nc_admin_param(const nc_admin_request_t *q, const char *name);

/* Given, and not "false" or "0". */
bool nc_admin_flag(const nc_admin_request_t *q, const char *name);

/* Answers 400 with a line. */
void nc_admin_bad(nc_admin_reply_t *r, const char *fmt, ...) NC_PRINTF(2, 3);

/* True when `format` is json; a value that is neither json nor text is answered with 400: *bad. */
bool nc_admin_wants_json(const nc_admin_request_t *q, nc_admin_reply_t *r, bool *bad);

/* Appends `message` as the whole, pretty JSON answer. */
void nc_admin_json(nc_admin_reply_t *r, const ProtobufCMessage *message);


/* admin_message.c */

/* Paths of a field mask, "a.b,c"; pieces of the text they were made of. */
typedef struct {
    nc_str_t  *paths;
    unsigned   n;
} nc_admin_mask_t;

/* Splits "a.b,c" in `pool`. */
void nc_admin_mask(nc_admin_mask_t *mask, nc_pool_t *pool, nc_str_t text);

/* The parts of the paths below field `name`. True: the whole field; false with n 0: not named. */
bool nc_admin_mask_below(const nc_admin_mask_t *mask, nc_pool_t *pool, nc_str_t name,
    nc_admin_mask_t *below);

/* A message with the fields of the mask only; looks into lists and into Any. */
ProtobufCMessage *nc_admin_trim(nc_pool_t *pool, const ProtobufCMessage *m,
    const nc_admin_mask_t *mask);

/* Replaces what is secret by "[redacted]", in place, Any included. True: there was something. */
bool nc_admin_redact(nc_pool_t *pool, ProtobufCMessage *m);


/* Handlers. */
nc_admin_handler_fn  nc_admin_stats, nc_admin_prometheus, nc_admin_clusters, nc_admin_listeners;
nc_admin_handler_fn  nc_admin_ready, nc_admin_server_info, nc_admin_memory, nc_admin_certs;
nc_admin_handler_fn  nc_admin_hot_restart_version, nc_admin_init_dump, nc_admin_config_dump;
nc_admin_handler_fn  nc_admin_logging, nc_admin_reopen_logs, nc_admin_drain_listeners;
nc_admin_handler_fn  nc_admin_healthcheck_fail, nc_admin_healthcheck_ok, nc_admin_quit;
nc_admin_handler_fn  nc_admin_reset_counters, nc_admin_route_check;


/* admin_server.c: the listening socket, ours now. */
void nc_admin_serve(int fd, const nc_admin_conf_t *conf);
void nc_admin_stop(void);

#endif
