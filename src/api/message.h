/*
 * message.h: what is done with messages of any type: find a type by name, unpack, pack, clone,
 * compare, check.
 *
 * Invariants:
 *  1. A message made here lies in a pool entirely and is never freed singly (so never call
 *     protobuf_c_message_free_unpacked on one).
 *  2. Packed bytes are canonical: fields in order of their numbers, maps sorted by key. Equal
 *     messages have equal bytes.
 *  3. Nothing is unpacked before its bytes were checked: nesting, lengths, UTF-8, no NUL in texts.
 */
#ifndef NC_API_MESSAGE_H
#define NC_API_MESSAGE_H

#include "base/error.h"

#include <protobuf-c/protobuf-c.h>

#define NC_MESSAGE_MAX_DEPTH    256u            /* nested messages in packed bytes */

/* The type of this full name ("envoy.config.cluster.v3.Cluster"), or NULL. */
const ProtobufCMessageDescriptor *nc_message_type(nc_str_t name);

/* The type named by a type URL (what follows the last '/'), or NULL. */
const ProtobufCMessageDescriptor *nc_message_type_of_url(const char *url);

/* An empty message of `type`. */
ProtobufCMessage *nc_message_new(nc_pool_t *pool, const ProtobufCMessageDescriptor *type);

/*
 * Unpacks `bytes`. NULL: they are malformed, and *why (static text) says how. *unknown, when not
 * NULL, is set to the path of the first unknown field in `pool` ("filter_chains[0].#77"), or NULL.
 */
ProtobufCMessage *nc_message_unpack(nc_pool_t *pool, const ProtobufCMessageDescriptor *type,
    nc_str_t bytes, const char **why, const char **unknown);

/* Canonical bytes in `pool`. Sorts the maps of `message` in place, which changes no meaning. */
nc_str_t nc_message_pack(nc_pool_t *pool, ProtobufCMessage *message);

/* A copy that shares nothing with `message`. */
ProtobufCMessage *nc_message_clone(nc_pool_t *pool, const ProtobufCMessage *message);

/*
 * Merges `from` into `to` (same type): what is set in `from` replaces scalars, is appended to
 * lists, replaces map entries of the same key, is merged into messages. What `to` gets is copied.
 */
void nc_message_merge(nc_pool_t *pool, ProtobufCMessage *to, const ProtobufCMessage *from);

/* Equality by canonical bytes; the order of map entries does not count. */
bool nc_message_eq(ProtobufCMessage *a, ProtobufCMessage *b);

/* Stable 64-bit hash of the canonical bytes: the same in every process and on every machine. */
uint64_t nc_message_hash(ProtobufCMessage *message);

/* Puts `message` into a new google.protobuf.Any ("type.googleapis.com/" + its type). */
ProtobufCMessage *nc_message_any(nc_pool_t *pool, ProtobufCMessage *message);

/* True when singular field `f` of `m` is set (a proto3 scalar: when it is not its zero). */
bool nc_message_has(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);

/* True when `f` of `parent` is a map; the entries are messages with fields key = 1, value = 2. */
bool nc_message_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *f);

/* Milliseconds of a google.protobuf.Duration, rounded up and never negative; `unset` when NULL. */
struct Google__Protobuf__Duration;
uint64_t nc_duration_ms(const struct Google__Protobuf__Duration *d, uint64_t unset);

#endif
