/* timer_priv.h: what the loop needs of the timer wheel. */
#ifndef NC_EVENT_TIMER_PRIV_H
#define NC_EVENT_TIMER_PRIV_H

#include "event/loop.h"

/* Empties the wheel and sets its time. */
void nc_wheel_init(uint64_t now_ms);

/* Fires everything due at or before `now_ms`. */
void nc_wheel_run(uint64_t now_ms);

/* Milliseconds until the wheel has something to do; -1: nothing. */
int64_t nc_wheel_next(uint64_t now_ms);

#endif
