/*
 * messages.h: what master, helper and workers say to each other: one SOCK_SEQPACKET pair per child,
 * one packet per message, a fixed layout per type. EOF means that the other side died.
 *
 *   type           who says it        what it means
 *   ---------------------------------------------------------------------------------------------
 *   HELLO          child  -> master   the fork has worked, I am attached to the shared memory
 *   START          master -> child    all descriptors have been sent: begin
 *   READY          child  -> master   helper: the first root is published; worker: I serve
 *   BOOT_FAILED    helper -> master   the configuration cannot be served (errors are printed)
 *   LISTEN         helper -> master   wants sockets for an address            (+ text: name)
 *   UNLISTEN       helper -> master   gives them back
 *   OPEN_LOG       helper -> master   wants a file to append to               (+ text: path)
 *   CLOSE_LOG      helper -> master   gives it back
 *   ANSWER         master -> helper   to LISTEN and OPEN_LOG                  (+ text: the error)
 *   SWEEP          helper -> master   what a helper before me asked for and I did not may go
 *   SOCKET         master -> child    your socket of this key (helper: admin) (+ fd)
 *   SOCKET_GONE    master -> child    take what is in its queue and close it
 *   LOG_FILE       master -> child    the file of this key, also anew         (+ fd)
 *   LOG_GONE       master -> child    close it
 *   ERROR_LOG      master -> child    the error log, anew                     (+ fd)
 *   RELOAD         master -> helper   read the configuration again
 *   RELOAD_DONE    helper -> master   the result                              (+ text: the errors)
 *   DRAIN          master -> child    worker: stop accepting, end when idle; helper: we are going
 *   DRAIN_LISTEN   helper -> master   workers stop accepting, and go on serving; passed on
 *   QUIT           helper -> master   as a TERM signal
 *   REOPEN         helper -> master   as a USR1 signal
 *   CONTROL        -s     -> master   a command (on the control socket)       (+ text: the command)
 *   CONTROL_DONE   master -> -s       its result                              (+ text)
 *
 * Invariants:
 *  1. A message that is too short, too long, of another version, of an unknown type, or that its
 *     sender may not say, is logged and dropped; it never ends a process.
 *  2. A worker has got SOCKET before the helper gets the ANSWER (or it stands in the worker's queue
 *     in the master): but a worker must not rely on the order of SOCKET and publication.
 */
#ifndef NC_PROCESS_MESSAGES_H
#define NC_PROCESS_MESSAGES_H

#include "os/addr.h"
#include "os/broker.h"

#define NC_MSG_VERSION  1u
#define NC_MSG_MAX      (64u << 10)             /* bytes of a packet */

/* Who may send a type: bits of nc_role_t. */
typedef enum {
    NC_ROLE_MASTER,
    NC_ROLE_HELPER,
    NC_ROLE_WORKER,
    NC_ROLE_CONTROL                             /* the program beside, with -s */
} nc_role_t;

#define NC_FROM_MASTER   NC_BIT(NC_ROLE_MASTER)
#define NC_FROM_HELPER   NC_BIT(NC_ROLE_HELPER)
#define NC_FROM_WORKER   NC_BIT(NC_ROLE_WORKER)
#define NC_FROM_CONTROL  NC_BIT(NC_ROLE_CONTROL)
#define NC_FROM_CHILD    (NC_FROM_HELPER | NC_FROM_WORKER)

