/*
 * broker.h: what the config helper asks the master for: shared descriptors. The helper has no
 * rights to bind or to write logs; the master does both and hands every worker its descriptor,
 * tagged with the key that the answer names, before the answer comes.
 *
 * The contract stands on this low floor so that the loader needs no process header;
 * process/helper.c fills nc_broker. Calls are made by the helper only and wait for the master's
 * answer (it never blocks; no answer in 10 s is an error).
 */
#ifndef NC_OS_BROKER_H
#define NC_OS_BROKER_H

#include "os/addr.h"

typedef struct {
    uint32_t  backlog;                          /* 0: NC_LISTEN_BACKLOG */
    uint32_t  mode;                             /* Unix path: permissions; 0: as umask has it */
    uint32_t  fast_open;                        /* TFO queue length; 0: off */
    bool      reuse_port;                       /* a socket per worker; false: one for all */
    bool      transparent;
    bool      freebind;
    bool      ipv4_compat;                      /* [::] takes IPv4 too; otherwise IPV6_V6ONLY */
    bool      for_helper;                       /* goes to the helper alone (admin interface) */
} nc_listen_options_t;

#define NC_LISTEN_BACKLOG   4096u               /* the kernel caps it at net.core.somaxconn */

#define NC_BROKER_TEXT      512u                /* room for an error text */

typedef struct {
    /*
     * Sockets that listen at `addr` for every worker. `name` tells apart listeners with port 0. The
     * same address and kind asked for again (after a restart of the helper, by a renamed listener)
     * gives the same sockets and key; each success needs one unlisten. *bound is the address with
     * the port the kernel chose. NC_ERROR: `error` says why ("Address already in use").
     */
    nc_rc_t (*listen)(const char *name, const nc_addr_t *addr, const nc_listen_options_t *options,
        uint32_t *key, nc_addr_t *bound, char error[NC_BROKER_TEXT]);

    /*
     * Gives it back, after the publication of a root without the listener: workers take what is in
     * the queues and close.
     */
    void (*unlisten)(uint32_t key);

    /* A file that every process appends to; "/dev/stdout", "/dev/stderr": the master's own. */
    nc_rc_t (*open_log)(const char *path, uint32_t *key, char error[NC_BROKER_TEXT]);
    void (*close_log)(uint32_t key);

    /* Wakes all workers: a root was published. */
    void (*wake_workers)(void);

    /* The rest of the process's business, for the admin interface. */
    void (*quit)(void);                         /* /quitquitquit: as TERM to the master */
    void (*reopen_logs)(void);                  /* /reopen_logs: as USR1 */
    void (*drain)(void);                        /* /drain_listeners: workers stop accepting */

    /* Everything asked for before a crash and not asked for again may go now. After boot. */
    void (*sweep)(void);
} nc_broker_t;

/* NULL in every process but the helper. */
extern const nc_broker_t  *nc_broker;

#endif
