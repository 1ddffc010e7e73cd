/* histogram.c: histograms as text and JSON, in the shapes of Envoy's admin. */
#include "stats/print_priv.h"

#include <math.h>

#define QUANTILES  10

static const double  quantiles[QUANTILES] = {
    0, 0.25, 0.5, 0.75, 0.90, 0.95, 0.99, 0.995, 0.999, 1
};

/* "P50", "99.5": the quantile in percent. */
static void
percent(nc_sb_t *out, double q)
{
    nc_sb_printf(out, "%g", q * 100);
}

void
nc_print_double(nc_sb_t *out, double v)
{
    char  buf[40];
    int   precision;

    if (isnan(v)) {
        nc_sb_c_add(out, "nan");
        return;
    }

    for (precision = 6; precision < 17; precision++) {
        snprintf(buf, sizeof(buf), "%.*g", precision, v);

        if (strtod(buf, NULL) == v) {
            break;
        }
    }

    nc_sb_printf(out, "%.*g", precision, v);
}

/* Interval and sum of all time of a histogram. False: nothing was ever recorded. */
static bool
read_both(nc_stats_print_t *p, const nc_item_t *item, nc_hist_t *interval, nc_hist_t *all)
{
    uint32_t  index = nc_hist_index(item->cell);

    memset(interval, 0, sizeof(*interval));

    if (index >= p->sums.n_histograms || !nc_bit_get(p->sums.touched, index)) {
        memset(all, 0, sizeof(*all));
        return false;
    }

    nc_hist_read(item->cell, all);
    nc_flush_interval(index, interval);

    return all->count > 0;
}

static void
text_quantiles(const nc_hist_t *interval, const nc_hist_t *all, nc_sb_t *out)
{
    unsigned  i;

    for (i = 0; i < QUANTILES; i++) {
        nc_sb_c_add(out, i ? " P" : "P");
        percent(out, quantiles[i]);
        nc_sb_char(out, '(');
        nc_print_double(out, nc_hist_quantile(interval, quantiles[i]));
        nc_sb_char(out, ',');
        nc_print_double(out, nc_hist_quantile(all, quantiles[i]));
        nc_sb_char(out, ')');
    }
}

/* Values up to bound i: all of them, or those above the bound before it. */
static uint64_t
bucket(const nc_hist_t *h, unsigned i, bool disjoint)
{
    uint64_t  n = nc_hist_at_most(h, nc_hist_bounds[i]);

    return disjoint && i ? n - nc_hist_at_most(h, nc_hist_bounds[i - 1]) : n;
}

static void
text_buckets(const nc_hist_t *interval, const nc_hist_t *all, bool disjoint, nc_sb_t *out)
{
    unsigned  i;

    for (i = 0; i < NC_HIST_BOUNDS; i++) {
        nc_sb_printf(out, "%sB%g(%" PRIu64 ",%" PRIu64 ")", i ? " " : "", nc_hist_bounds[i],
            bucket(interval, i, disjoint), bucket(all, i, disjoint));
    }
}

/* "low,width:count" of every bucket that holds something. */
static void
text_detail(const nc_hist_t *h, nc_sb_t *out)
{
    bool      some = false;
    uint32_t  i;

    for (i = 0; i < NC_HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i]) {
            nc_sb_printf(out, "%s%" PRIu64 ",%" PRIu64 ":%" PRIu64, some ? ", " : "",
                nc_hist_low(i), nc_hist_high(i) - nc_hist_low(i), h->buckets[i]);
            some = true;
        }
    }
}

void
nc_hist_text(nc_stats_print_t *p, const nc_item_t *item, nc_sb_t *out)
{
    nc_hist_t  interval, all;

    if (!read_both(p, item, &interval, &all)) {
        nc_sb_str_add(out, item->name);
        nc_sb_c_add(out, ": No recorded values\n");
        return;
    }

    nc_sb_str_add(out, item->name);
    nc_sb_c_add(out, p->q.buckets == NC_BUCKETS_DETAILED ? ":" : ": ");

    switch (p->q.buckets) {
    case NC_BUCKETS_CUMULATIVE:
    case NC_BUCKETS_DISJOINT:
        text_buckets(&interval, &all, p->q.buckets == NC_BUCKETS_DISJOINT, out);
        break;
    case NC_BUCKETS_DETAILED:
        nc_sb_c_add(out, "\n  totals=");
        text_detail(&all, out);
        nc_sb_c_add(out, "\n  intervals=");
        text_detail(&interval, out);
        nc_sb_c_add(out, "\n  summary=");
        text_quantiles(&interval, &all, out);
        break;
    default:
        text_quantiles(&interval, &all, out);
        break;
    }

    nc_sb_char(out, '\n');
}

