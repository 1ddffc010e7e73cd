/* h2_mem.h: memory of HTTP/2 sessions and streams: small pieces that come and go with requests. */
#ifndef NC_CODEC_H2_MEM_H
#define NC_CODEC_H2_MEM_H

#include "base/base.h"

/* Never NULL; given back with nc_h2_mem_put. */
void *nc_h2_mem_get(size_t size);

/* The same, set to zero. */
void *nc_h2_mem_zeroed(size_t size);

/* NULL is fine. */
void nc_h2_mem_put(void *p);

#endif
