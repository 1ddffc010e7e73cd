/* h1.c: the tables of HTTP/1: errors and reason phrases. */
#include "codec/h1.h"

static const struct {
    const char  *details;
    const char  *text;
    uint16_t     status;
} errors[NC_H1_ERR_MAX] = {
#define X(id, code, detail, what)  \
    [NC_H1_ERR_##id] = { .details = (detail), .text = (what), .status = (code) },
    NC_H1_ERRORS(X)
#undef X
};

/* RFC 9110 section 15, with the names that Envoy writes. */
static const nc_str_t  reasons[512] = {
    [100] = NC_STR_INIT("Continue"),
    [101] = NC_STR_INIT("Switching Protocols"),
    [102] = NC_STR_INIT("Processing"),
    [103] = NC_STR_INIT("Early Hints"),
    [200] = NC_STR_INIT("OK"),
    [201] = NC_STR_INIT("Created"),
    [202] = NC_STR_INIT("Accepted"),
    [203] = NC_STR_INIT("Non-Authoritative Information"),
    [204] = NC_STR_INIT("No Content"),
    [205] = NC_STR_INIT("Reset Content"),
    [206] = NC_STR_INIT("Partial Content"),
    [207] = NC_STR_INIT("Multi-Status"),
    [208] = NC_STR_INIT("Already Reported"),
    [226] = NC_STR_INIT("IM Used"),
    [300] = NC_STR_INIT("Multiple Choices"),
    [301] = NC_STR_INIT("Moved Permanently"),
    [302] = NC_STR_INIT("Found"),
    [303] = NC_STR_INIT("See Other"),
    [304] = NC_STR_INIT("Not Modified"),
    [305] = NC_STR_INIT("Use Proxy"),
    [307] = NC_STR_INIT("Temporary Redirect"),
    [308] = NC_STR_INIT("Permanent Redirect"),
    [400] = NC_STR_INIT("Bad Request"),
    [401] = NC_STR_INIT("Unauthorized"),
    [402] = NC_STR_INIT("Payment Required"),
    [403] = NC_STR_INIT("Forbidden"),
    [404] = NC_STR_INIT("Not Found"),
    [405] = NC_STR_INIT("Method Not Allowed"),
    [406] = NC_STR_INIT("Not Acceptable"),
    [407] = NC_STR_INIT("Proxy Authentication Required"),
    [408] = NC_STR_INIT("Request Timeout"),
    [409] = NC_STR_INIT("Conflict"),
    [410] = NC_STR_INIT("Gone"),
    [411] = NC_STR_INIT("Length Required"),
    [412] = NC_STR_INIT("Precondition Failed"),
    [413] = NC_STR_INIT("Payload Too Large"),
    [414] = NC_STR_INIT("URI Too Long"),
    [415] = NC_STR_INIT("Unsupported Media Type"),
    [416] = NC_STR_INIT("Range Not Satisfiable"),
    [417] = NC_STR_INIT("Expectation Failed"),
    [421] = NC_STR_INIT("Misdirected Request"),
    [422] = NC_STR_INIT("Unprocessable Entity"),
    [423] = NC_STR_INIT("Locked"),
    [424] = NC_STR_INIT("Failed Dependency"),
    [425] = NC_STR_INIT("Too Early"),
    [426] = NC_STR_INIT("Upgrade Required"),
    [428] = NC_STR_INIT("Precondition Required"),
    [429] = NC_STR_INIT("Too Many Requests"),
    [431] = NC_STR_INIT("Request Header Fields Too Large"),
    [451] = NC_STR_INIT("Unavailable For Legal Reasons"),
    [500] = NC_STR_INIT("Internal Server Error"),
    [501] = NC_STR_INIT("Not Implemented"),
    [502] = NC_STR_INIT("Bad Gateway"),
    [503] = NC_STR_INIT("Service Unavailable"),
    [504] = NC_STR_INIT("Gateway Timeout"),
    [505] = NC_STR_INIT("HTTP Version Not Supported"),
    [506] = NC_STR_INIT("Variant Also Negotiates"),
    [507] = NC_STR_INIT("Insufficient Storage"),
    [508] = NC_STR_INIT("Loop Detected"),
    [510] = NC_STR_INIT("Not Extended"),
    [511] = NC_STR_INIT("Network Authentication Required")
};


const char *
nc_h1_error_details(nc_h1_error_t error)
{
    return errors[error].details;
}


const char *
nc_h1_error_str(nc_h1_error_t error)
{
    return errors[error].text;
}


unsigned
nc_h1_error_status(nc_h1_error_t error)
{
    return errors[error].status;
}


nc_str_t
nc_h1_reason(unsigned status)
{
    if (status < NC_COUNTOF(reasons) && reasons[status].data != NULL) {
        return reasons[status];
    }

    return NC_STR("Unknown");
}
