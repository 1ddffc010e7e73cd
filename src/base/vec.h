/*
 * vec.h: growing heap array of any type:
 *     NC_VEC(int) v = NC_VEC_INIT;  nc_vec_push(&v, 7);  v.items[0];  nc_vec_fini(&v);
 */
#ifndef NC_BASE_VEC_H
#define NC_BASE_VEC_H

#include "base/base.h"

#define NC_VEC(type)    struct { type *items; size_t n; size_t cap; }
#define NC_VEC_INIT     { NULL, 0, 0 }

#define nc_vec_push(v, item)  \
    do {  \
        if ((v)->n == (v)->cap) {  \
            (v)->cap = (v)->cap ? (v)->cap * 2 : 8;  \
            (v)->items = nc_realloc((v)->items, (v)->cap * sizeof(*(v)->items));  \
        }  \
        (v)->items[(v)->n++] = (item);  \
    } while (0)

#define nc_vec_fini(v)  \
    do { free((v)->items); (v)->items = NULL; (v)->n = (v)->cap = 0; } while (0)

#endif
