/* h1_help.h: parsing a message in pieces, and its result as text, for the tests of HTTP/1. */
#ifndef NC_T_CODEC_H1_HELP_H
#define NC_T_CODEC_H1_HELP_H

#include "codec/h1_cases.h"

typedef struct {
    nc_pool_t       pool;
    nc_headers_t    headers;
    nc_h1_parser_t  parser;
    nc_h1_head_t    head;
    size_t          consumed;
    char           *data;                       /* the bytes given last; freed by nc_t_h1_fini */
    nc_rc_t         rc;
} nc_t_h1_t;

void nc_t_h1_init(nc_t_h1_t *t);
void nc_t_h1_fini(nc_t_h1_t *t);

/*
 * Gives the first `len` bytes of the case, as a fresh copy of exactly that size so that a sanitizer
 * sees reads behind it; the copy given before is freed.
 */
nc_rc_t nc_t_h1_give(nc_t_h1_t *t, const nc_h1_options_t *options, const nc_h1_case_t *c,
    bool response, size_t len);

/* Result as text: return code, error, head, headers. */
void nc_t_h1_print(const nc_t_h1_t *t, nc_sb_t *sb);

/* Parses a whole request from a C string with default options. */
nc_rc_t nc_t_h1_request(nc_t_h1_t *t, const nc_h1_options_t *options, const char *text);
nc_rc_t nc_t_h1_response(nc_t_h1_t *t, const nc_h1_options_t *options, nc_h1_for_t answers,
    const char *text);

/* Value of a header, "" when it is empty, "(none)" when it is missing. */
const char *nc_t_h1_value(nc_t_h1_t *t, const char *name);

#endif
