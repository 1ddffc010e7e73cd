/* compile.c: locating and adding errors while compiling; the process's slot row. */
#include "base/compile.h"
#include "base/slot.h"

static uint32_t         private_row[1];
static const uint32_t   private_serials[1];
uint32_t               *nc_slot_row = private_row;
const uint32_t         *nc_slot_serials = private_serials;


/* Adds what `fmt` says at the place of the field. */
static void
add(nc_compile_t *cc, bool warning, const struct ProtobufCMessage *message, const char *field,
    const char *fmt, va_list args)
{
    nc_error_t  at = { .path = field };
    nc_sb_t     text;

    if (cc->locate) {
        cc->locate(cc, message, field, &at.file, &at.line, &at.column, &at.path);
    }

    nc_sb_init(&text);
    nc_sb_vprintf(&text, fmt, args);

    if (warning) {
        nc_errors_warn(cc->errors, at.file, at.line, at.column, at.path, "%s", nc_sb_c(&text));
    } else {
        nc_errors_add(cc->errors, at.file, at.line, at.column, at.path, "%s", nc_sb_c(&text));
    }

    nc_sb_fini(&text);
}


nc_rc_t
nc_compile_error(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    add(cc, false, message, field, fmt, args);
    va_end(args);

    return NC_ERROR;
}


void
nc_compile_warn(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    add(cc, true, message, field, fmt, args);
    va_end(args);
}