static void
json_number(nc_sb_t *out, double v)
{
    if (isnan(v)) {
        nc_sb_c_add(out, "null");
    } else {
        nc_print_double(out, v);
    }
}

static void
json_percents(nc_sb_t *out)
{
    unsigned  i;

    for (i = 0; i < QUANTILES; i++) {
        nc_sb_c_add(out, i ? "," : "");
        percent(out, quantiles[i]);
    }
}

void
nc_hist_json_head(nc_stats_print_t *p, nc_sb_t *out)
{
    switch (p->q.buckets) {
    case NC_BUCKETS_CUMULATIVE:
    case NC_BUCKETS_DISJOINT:
        nc_sb_c_add(out, "{\"histograms\":[");
        break;
    case NC_BUCKETS_DETAILED:
        nc_sb_c_add(out, "{\"histograms\":{\"supported_percentiles\":[");
        json_percents(out);
        nc_sb_c_add(out, "],\"details\":[");
        break;
    default:
        nc_sb_c_add(out, "{\"histograms\":{\"supported_quantiles\":[");
        json_percents(out);
        nc_sb_c_add(out, "],\"computed_quantiles\":[");
        break;
    }
}

void
nc_hist_json_tail(nc_stats_print_t *p, nc_sb_t *out)
{
    bool  flat = p->q.buckets == NC_BUCKETS_CUMULATIVE || p->q.buckets == NC_BUCKETS_DISJOINT;

    nc_sb_c_add(out, flat ? "]}" : "]}}");
}

static void
json_pairs(const nc_hist_t *interval, const nc_hist_t *all, nc_sb_t *out)
{
    unsigned  i;

    for (i = 0; i < QUANTILES; i++) {
        nc_sb_c_add(out, i ? ",{\"interval\":" : "{\"interval\":");
        json_number(out, nc_hist_quantile(interval, quantiles[i]));
        nc_sb_c_add(out, ",\"cumulative\":");
        json_number(out, nc_hist_quantile(all, quantiles[i]));
        nc_sb_char(out, '}');
    }
}

static void
json_buckets(const nc_hist_t *interval, const nc_hist_t *all, bool disjoint, nc_sb_t *out)
{
    unsigned  i;

    for (i = 0; i < NC_HIST_BOUNDS; i++) {
        nc_sb_c_add(out, i ? ",{\"upper_bound\":" : "{\"upper_bound\":");
        nc_print_double(out, nc_hist_bounds[i]);
        nc_sb_printf(out, ",\"interval\":%" PRIu64 ",\"cumulative\":%" PRIu64 "}",
            bucket(interval, i, disjoint), bucket(all, i, disjoint));
    }
}

static void
json_detail(const nc_hist_t *h, nc_sb_t *out)
{
    bool      some = false;
    uint32_t  i;

    for (i = 0; i < NC_HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i]) {
            nc_sb_printf(out, "%s{\"lower_bound\":%" PRIu64 ",\"width\":%" PRIu64 ",\"count\":%"
                PRIu64 "}", some ? "," : "", nc_hist_low(i), nc_hist_high(i) - nc_hist_low(i),
                h->buckets[i]);
            some = true;
        }
    }
}

void
nc_hist_json(nc_stats_print_t *p, const nc_item_t *item, nc_sb_t *out)
{
    nc_hist_t  interval, all;

    (void) read_both(p, item, &interval, &all);

    nc_sb_c_add(out, "{\"name\":");
    nc_sb_json_str(out, item->name);

    switch (p->q.buckets) {
    case NC_BUCKETS_CUMULATIVE:
    case NC_BUCKETS_DISJOINT:
        nc_sb_c_add(out, ",\"buckets\":[");
        json_buckets(&interval, &all, p->q.buckets == NC_BUCKETS_DISJOINT, out);
        break;
    case NC_BUCKETS_DETAILED:
        nc_sb_c_add(out, ",\"totals\":[");
        json_detail(&all, out);
        nc_sb_c_add(out, "],\"intervals\":[");
        json_detail(&interval, out);
        nc_sb_c_add(out, "],\"percentiles\":[");
        json_pairs(&interval, &all, out);
        break;
    default:
        nc_sb_c_add(out, ",\"values\":[");
        json_pairs(&interval, &all, out);
        break;
    }

    nc_sb_c_add(out, "]}");
}
