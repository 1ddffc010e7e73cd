/*
 * cpu.h: how many CPUs this process may really use: the least of those online, those of its
 * affinity mask, and the quota of its control group (v2 cpu.max and v1 cpu.cfs_quota_us, the whole
 * way up), rounded up.
 */
#ifndef NC_OS_CPU_H
#define NC_OS_CPU_H

#include "base/base.h"

/* At least 1. */
unsigned nc_cpu_count(void);

/* The quota alone, rounded up; 0: none. `root` stands before all paths ("" but in tests). */
unsigned nc_cpu_quota(const char *root);

#endif
