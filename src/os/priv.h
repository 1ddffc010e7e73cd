/* priv.h: who the processes run as. Nothing here has an effect when not started as root. */
#ifndef NC_OS_PRIV_H
#define NC_OS_PRIV_H

#include "base/str.h"

#include <sys/types.h>

typedef struct {
    uid_t        uid;
    gid_t        gid;
    const char  *name;                          /* the user's; lives as long as the process */
    bool         drop;                          /* started as root, and the user is another one */
} nc_priv_t;

/*
 * Finds whom to become. `user` NULL means `fallback` (from configure), and then "nobody" with a
 * warning text when that does not exist. NC_ERROR: `text` says why; NC_OK with text: a warning.
 */
nc_rc_t nc_priv_find(nc_priv_t *p, const char *user, const char *group, const char *fallback,
    nc_sb_t *text);

/*
 * Becomes it, for good: supplementary groups, gid, uid, no_new_privs; of the capabilities only
 * CAP_DAC_READ_SEARCH stays, when `keep_read`. Ends the process when the kernel refuses.
 */
void nc_priv_drop(const nc_priv_t *p, bool keep_read);

/* Master as root: gives up the capabilities that it never needs. */
void nc_priv_trim_master(void);

/* Soft limit of open files to the hard one; returns it. */
uint64_t nc_priv_raise_files(void);

/* Core dumps without limit, also after a change of user. */
void nc_priv_enable_core(void);

#endif
