/* priv.c: users, groups, capabilities, limits. */
#include "os/priv.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP(n)  (1ull << (n))

/* What a root master may need: bind low and transparent ports, change user, own files, signal. */
#define MASTER_CAPS  \
    (CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER)  \
     | CAP(CAP_KILL) | CAP(CAP_SETGID) | CAP(CAP_SETUID) | CAP(CAP_NET_BIND_SERVICE)  \
     | CAP(CAP_NET_ADMIN) | CAP(CAP_NET_RAW) | CAP(CAP_SYS_RESOURCE) | CAP(CAP_SYS_PTRACE))


static bool
get_caps(uint64_t *permitted)
{
    struct __user_cap_header_struct  head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct    data[2];

    if (syscall(SYS_capget, &head, data) == -1) {
        return false;
    }

    *permitted = data[0].permitted | ((uint64_t) data[1].permitted << 32);

    return true;
}


static bool
set_caps(uint64_t caps)
{
    struct __user_cap_header_struct  head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct    data[2] = {
        { .effective = (uint32_t) caps, .permitted = (uint32_t) caps },
        { .effective = (uint32_t) (caps >> 32), .permitted = (uint32_t) (caps >> 32) },
    };

    return syscall(SYS_capset, &head, data) == 0;
}


nc_rc_t
nc_priv_find(nc_priv_t *p, const char *user, const char *group, const char *fallback,
    nc_sb_t *text)
{
    struct passwd  *pw;
    struct group   *gr;

    p->uid = geteuid();
    p->gid = getegid();
    p->name = NULL;
    p->drop = false;

    if (p->uid != 0) {
        if (user || group) {
            nc_sb_c_add(text, "--user and --group have no effect when not started as root");
        }

        return NC_OK;
    }

    pw = getpwnam(user ? user : fallback);

    if (pw == NULL && user == NULL && strcmp(fallback, "nobody") != 0) {
        nc_sb_printf(text, "there is no user \"%s\", workers run as \"nobody\" (see --user)",
            fallback);
        pw = getpwnam("nobody");
    }

    if (pw == NULL) {
        nc_sb_reset(text);
        nc_sb_printf(text, "there is no user \"%s\" for the workers; name one with --user",
            user ? user : fallback);

        return NC_ERROR;
    }

    p->uid = pw->pw_uid;
    p->gid = pw->pw_gid;
    p->name = nc_strdup(pw->pw_name);
    p->drop = p->uid != 0;

    if (group && group[0]) {
        gr = getgrnam(group);

        if (gr == NULL) {
            nc_sb_reset(text);
            nc_sb_printf(text, "there is no group \"%s\" for the workers", group);

            return NC_ERROR;
        }

        p->gid = gr->gr_gid;
    }

    return NC_OK;
}


void
nc_priv_drop(const nc_priv_t *p, bool keep_read)
{
    uint64_t  caps = 0;

    if (p->drop) {
        bool  keep = keep_read && get_caps(&caps);

        caps &= CAP(CAP_DAC_READ_SEARCH);

        if (!keep) {
            caps = 0;
        }

        if (prctl(PR_SET_KEEPCAPS, caps != 0, 0, 0, 0) == -1
            || initgroups(p->name, p->gid) == -1 || setgid(p->gid) == -1
            || setuid(p->uid) == -1)
        {
            nc_fatal("cannot become user %s: %s", p->name, strerror(errno));
        }

        if (!set_caps(caps)) {
            nc_fatal("cannot give up capabilities: %s", strerror(errno));
        }

        (void) prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    }

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
        nc_fatal("cannot set no_new_privs: %s", strerror(errno));
    }
}


void
nc_priv_trim_master(void)
{
    uint64_t  caps;

    if (geteuid() == 0 && get_caps(&caps)) {
        (void) set_caps(caps & MASTER_CAPS);    /* less is a gain, not a need */
    }
}


uint64_t
nc_priv_raise_files(void)
{
    struct rlimit  l;

    if (getrlimit(RLIMIT_NOFILE, &l) == -1) {
        return 0;
    }

    if (l.rlim_cur < l.rlim_max) {
        rlim_t  before = l.rlim_cur;

        l.rlim_cur = l.rlim_max;

        if (setrlimit(RLIMIT_NOFILE, &l) == -1) {
            l.rlim_cur = before;
        }
    }

    return l.rlim_cur;
}


void
nc_priv_enable_core(void)
{
    struct rlimit  l;

    if (getrlimit(RLIMIT_CORE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void) setrlimit(RLIMIT_CORE, &l);
    }

    (void) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
