/* admin_route.c: /route_check: what becomes of a request by the listeners that are in use. */
#include "process/admin_priv.h"
#include "process/route_check.h"

typedef struct {
    nc_check_request_t  request;
    nc_admin_reply_t   *reply;
    nc_pool_t          *pool;
    bool                json;
    unsigned            n;
} ask_t;


static void
on_answer(void *ctx, const nc_check_answer_t *a)
{
    ask_t    *x = ctx;
    nc_sb_t  *out = &x->reply->body;

    if (x->json) {
        nc_sb_c_add(out, x->n > 0 ? "," : "");
        nc_check_answer_json(a, out);
    } else {
        nc_check_answer_print(a, out);
    }

    x->n++;
}


static bool
on_listener(void *ctx, const struct nc_loader_resource_s *r)
{
    ask_t  *x = ctx;

    if (r->listener != NULL && !r->warming) {
        nc_check_listener(&x->request, r->listener, x->pool, on_answer, x);
    }

    return true;
}


static bool
fill(const nc_admin_request_t *q, nc_admin_reply_t *r, ask_t *x)
{
    nc_sb_t       why;
    bool          ok;
    nc_str_t      random = nc_admin_param(q, "random");
    nc_headers_t  h;

    x->request.line = nc_admin_param(q, "request");
    x->request.listener = nc_admin_param(q, "listener");
    x->request.source = nc_admin_param(q, "source");

    if (x->request.line.len == 0) {
        nc_admin_bad(r, "request=GET https://host/path is needed");
        return false;
    }

    if (random.len > 0 && nc_str_to_u64(random, UINT64_MAX, &x->request.random) != NC_OK) {
        nc_admin_bad(r, "random is a number");
        return false;
    }

    for (unsigned i = 0; i < q->n_params; i++) {
        if (nc_str_eq(q->params[i].name, NC_STR("header"))) {
            nc_vec_push(&x->request.headers, q->params[i].value);
        }
    }

    nc_sb_init(&why);
    ok = nc_check_request_parse(&x->request, q->pool, &h, &why) == NC_OK;

    if (!ok) {
        nc_admin_bad(r, "%s", nc_sb_c(&why));
    }

    nc_sb_fini(&why);

    return ok;
}


void
nc_admin_route_check(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    bool   bad = false;
    ask_t  x = { .reply = r, .pool = q->pool };

    x.json = nc_admin_wants_json(q, r, &bad);

    if (bad) {
        return;
    }

    if (fill(q, r, &x)) {
        if (x.json) {
            r->type = NC_ADMIN_JSON;
            nc_sb_char(&r->body, '[');
        }

        nc_loader_each_listener(on_listener, &x);

        if (x.json) {
            nc_sb_c_add(&r->body, "]\n");
        } else if (x.n == 0) {
            nc_sb_c_add(&r->body, "no listener has a connection manager for it\n");
        }
    }

    nc_vec_fini(&x.request.headers);
}
