/*
 * admin.h: the administration interface, served by the helper on its own loop: what Envoy's admin
 * answers, in the same shapes. Off unless Bootstrap.admin is configured.
 *
 *   admin.c          the table of paths, what answers when none fits, / and /help
 *   admin_server.c   connections, HTTP/1, answers in pieces, the access log
 *   admin_request.c  targets and parameters
 *   admin_stats.c    /stats and what is like it          admin_info.c     what runs, and how
 *   admin_clusters.c /clusters                           admin_config.c   /config_dump
 *   admin_control.c  what changes something: POST only
 *   admin_message.c  messages before they are shown: field masks, secrets
 *
 * Invariants:
 *  1. An answer of any size costs bounded memory and bounded time per loop turn.
 *  2. What changes something is done by POST only.
 *  3. A peer that says nothing, or reads nothing, holds up nobody and is dropped in time.
 */
#ifndef NC_PROCESS_ADMIN_H
#define NC_PROCESS_ADMIN_H

#include "os/options.h"

/* Helper, after nc_loader_init. */
void nc_admin_init(const nc_options_t *options);

/* The listening socket, ours now, comes from the master; -1: close it. */
void nc_admin_listener_fd(uint32_t key, int fd);

#endif
