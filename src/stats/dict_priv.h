/*
 * dict_priv.h: the names in the arena: types, scopes and groups, found by name. The tables lie in
 * the arena; maps, references and free lists are the helper's own and rebuilt from the tables.
 */
#ifndef NC_STATS_DICT_PRIV_H
#define NC_STATS_DICT_PRIV_H

#include "stats/arena_priv.h"

#define NC_NAME_MAX     4096u                   /* bytes of a scope's name or of a text readout */
#define NC_CODES_COMMON 32u                     /* common cells of a code family */

/* Reads the tables of the arena; nothing to do when that has happened. */
void nc_dict_load(void);

/* Copies text into the arena; NC_DECLINED: no room. */
nc_rc_t nc_dict_store(nc_str_t s, nc_arena_str_t *out);
void nc_dict_unstore(nc_arena_str_t s);

/* Id of a type, made when it is new; 0: no room. */
uint32_t nc_dict_type(const nc_stats_type_t *type);

/* Members of a type; *n is 0 when the id is not good. */
const nc_arena_member_t *nc_dict_members(uint32_t type, uint32_t *n);

/* The scope of this (clean) name, made when there is none; 0: no room. */
uint32_t nc_dict_scope(nc_str_t name);

/* The scope of this name, or 0. */
uint32_t nc_dict_find_scope(nc_str_t name);

/* References of a scope; without any it goes. */
void nc_dict_scope_ref(uint32_t scope);
void nc_dict_scope_unref(uint32_t scope);

/* The group of `type` in `scope`, made when there is none; one more reference. 0: no room. */
uint32_t nc_dict_group(uint32_t scope, uint32_t type);

/* The single stat `suffix` in `scope`, made when there is none; one more reference. */
uint32_t nc_dict_single(uint32_t scope, nc_str_t suffix, nc_stat_kind_t kind,
    nc_stats_unit_t unit);

/*
 * The group in `scope` that has a member `suffix`; *member is its index (0 for a single stat).
 * 0: there is none. No reference.
 */
uint32_t nc_dict_find(uint32_t scope, nc_str_t suffix, uint32_t *member);

/* The code family `suffix` in `scope`, or 0. */
uint32_t nc_dict_find_codes(uint32_t scope, nc_str_t suffix);

void nc_dict_group_ref(uint32_t group);
void nc_dict_group_unref(uint32_t group);

/* Releases what has no reference: left over from a helper before this one. */
void nc_dict_sweep(void);

/* While pinned, nothing goes away. */
void nc_dict_pin(void);
void nc_dict_unpin(void);

/* First cell of a member of a group. */
uint32_t nc_dict_cell(const nc_arena_group_t *g, const nc_arena_member_t *m);

#endif