/* Name, body, whether a text follows, number of descriptors, who says it. */
#define NC_MESSAGES(X)  \
    X(HELLO,         nc_msg_hello_t,    false, 0, NC_FROM_CHILD)  \
    X(START,         nc_msg_none_t,     false, 0, NC_FROM_MASTER)  \
    X(READY,         nc_msg_none_t,     false, 0, NC_FROM_CHILD)  \
    X(BOOT_FAILED,   nc_msg_none_t,     false, 0, NC_FROM_HELPER)  \
    X(LISTEN,        nc_msg_listen_t,   true,  0, NC_FROM_HELPER)  \
    X(UNLISTEN,      nc_msg_key_t,      false, 0, NC_FROM_HELPER)  \
    X(OPEN_LOG,      nc_msg_open_t,     true,  0, NC_FROM_HELPER)  \
    X(CLOSE_LOG,     nc_msg_key_t,      false, 0, NC_FROM_HELPER)  \
    X(ANSWER,        nc_msg_answer_t,   true,  0, NC_FROM_MASTER)  \
    X(SWEEP,         nc_msg_none_t,     false, 0, NC_FROM_HELPER)  \
    X(SOCKET,        nc_msg_key_t,      false, 1, NC_FROM_MASTER)  \
    X(SOCKET_GONE,   nc_msg_key_t,      false, 0, NC_FROM_MASTER)  \
    X(LOG_FILE,      nc_msg_key_t,      false, 1, NC_FROM_MASTER)  \
    X(LOG_GONE,      nc_msg_key_t,      false, 0, NC_FROM_MASTER)  \
    X(ERROR_LOG,     nc_msg_none_t,     false, 1, NC_FROM_MASTER)  \
    X(RELOAD,        nc_msg_none_t,     false, 0, NC_FROM_MASTER)  \
    X(RELOAD_DONE,   nc_msg_result_t,   true,  0, NC_FROM_HELPER)  \
    X(DRAIN,         nc_msg_drain_t,    false, 0, NC_FROM_MASTER)  \
    X(DRAIN_LISTEN,  nc_msg_none_t,     false, 0, NC_FROM_HELPER | NC_FROM_MASTER)  \
    X(QUIT,          nc_msg_none_t,     false, 0, NC_FROM_HELPER)  \
    X(REOPEN,        nc_msg_none_t,     false, 0, NC_FROM_HELPER)  \
    X(CONTROL,       nc_msg_none_t,     true,  0, NC_FROM_CONTROL)  \
    X(CONTROL_DONE,  nc_msg_result_t,   true,  0, NC_FROM_MASTER)

typedef enum {
    NC_MSG_NONE,
#define X(name, body, text, n_fds, from)  NC_MSG_##name,
    NC_MESSAGES(X)
#undef X
    NC_MSG_TYPE_MAX
} nc_msg_type_t;

/* Bodies. Fixed layout, host byte order; padding is spelled out and zero. */

typedef struct {
    uint8_t   unused;
} nc_msg_none_t;

typedef struct {
    uint32_t  pid;
    uint32_t  index;                            /* of a worker; 0 for the helper */
} nc_msg_hello_t;

typedef struct {
    uint32_t  key;
} nc_msg_key_t;

typedef struct {
    uint32_t  seq;                              /* comes back in the ANSWER */
    uint32_t  addr_len;
    uint8_t   addr[sizeof(struct sockaddr_un) + 2];
    uint32_t  backlog;
    uint32_t  mode;
    uint32_t  fast_open;
    uint8_t   reuse_port;                       /* booleans: 0 or 1 */
    uint8_t   transparent;
    uint8_t   freebind;
    uint8_t   ipv4_compat;
    uint8_t   for_helper;
    uint8_t   unused[3];
} nc_msg_listen_t;

typedef struct {
    uint32_t  seq;
} nc_msg_open_t;

typedef struct {
    uint32_t  seq;
    uint32_t  ok;
    uint32_t  key;
    uint32_t  addr_len;                         /* of LISTEN: where it is bound */
    uint8_t   addr[sizeof(struct sockaddr_un) + 2];
} nc_msg_answer_t;

typedef struct {
    uint32_t  ok;
} nc_msg_result_t;

typedef struct {
    uint64_t  limit_ms;                         /* end after that at the latest; 0: at once */
} nc_msg_drain_t;

#define NC_DRAIN_NO_LIMIT   UINT64_MAX

/* Any body. */
typedef union {
    nc_msg_none_t    none;
    nc_msg_hello_t   hello;
    nc_msg_key_t     key;
    nc_msg_listen_t  listen;
    nc_msg_open_t    open;
    nc_msg_answer_t  answer;
    nc_msg_result_t  result;
    nc_msg_drain_t   drain;
} nc_msg_body_t;

typedef struct {
    uint16_t  version;                          /* NC_MSG_VERSION */
    uint16_t  type;
    uint32_t  len;                              /* of the packet, this header included */
} nc_msg_head_t;

/* A message that was read. */
typedef struct {
    nc_msg_type_t  type;
    nc_msg_body_t  body;
    nc_str_t       text;                        /* in the buffer of the channel */
    int            fd;                          /* -1: none; whoever handles it takes it */
} nc_msg_t;

const char *nc_msg_str(nc_msg_type_t type);

/*
 * Checks a packet from a process of `role` and fills `m` (fd stays -1). NC_ERROR: *why says what
 * is wrong with it.
 */
nc_rc_t nc_msg_parse(nc_msg_t *m, nc_role_t role, const void *packet, size_t len, unsigned n_fds,
    const char **why);

/* Writes a packet into `packet` (NC_MSG_MAX bytes; a longer text is cut). Returns its length. */
size_t nc_msg_build(void *packet, nc_msg_type_t type, const void *body, nc_str_t text);

#endif
