/* cpu.c: CPUs online, by affinity, and by the quotas of control groups v1 and v2. */
#include "os/cpu.h"
#include "os/file.h"

#include <sched.h>
#include <unistd.h>

#define MAX_FILE    65536u


/* The file at root + dir + name as text; false: cannot be read. */
static bool
slurp(const char *root, nc_str_t dir, const char *name, nc_sb_t *out)
{
    nc_sb_t  path;
    bool     ok;

    nc_sb_reset(out);
    nc_sb_init(&path);
    nc_sb_printf(&path, "%s" NC_STR_FMT "%s", root, NC_STR_ARG(dir), name);
    ok = nc_file_read(nc_sb_c(&path), MAX_FILE, out) == NC_OK;
    nc_sb_fini(&path);

    return ok;
}


/* Quota and period in microseconds, rounded up to CPUs; 0: none or nonsense. */
static unsigned
cpus(nc_str_t quota, nc_str_t period)
{
    uint64_t  q, p;

    if (nc_str_to_u64(nc_str_trim(quota), UINT32_MAX, &q) != NC_OK
        || nc_str_to_u64(nc_str_trim(period), UINT32_MAX, &p) != NC_OK || q == 0 || p == 0)
    {
        return 0;
    }

    return (unsigned) ((q + p - 1) / p);
}


static nc_str_t
first_line(const nc_sb_t *sb)
{
    nc_str_t  rest = nc_sb_str(sb), line = NC_STR_NULL;

    (void) nc_str_split(&rest, '\n', &line);

    return nc_str_trim(line);
}


/* The quota of one group's folder. */
static unsigned
folder_quota(const char *root, nc_str_t dir, bool v2)
{
    nc_sb_t   a, b;
    unsigned  n = 0;

    nc_sb_init(&a);
    nc_sb_init(&b);

    if (v2) {                                   /* "max 100000" or "150000 100000" */
        if (slurp(root, dir, "/cpu.max", &a)) {
            nc_str_t  rest = first_line(&a), quota = NC_STR_NULL;

            (void) nc_str_split(&rest, ' ', &quota);
            n = cpus(quota, rest);
        }

    } else if (slurp(root, dir, "/cpu.cfs_quota_us", &a)
               && slurp(root, dir, "/cpu.cfs_period_us", &b))
    {
        n = cpus(first_line(&a), first_line(&b));   /* "-1" is no number here: no quota */
    }

    nc_sb_fini(&a);
    nc_sb_fini(&b);

    return n;
}


/* The least quota from the group `path` below the mount `base` up to the mount itself. */
static unsigned
walk_up(const char *root, nc_str_t base, nc_str_t path, bool v2)
{
    nc_sb_t   sb;
    nc_str_t  dir;
    unsigned  least = 0;

    nc_sb_init(&sb);
    nc_sb_str_add(&sb, base);

    if (path.len > 1) {
        nc_sb_str_add(&sb, path);
    }

    for (dir = nc_sb_str(&sb); dir.len >= base.len; ) {
        unsigned  n = folder_quota(root, dir, v2);

        if (n && (least == 0 || n < least)) {
            least = n;
        }

        while (dir.len && dir.data[dir.len - 1] != '/') {
            dir.len--;
        }

        dir.len -= dir.len ? 1 : 0;

        if (dir.len == 0) {
            break;
        }
    }

    nc_sb_fini(&sb);

    return least;
}


/* True when `list`, separated by commas, has `word`. */
static bool
has_word(nc_str_t list, nc_str_t word)
{
    nc_str_t  piece;

    while (nc_str_split(&list, ',', &piece)) {
        if (nc_str_eq(piece, word)) {
            return true;
        }
    }

    return false;
}


/*
 * Where the hierarchy is mounted: the line of /proc/self/mountinfo whose type is `type`, for v1
 * with "cpu" among the options. *base is the mount point, *mounted the group that it shows.
 */
