/* formatter_tls.c: operators that tell of TLS on either side. */
#include "http/formatter_priv.h"

#include "net/tls.h"


static nc_tls_info_t *
side_of(const nc_http_info_t *info, bool upstream)
{
    if (upstream) {
        return info->upstream_tls;
    }

    return info->conn ? info->conn->tls : NULL;
}


static void
validity(const nc_format_op_t *op, const nc_tls_info_t *tls, bool end, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    int64_t  from, until;

    if (tls && nc_tls_peer_validity(tls, &from, &until)) {
        nc_time_format_print(op->time, (uint64_t) NC_MAX(end ? until : from, 0) * 1000000, scratch);
        v->type = NC_FV_STR;
        v->str = nc_sb_str(scratch);
    }
}


void
nc_format_tls_value(const nc_format_op_t *op, const nc_http_info_t *info, nc_sb_t *scratch,
    nc_format_value_t *v)
{
    static const struct { nc_op_id_t id; bool upstream; nc_tls_fact_t fact; }  rows[] = {
#define X(name, upstream, fact)  { NC_OP_##name, upstream, NC_TLS_FACT_##fact },
        NC_TLS_OPERATORS(X)
#undef X
    };
    nc_tls_info_t  *tls;
    nc_str_t        text;

    switch (op->id) {
    case NC_OP_DOWNSTREAM_PEER_CERT_V_START:
    case NC_OP_DOWNSTREAM_PEER_CERT_V_END:
        validity(op, side_of(info, false), op->id == NC_OP_DOWNSTREAM_PEER_CERT_V_END, scratch, v);
        return;

    case NC_OP_UPSTREAM_PEER_CERT_V_START:
    case NC_OP_UPSTREAM_PEER_CERT_V_END:
        validity(op, side_of(info, true), op->id == NC_OP_UPSTREAM_PEER_CERT_V_END, scratch, v);
        return;

    default:
        break;
    }

    for (size_t i = 0; i < NC_COUNTOF(rows); i++) {
        if (rows[i].id == op->id) {
            tls = side_of(info, rows[i].upstream);
            text = tls ? nc_tls_fact(tls, rows[i].fact) : NC_STR_NULL;

            if (text.len) {
                v->type = NC_FV_STR;
                v->str = text;
            }

            return;
        }
    }
}
