/*
 * cli_route_check.c: "nuncio route-check": what becomes of a request, and tables of expectations
 * for the tests of a configuration.
 *
 * Exit status: 0 all as expected; 1 the configuration has errors, or a row of the table failed; 2 a
 * wrong command line.
 */
#include "process/route_check.h"

#include "api/doc.h"
#include "config/loader.h"
#include "nuncio/route_check.pb-c.h"
#include "process/cli.h"

#include <errno.h>
#include <unistd.h>

#define MAX_ARGS    256

typedef struct {
    nc_check_request_t  request;                /* of --request and -H */
    const char         *expect;                 /* file; NULL: none */
    bool                json;
    char               *rest[MAX_ARGS];         /* for nc_cli_parse */
    int                 n_rest;
} args_t;

typedef struct {
    const Nuncio__RouteCheck__Row  *row;        /* NULL: --request */
    nc_check_request_t              request;
    bool                            answered;
    bool                            failed;
    nc_sb_t                         text;       /* what is to be printed of it */
} job_t;

typedef struct {
    const args_t  *args;
    job_t         *jobs;
    size_t         n;
    job_t         *job;                         /* the one being asked */
    nc_pool_t      pool;
} run_t;

static const char  usage[] =
    "Usage: nuncio route-check [-c PATH]... --request 'GET https://host/path' [-H 'name: value']...\n"
    "       nuncio route-check [-c PATH]... --expect TABLE.yaml\n"
    "\n"
    "Says which route a request takes, why the routes before it do not match, and where they stand.\n"
    "\n"
    "  --request LINE        method and URL; -H 'name: value' adds a header, and may be repeated\n"
    "  --listener NAME       of this listener only\n"
    "  --source ADDRESS      the client's address (192.0.2.1)\n"
    "  --random NUMBER       what fractions and weights go by (0)\n"
    "  --expect FILE         a table of requests and of what is to become of them\n"
    "  --json                JSON, an object per line\n"
    "\n"
    "Other options are those of nuncio -t. Exit status: 0 as expected, 1 not, or the configuration\n"
    "has errors, 2 a wrong command line.\n";


static int
wrong(const char *fmt, const char *what)
{
    fprintf(stderr, "nuncio route-check: ");
    fprintf(stderr, fmt, what);
    fputc('\n', stderr);

    return 2;
}


/* 0: go on. */
static int
parse_args(args_t *a, int argc, char **argv)
{
    a->rest[a->n_rest++] = (char *) (uintptr_t) "nuncio";
    a->rest[a->n_rest++] = (char *) (uintptr_t) "-t";

    for (int i = 1; i < argc; i++) {
        bool         has = i + 1 < argc;
        const char  *s = argv[i];
        nc_str_t     value = has ? nc_str_c(argv[i + 1]) : NC_STR("");

        if (strcmp(s, "--json") == 0) {
            a->json = true;
            continue;
        }

        if (strcmp(s, "--request") != 0 && strcmp(s, "-H") != 0 && strcmp(s, "--listener") != 0
            && strcmp(s, "--source") != 0 && strcmp(s, "--random") != 0
            && strcmp(s, "--expect") != 0)
        {
            if (a->n_rest == MAX_ARGS) {
                return wrong("%s", "too many arguments");
            }
            a->rest[a->n_rest++] = argv[i];
            continue;
        }

        if (!has) {
            return wrong("%s needs a value", s);
        }

        i++;

        if (strcmp(s, "--request") == 0) {
            a->request.line = value;
        } else if (strcmp(s, "-H") == 0) {
            nc_vec_push(&a->request.headers, value);
        } else if (strcmp(s, "--listener") == 0) {
            a->request.listener = value;
        } else if (strcmp(s, "--source") == 0) {
            a->request.source = value;
        } else if (strcmp(s, "--expect") == 0) {
            a->expect = argv[i];
        } else if (nc_str_to_u64(value, UINT64_MAX, &a->request.random) != NC_OK) {
            return wrong("--random %s: it is a number", argv[i]);
        }
    }

    if ((a->request.line.data == NULL) == (a->expect == NULL)) {
        return wrong("%s", "one of --request and --expect is needed; see --help");
    }

    return 0;
}


/* ---- tables ---- */

