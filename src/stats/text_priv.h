/*
 * text_priv.h: the strings of the arena, for dict.c, which knows what is in use when the tables of
 * another helper are read.
 */
#ifndef NC_STATS_TEXT_PRIV_H
#define NC_STATS_TEXT_PRIV_H

#include "stats/arena_priv.h"
#include "stats/ranges_priv.h"

/* Ranges found in use while the tables are read. */
typedef NC_VEC(nc_range_t)  nc_used_t;

void nc_used_add(nc_used_t *used, uint32_t at, uint32_t n);
void nc_text_use(nc_used_t *used, nc_arena_str_t s);

/* Everything is free, no type is known. */
void nc_text_init(void);
void nc_text_reset(void);

/* Takes the texts in use, adds those of the types, and finds the types again. */
void nc_text_load(nc_used_t *used);

#endif
