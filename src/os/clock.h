/* clock.h: clocks, for code that runs outside an event loop (the loop reads time once per turn). */
#ifndef NC_OS_CLOCK_H
#define NC_OS_CLOCK_H

#include "base/base.h"

/* CLOCK_MONOTONIC. */
uint64_t nc_clock_us(void);
uint64_t nc_clock_ms(void);

/* Unix time. */
uint64_t nc_clock_wall_us(void);

#endif