/* "-" in the table is none. */
static void
compare(job_t *j, const char *what, const char *want, nc_str_t have)
{
    bool  none = strcmp(want, "-") == 0;

    if (*want == '\0' || (none ? have.len == 0 : nc_str_eq(nc_str_c(want), have))) {
        return;
    }

    j->failed = true;
    nc_sb_printf(&j->text, "    %s: expected %s%s%s, is ", what, none ? "" : "\"",
        none ? "none" : want, none ? "" : "\"");

    if (have.len == 0) {
        nc_sb_c_add(&j->text, "none\n");
    } else {
        nc_sb_printf(&j->text, "\"" NC_STR_FMT "\"\n", NC_STR_ARG(have));
    }
}


static void
judge(job_t *j, const nc_check_answer_t *a)
{
    const Nuncio__RouteCheck__Want  *w = j->row->want;
    const nc_route_answer_t         *is = &a->answer;

    if (a->refused.data != NULL) {
        j->failed = true;
        nc_sb_printf(&j->text, "    the answer is " NC_STR_FMT "\n", NC_STR_ARG(a->refused));
        return;
    }

    compare(j, "action", w->action, nc_str_c(is->action));
    compare(j, "virtual_host", w->virtual_host, is->vhost);
    compare(j, "route", w->route, is->route);
    compare(j, "cluster", w->cluster, is->cluster);
    compare(j, "host", w->host, is->host);
    compare(j, "path", w->path, is->path);
    compare(j, "location", w->location, is->location);

    if (w->status != 0 && w->status != is->status) {
        j->failed = true;
        nc_sb_printf(&j->text, "    status: expected %u, is %u\n", w->status, is->status);
    }

    if (j->failed) {
        nc_sb_str_add(&j->text, a->story);
    }
}


static void
on_answer(void *ctx, const nc_check_answer_t *a)
{
    run_t  *r = ctx;
    job_t  *j = r->job;

    if (j->row == NULL) {
        if (r->args->json) {
            nc_check_answer_json(a, &j->text);
            nc_sb_char(&j->text, '\n');
        } else {
            nc_check_answer_print(a, &j->text);
        }

    } else if (!j->answered) {
        judge(j, a);
    }

    j->answered = true;
}


static bool
on_listener(void *ctx, const struct nc_loader_resource_s *l)
{
    run_t  *r = ctx;

    for (size_t i = 0; i < r->n; i++) {
        r->job = &r->jobs[i];
        nc_check_listener(&r->job->request, l->listener, &r->pool, on_answer, r);
    }

    return true;
}


static void
job_of_row(run_t *r, const Nuncio__RouteCheck__Row *row, job_t *j)
{
    j->row = row;
    j->request.line = nc_str_c(row->request);
    j->request.random = row->random;
    j->request.listener = *row->listener ? nc_str_c(row->listener) : NC_STR_NULL;
    j->request.source = *row->source ? nc_str_c(row->source) : NC_STR_NULL;

    for (size_t i = 0; i < row->n_headers; i++) {
        nc_sb_t   line;
        nc_str_t  text;

        nc_sb_init(&line);
        nc_sb_printf(&line, "%s: %s", row->headers[i]->key, row->headers[i]->value);
        text = nc_pool_str(&r->pool, nc_sb_str(&line));
        nc_sb_fini(&line);
        nc_vec_push(&j->request.headers, text);
    }
}


static void
print_errors(const nc_errors_t *errors)
{
    nc_sb_t  line;

    nc_sb_init(&line);

    for (const nc_error_t *e = errors->first; e != NULL; e = e->next) {
        if (!e->warning) {
            nc_sb_reset(&line);
            nc_error_print(e, &line);
            fprintf(stderr, "%s\n", nc_sb_c(&line));
        }
    }

    nc_sb_fini(&line);
}


/* The jobs of a table, or one of --request. NC_ERROR: said why. */
static nc_rc_t
make_jobs(run_t *r, nc_doc_t **doc)
{
    nc_errors_t                      errors;
    const Nuncio__RouteCheck__Table  *table;

    if (r->args->expect == NULL) {
        r->n = 1;
        r->jobs = nc_pool_array(&r->pool, 1, sizeof(job_t));
        r->jobs[0].request = r->args->request;
        return NC_OK;
    }

    nc_errors_init(&errors);
    *doc = nc_doc_create(&nuncio__route_check__table__descriptor, 0);

    if (nc_doc_add_file(*doc, r->args->expect, &errors) != NC_OK || errors.n > 0) {
        print_errors(&errors);
        nc_errors_fini(&errors);
        return NC_ERROR;
    }

    nc_errors_fini(&errors);
    table = (const void *) nc_doc_root(*doc);
    r->n = table->n_rows;
    r->jobs = nc_pool_array(&r->pool, r->n, sizeof(job_t));

    for (size_t i = 0; i < r->n; i++) {
        if (table->rows[i]->want == NULL) {
            fprintf(stderr, "nuncio route-check: row %zu has no \"want\"\n", i);
            return NC_ERROR;
        }
        job_of_row(r, table->rows[i], &r->jobs[i]);
    }

    return NC_OK;
}