static bool
find_mount(nc_str_t mountinfo, bool v2, nc_str_t *base, nc_str_t *mounted)
{
    nc_str_t  line, word;

    while (nc_str_split(&mountinfo, '\n', &line)) {
        nc_str_t  fields[6], tail[3];
        ssize_t   dash = nc_str_find(line, NC_STR(" - "));
        nc_str_t  rest;
        unsigned  n = 0;

        if (dash < 0) {
            continue;
        }

        rest = nc_str(line.data, (size_t) dash);

        while (n < 6 && nc_str_split(&rest, ' ', &word)) {
            fields[n++] = word;
        }

        if (n < 6) {
            continue;
        }

        rest = nc_str_skip(line, (size_t) dash + 3);

        for (n = 0; n < 3 && nc_str_split(&rest, ' ', &word); n++) {
            tail[n] = word;
        }

        if (n == 3 && nc_str_eq(tail[0], v2 ? NC_STR("cgroup2") : NC_STR("cgroup"))
            && (v2 || has_word(tail[2], NC_STR("cpu"))))
        {
            *mounted = fields[3];
            *base = fields[4];

            return true;
        }
    }

    return false;
}


/* Path of this process's group in the hierarchy, from /proc/self/cgroup. */
static bool
find_group(nc_str_t cgroup, bool v2, nc_str_t *path)
{
    nc_str_t  line;

    while (nc_str_split(&cgroup, '\n', &line)) {
        nc_str_t  id = NC_STR_NULL, names = NC_STR_NULL;

        if (!nc_str_split(&line, ':', &id) || !nc_str_split(&line, ':', &names)) {
            continue;
        }

        if (v2 ? (nc_str_eq(id, NC_STR("0")) && names.len == 0) : has_word(names, NC_STR("cpu"))) {
            *path = line;

            return true;
        }
    }

    return false;
}


static unsigned
hierarchy_quota(const char *root, bool v2)
{
    nc_sb_t   mounts, groups;
    nc_str_t  base, mounted, path;
    unsigned  n = 0;

    nc_sb_init(&mounts);
    nc_sb_init(&groups);

    if (slurp(root, NC_STR("/proc/self/mountinfo"), "", &mounts)
        && slurp(root, NC_STR("/proc/self/cgroup"), "", &groups)
        && find_mount(nc_sb_str(&mounts), v2, &base, &mounted)
        && find_group(nc_sb_str(&groups), v2, &path))
    {
        /* In a container the mount may show the group itself, not the root of the tree. */
        if (mounted.len > 1 && nc_str_starts(path, mounted)) {
            path = nc_str_skip(path, mounted.len);
        }

        n = walk_up(root, base, path, v2);
    }

    nc_sb_fini(&mounts);
    nc_sb_fini(&groups);

    return n;
}


unsigned
nc_cpu_quota(const char *root)
{
    unsigned  v1 = hierarchy_quota(root, false), v2 = hierarchy_quota(root, true);

    return (v1 && v2) ? NC_MIN(v1, v2) : v1 + v2;
}


/* CPUs in the affinity mask; 0: unknown. The mask is made bigger until the kernel is content. */
static unsigned
affinity_count(void)
{
    for (int cpu_max = 1024; cpu_max <= 65536; cpu_max *= 4) {
        cpu_set_t  *set = CPU_ALLOC(cpu_max);
        size_t      size = CPU_ALLOC_SIZE(cpu_max);
        int         n = 0;

        if (set && sched_getaffinity(0, size, set) == 0) {
            n = CPU_COUNT_S(size, set);
        }

        CPU_FREE(set);

        if (n > 0) {
            return (unsigned) n;
        }
    }

    return 0;
}


unsigned
nc_cpu_count(void)
{
    long      online = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned  n = online > 0 ? (unsigned) online : 1;
    unsigned  allowed = affinity_count(), quota = nc_cpu_quota("");

    if (allowed && allowed < n) {
        n = allowed;
    }

    if (quota && quota < n) {
        n = quota;
    }

    return n;
}
