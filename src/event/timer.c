/*
 * timer.c: hierarchical timer wheel, 1 ms ticks, four levels of 256 slots (the last one holds
 * anything later than 2^24 ms, about 4.6 hours, and looks again).
 *
 *   level 0: slot = one tick          level 2: slot = 65,536 ticks
 *   level 1: slot = 256 ticks         level 3: slot = 2^24 ticks
 *
 * Invariants:
 *  1. A linked timer is in the slot of its slot_ms, seen from wheel time `now`.
 *  2. due_ms >= slot_ms, or due_ms == 0 (stopped): a timer is never in a slot after its time.
 *  3. Timers of one tick fire in the order in which they were linked.
 */
#include "event/timer_priv.h"

#define BITS        8
#define SLOTS       (1u << BITS)
#define LEVELS      4

static nc_list_t  wheel[LEVELS][SLOTS];
static uint64_t   used[LEVELS][SLOTS / 64];     /* a bit per slot that may hold timers */
static uint64_t   wheel_now;                    /* everything due before or at it has fired */


void
nc_wheel_init(uint64_t now_ms)
{
    for (unsigned l = 0; l < LEVELS; l++) {
        for (unsigned s = 0; s < SLOTS; s++) {
            nc_list_init(&wheel[l][s]);
        }
    }

    memset(used, 0, sizeof(used));
    wheel_now = now_ms;
}


static void
link_timer(nc_timer_t *t, uint64_t due)
{
    uint64_t  distance;
    unsigned  level = 0, slot;

    t->slot_ms = due;
    due = NC_MAX(due, wheel_now + 1);
    distance = due - wheel_now;

    while (level < LEVELS - 1 && distance >= (uint64_t) 1 << (BITS * (level + 1))) {
        level++;
    }

    if (level == LEVELS - 1 && distance >= (uint64_t) 1 << (BITS * LEVELS)) {
        due = wheel_now + ((uint64_t) 1 << (BITS * LEVELS)) - 1;    /* looks again then */
    }

    slot = (unsigned) (due >> (BITS * level)) & (SLOTS - 1);
    nc_list_append(&wheel[level][slot], &t->link);
    used[level][slot / 64] |= (uint64_t) 1 << (slot % 64);
}


void
nc_timer_init(nc_timer_t *t, void (*handler)(nc_timer_t *t))
{
    nc_list_init(&t->link);
    t->due_ms = 0;
    t->slot_ms = 0;
    t->handler = handler;
}


void
nc_timer_at(nc_timer_t *t, uint64_t due_ms)
{
    t->due_ms = due_ms;

    if (due_ms == 0 || (t->slot_ms != 0 && t->slot_ms <= due_ms)) {
        return;                                 /* found out when the slot is reached */
    }

    nc_list_del(&t->link);
    link_timer(t, due_ms);
}


void
nc_timer_start(nc_timer_t *t, uint64_t ms)
{
    nc_timer_at(t, nc_now_ms + ms);
}


void
nc_timer_fini(nc_timer_t *t)
{
    nc_list_del(&t->link);
    t->due_ms = 0;
    t->slot_ms = 0;
}


/* Empties a slot into `out`. */
static void
take_slot(unsigned level, unsigned slot, nc_list_t *out)
{
    nc_list_t  *head = &wheel[level][slot];

    nc_list_init(out);
    used[level][slot / 64] &= ~((uint64_t) 1 << (slot % 64));

    if (!nc_list_empty(head)) {
        *out = *head;
        out->next->prev = out;
        out->prev->next = out;
        nc_list_init(head);
    }
}


static void
fire_slot(unsigned level, unsigned slot)
{
    nc_list_t  due;

    take_slot(level, slot, &due);

    while (!nc_list_empty(&due)) {
        nc_timer_t  *t = nc_container_of(due.next, nc_timer_t, link);

        nc_list_del(&t->link);
        t->slot_ms = 0;

        if (t->due_ms == 0) {
            continue;
        }

        if (t->due_ms > wheel_now) {
            link_timer(t, t->due_ms);
            continue;
        }

        t->due_ms = 0;
        t->handler(t);
    }
}


/* First used slot of a level at or after `from`, cyclically; distance in slots, or -1. */
static int
next_used(unsigned level, unsigned from)
{
    for (unsigned i = 0; i <= SLOTS / 64; i++) {
        unsigned  word = (from / 64 + i) % (SLOTS / 64);
        uint64_t  bits = used[level][word];

        if (i == 0) {
            bits &= ~(uint64_t) 0 << (from % 64);

        } else if (i == SLOTS / 64) {
            bits &= from % 64 ? ((uint64_t) 1 << (from % 64)) - 1 : 0;
        }

        if (bits) {
            unsigned  slot = word * 64 + (unsigned) __builtin_ctzll(bits);

            return (int) ((slot - from) & (SLOTS - 1));
        }
    }

    return -1;
}


/* The next tick at which a slot has to be emptied, or 0 when the wheel is empty. */
static uint64_t
next_tick(void)
{
    uint64_t  best = 0;

    for (unsigned l = 0; l < LEVELS; l++) {
        unsigned  shift = BITS * l;
        uint64_t  base = (wheel_now >> shift) + 1;
        int       d = next_used(l, (unsigned) base & (SLOTS - 1));

        if (d >= 0) {
            uint64_t  tick = (base + (uint64_t) d) << shift;

            if (best == 0 || tick < best) {
                best = tick;
            }
        }
    }

    return best;
}


int64_t
nc_wheel_next(uint64_t now_ms)
{
    uint64_t  tick = next_tick();

    if (tick == 0) {
        return -1;
    }

    return tick > now_ms ? (int64_t) (tick - now_ms) : 0;
}


void
nc_wheel_run(uint64_t now_ms)
{
    while (wheel_now < now_ms) {
        uint64_t  tick = next_tick();

        if (tick == 0 || tick > now_ms) {
            wheel_now = now_ms;
            return;
        }

        wheel_now = tick;

        for (unsigned l = LEVELS - 1; l > 0; l--) {
            if ((tick & (((uint64_t) 1 << (BITS * l)) - 1)) == 0) {
                fire_slot(l, (unsigned) (tick >> (BITS * l)) & (SLOTS - 1));
            }
        }

        fire_slot(0, (unsigned) tick & (SLOTS - 1));
    }
}