static nc_rc_t
check_jobs(run_t *r)
{
    nc_rc_t  rc = NC_OK;
    nc_sb_t  why;

    nc_sb_init(&why);

    for (size_t i = 0; i < r->n; i++) {
        nc_headers_t  h;

        nc_sb_reset(&why);
        nc_sb_init(&r->jobs[i].text);

        if (nc_check_request_parse(&r->jobs[i].request, &r->pool, &h, &why) != NC_OK) {
            fprintf(stderr, "nuncio route-check: %s\n", nc_sb_c(&why));
            rc = NC_ERROR;
        }
    }

    nc_sb_fini(&why);

    return rc;
}


static void
print_row(const run_t *r, const job_t *j, size_t i)
{
    nc_sb_t      line;
    const char  *name = *j->row->name ? j->row->name : j->row->request;

    nc_sb_init(&line);

    if (r->args->json) {
        nc_sb_printf(&line, "{\"row\":%zu,\"name\":", i);
        nc_sb_json_str(&line, nc_str_c(name));
        nc_sb_printf(&line, ",\"ok\":%s,\"diff\":", j->failed ? "false" : "true");
        nc_sb_json_str(&line, nc_sb_str(&j->text));
        nc_sb_c_add(&line, "}\n");
    } else {
        nc_sb_printf(&line, "%s  %s\n", j->failed ? "FAIL" : "ok  ", name);
        nc_sb_str_add(&line, nc_sb_str(&j->text));
    }

    (void) fwrite(line.data, 1, line.len, stdout);
    nc_sb_fini(&line);
}


/* Prints what was found; the exit status. */
static int
report(run_t *r)
{
    size_t  failed = 0;

    for (size_t i = 0; i < r->n; i++) {
        job_t  *j = &r->jobs[i];

        if (!j->answered) {
            nc_sb_c_add(&j->text, j->row ? "    no listener has a connection manager for it\n"
                                         : "no listener has a connection manager for it\n");
            j->failed = true;
        }

        failed += j->failed;

        if (j->row == NULL) {
            (void) fwrite(j->text.data, 1, j->text.len, stdout);
        } else {
            print_row(r, j, i);
        }
    }

    if (r->args->expect != NULL && !r->args->json) {
        printf("%zu of %zu rows are as expected\n", r->n - failed, r->n);
    }

    return failed > 0 ? 1 : 0;
}


static int
run(const args_t *a, const nc_options_t *o)
{
    int          status = 2;
    run_t        r = { .args = a };
    nc_doc_t    *doc = NULL;
    nc_errors_t  errors;

    nc_errors_init(&errors);
    nc_pool_init(&r.pool, &nc_pool_heap);

    if (make_jobs(&r, &doc) == NC_OK && check_jobs(&r) == NC_OK) {
        if (nc_loader_look(o, on_listener, &r, &errors) == NC_OK) {
            status = report(&r);
        } else {
            print_errors(&errors);
            status = 1;
        }
    }

    for (size_t i = 0; i < r.n; i++) {
        nc_sb_fini(&r.jobs[i].text);

        if (r.jobs[i].row != NULL) {
            nc_vec_fini(&r.jobs[i].request.headers);
        }
    }

    if (doc != NULL) {
        nc_doc_destroy(doc);
    }

    nc_errors_fini(&errors);
    nc_pool_fini(&r.pool);

    return status;
}


int
nc_cli_route_check(int argc, char **argv)
{
    int           status;
    args_t        a = { .json = false };
    nc_sb_t       text;
    nc_options_t  options;

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return 0;
    }

    status = parse_args(&a, argc, argv);

    if (status == 0) {
        nc_sb_init(&text);

        if (nc_cli_parse(&options, a.n_rest, a.rest, &text) != NC_OK) {
            fprintf(stderr, "nuncio route-check: %s\n", nc_sb_c(&text));
            status = 2;
        } else if (options.work_dir != NULL && chdir(options.work_dir) != 0) {
            fprintf(stderr, "nuncio route-check: cannot go to the folder %s: %s\n",
                options.work_dir, strerror(errno));
            status = 1;
        } else {
            status = run(&a, &options);
        }

        nc_cli_fini(&options);
        nc_sb_fini(&text);
    }

    nc_vec_fini(&a.request.headers);

    return status;
}
