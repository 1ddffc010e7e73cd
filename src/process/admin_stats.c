/* admin_stats.c: /stats in its formats, /stats/prometheus, /reset_counters. */
#include "process/admin_priv.h"
#include "process/vitals.h"
#include "stats/exposition.h"

typedef struct {
    nc_stats_query_t   query;
    nc_stats_print_t  *print;                   /* NULL: not begun */
    bool               html;
    bool               begun;
    nc_sb_t            text;                    /* html: a piece before it is escaped */
} stats_t;


static void
stats_end(void *ctx)
{
    stats_t  *s = ctx;

    if (s->print) {
        nc_stats_print_destroy(s->print);
    }

    nc_stats_query_fini(&s->query);
    nc_sb_fini(&s->text);
    free(s);
}


static bool
stats_more(void *ctx, nc_sb_t *out, size_t max)
{
    stats_t  *s = ctx;

    return nc_stats_print_more(s->print, out, max);
}


static bool
html_more(void *ctx, nc_sb_t *out, size_t max)
{
    stats_t  *s = ctx;
    bool      goes_on;

    if (!s->begun) {
        s->begun = true;
        nc_sb_c_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
            "<title>Stats</title></head>\n<body>\n<pre>\n");
    }

    nc_sb_reset(&s->text);
    goes_on = nc_stats_print_more(s->print, &s->text, max);

    for (size_t i = 0; i < s->text.len; i++) {
        switch (s->text.data[i]) {

        case '<':
            nc_sb_c_add(out, "&lt;");
            break;

        case '>':
            nc_sb_c_add(out, "&gt;");
            break;

        case '&':
            nc_sb_c_add(out, "&amp;");
            break;

        default:
            nc_sb_char(out, s->text.data[i]);
            break;
        }
    }

    if (!goes_on) {
        nc_sb_c_add(out, "</pre>\n</body>\n</html>\n");
    }

    return goes_on;
}


/* Takes the parameters. NC_ERROR: the answer is a 400 already. */
static nc_rc_t
read_params(stats_t *s, const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    nc_sb_t  error;
    nc_rc_t  rc = NC_OK;

    nc_sb_init(&error);

    for (unsigned i = 0; i < q->n_params && rc == NC_OK; i++) {
        const nc_admin_param_t  *p = &q->params[i];

        if (nc_str_eq(p->name, NC_STR("format"))
            && (nc_str_eq(p->value, NC_STR("html")) || nc_str_eq(p->value, NC_STR("active-html"))))
        {
            s->html = true;
            continue;
        }

        nc_sb_reset(&error);

        if (nc_stats_query_param(&s->query, p->name, p->value, &error) == NC_ERROR) {
            nc_admin_bad(r, NC_STR_FMT ": %s", NC_STR_ARG(p->name),
                nc_sb_c(&error));
            rc = NC_ERROR;
        }
    }

    nc_sb_fini(&error);

    return rc;
}


static void
answer(const nc_admin_request_t *q, nc_admin_reply_t *r, bool prometheus)
{
    stats_t  *s = nc_calloc(sizeof(*s));

    nc_sb_init(&s->text);
    nc_stats_query_init(&s->query);

    if (prometheus) {
        s->query.format = NC_STATS_PROMETHEUS;
    }

    if (read_params(s, q, r) != NC_OK) {
        stats_end(s);

        return;
    }

    if (prometheus) {
        s->query.format = NC_STATS_PROMETHEUS;
        s->html = false;
    } else if (s->html) {
        s->query.format = NC_STATS_TEXT;
    }

    nc_vitals_update();
    s->print = nc_stats_print_create(&s->query);
    r->type = s->html ? NC_ADMIN_HTML : nc_stats_content_type(&s->query);
    r->more = s->html ? html_more : stats_more;
    r->end = stats_end;
    r->ctx = s;
}


void
nc_admin_stats(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    answer(q, r, false);
}


void
nc_admin_prometheus(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    answer(q, r, true);
}


void
nc_admin_reset_counters(const nc_admin_request_t *q, nc_admin_reply_t *r)
{
    (void) q;
    nc_stats_reset_counters();
    nc_sb_c_add(&r->body, "OK\n");
}
