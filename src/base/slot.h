/*
 * slot.h: pins of image objects. Every published object has a slot; a process that keeps a pointer
 * to it longer than one loop turn holds a reference in its own row of the shared slot matrix.
 *
 * Invariant: a row is written by its own process only (the master clears it when that one died).
 */
#ifndef NC_BASE_SLOT_H
#define NC_BASE_SLOT_H

#include "base/base.h"

/* This process's row: references per slot. Points at private memory until the image is mapped. */
extern uint32_t  *nc_slot_row;

/*
 * How often each slot was given to a new object. What a process makes of an object for itself is
 * kept under its slot together with this number; when the number has moved on, the object is gone
 * and what was made of it can go too.
 */
extern const uint32_t  *nc_slot_serials;

static inline uint32_t
nc_slot_serial(uint32_t slot)
{
    return __atomic_load_n(&nc_slot_serials[slot], __ATOMIC_ACQUIRE);
}

/* Pins the object in `slot`; pair with nc_slot_unref. */
static inline void
nc_slot_ref(uint32_t slot)
{
    __atomic_store_n(&nc_slot_row[slot], nc_slot_row[slot] + 1, __ATOMIC_RELAXED);
}

/* Gives a pin back; the helper may free the object once no process pins it. */
static inline void
nc_slot_unref(uint32_t slot)
{
    NC_ASSERT(nc_slot_row[slot] > 0);
    __atomic_store_n(&nc_slot_row[slot], nc_slot_row[slot] - 1, __ATOMIC_RELEASE);
}

#endif
