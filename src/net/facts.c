/* facts.c: what is known of a downstream connection. */
#include "net/facts.h"
#include "net/conn.h"


nc_conn_facts_t *
nc_conn_facts(nc_conn_t *c)
{
    if (c->facts == NULL) {
        c->facts = nc_calloc(sizeof(*c->facts));
        nc_pool_init(&c->facts->pool, &nc_pool_heap);
    }

    return c->facts;
}


void
nc_conn_facts_free(nc_conn_t *c)
{
    if (c->facts) {
        nc_pool_fini(&c->facts->pool);
        free(c->facts);
        c->facts = NULL;
    }
}


static nc_fact_t *
find(const nc_conn_t *c, nc_str_t space, nc_str_t key)
{
    nc_fact_t  *f = c->facts ? c->facts->first : NULL;

    while (f && !(nc_str_eq(f->key, key) && nc_str_eq(f->space, space))) {
        f = f->next;
    }

    return f;
}


nc_rc_t
nc_conn_fact_set(nc_conn_t *c, nc_str_t space, nc_str_t key, nc_str_t value, bool read_only,
    bool for_upstream)
{
    nc_conn_facts_t  *facts = nc_conn_facts(c);
    nc_fact_t        *f = find(c, space, key);

    if (f && f->read_only) {
        return NC_DECLINED;
    }

    if (f == NULL) {
        f = nc_pool_new(&facts->pool, nc_fact_t);
        f->space = space.data ? nc_pool_str(&facts->pool, space) : NC_STR_NULL;
        f->key = nc_pool_str(&facts->pool, key);
        f->next = facts->first;
        facts->first = f;
    }

    f->value = nc_pool_str(&facts->pool, value);
    f->read_only = read_only;
    f->for_upstream = for_upstream;

    return NC_OK;
}


nc_str_t
nc_conn_fact(const nc_conn_t *c, nc_str_t space, nc_str_t key)
{
    const nc_fact_t  *f = find(c, space, key);

    return f ? f->value : NC_STR_NULL;
}
