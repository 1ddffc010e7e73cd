/* list.h: intrusive doubly linked list with a head that points to itself when empty. */
#ifndef NC_BASE_LIST_H
#define NC_BASE_LIST_H

#include "base/base.h"

typedef struct nc_list_s  nc_list_t;

struct nc_list_s {
    nc_list_t  *next;
    nc_list_t  *prev;
};

static inline void
nc_list_init(nc_list_t *l)
{
    l->next = l->prev = l;
}

static inline bool
nc_list_empty(const nc_list_t *l)
{
    return l->next == l;
}

/* Puts `item` behind `at`; behind the head means first. */
static inline void
nc_list_add(nc_list_t *at, nc_list_t *item)
{
    item->next = at->next;
    item->prev = at;
    at->next->prev = item;
    at->next = item;
}

/* Puts `item` last in the list of `head`. */
static inline void
nc_list_append(nc_list_t *head, nc_list_t *item)
{
    nc_list_add(head->prev, item);
}

/* Takes `item` out; it is an empty list of its own afterwards, so taking it out twice is fine. */
static inline void
nc_list_del(nc_list_t *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    nc_list_init(item);
}

/* First item, or NULL. */
static inline nc_list_t *
nc_list_first(const nc_list_t *head)
{
    return head->next == head ? NULL : head->next;
}

#define nc_list_each(head, it)  \
    for (nc_list_t *it = (head)->next; it != (head); it = it->next)

/* As nc_list_each; the body may take `it` out. */
#define nc_list_each_safe(head, it)  \
    for (nc_list_t *it = (head)->next, *it##_next = it->next;  \
         it != (head); it = it##_next, it##_next = it->next)

#endif
