/* crash.h: last words: what a dying process leaves in its slot, and how the master tells it. */
#ifndef NC_PROCESS_CRASH_H
#define NC_PROCESS_CRASH_H

#include "os/family.h"

/* Installs handlers for the deadly signals, on their own stack. None under AddressSanitizer. */
void nc_crash_init(void);

/*
 * What the slot says, as lines for the log: connection, stream, request, filter, backtrace. Empty
 * when it says nothing. Trusts nothing in the slot.
 */
void nc_crash_print(const nc_words_t *w, nc_sb_t *out);

#endif
