/* compile.c: locating and adding errors while compiling; the process's slot row. */
#include "base/compile.h"
#include "base/slot.h"

static uint32_t         private_row[1];
static const uint32_t   private_serials[1];
uint32_t               *nc_slot_row = private_row;
const uint32_t         *nc_slot_serials = private_serials;


static void
locate(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
    nc_error_t *where)
{
    where->path = field;

    if (cc->locate) {
        cc->locate(cc, message, field, &where->file, &where->line, &where->column,
                   &where->path);
    }
}


nc_rc_t
nc_compile_error(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
    const char *fmt, ...)
{
    nc_sb_t     text;
    va_list     args;
    nc_error_t  where = { 0 };

    locate(cc, message, field, &where);

    nc_sb_init(&text);
    va_start(args, fmt);
    nc_sb_vprintf(&text, fmt, args);
    va_end(args);

    nc_errors_add(cc->errors, where.file, where.line, where.column, where.path, "%s",
                  nc_sb_c(&text));
    nc_sb_fini(&text);

    return NC_ERROR;
}


void
nc_compile_warn(nc_compile_t *cc, const struct ProtobufCMessage *message, const char *field,
    const char *fmt, ...)
{
    nc_sb_t     text;
    va_list     args;
    nc_error_t  where = { 0 };

    locate(cc, message, field, &where);

    nc_sb_init(&text);
    va_start(args, fmt);
    nc_sb_vprintf(&text, fmt, args);
    va_end(args);

    nc_errors_warn(cc->errors, where.file, where.line, where.column, where.path, "%s",
                   nc_sb_c(&text));
    nc_sb_fini(&text);
}
