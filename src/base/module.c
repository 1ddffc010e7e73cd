/* module.c: finding modules in the table that configure wrote. */
#include "base/module.h"

#include <protobuf-c/protobuf-c.h>


const char *
nc_kind_str(nc_kind_t kind)
{
    static const char *const  names[] = {
#define X(name, category)  [name] = category,
        NC_KINDS(X)
#undef X
    };

    return kind < NC_KIND_MAX ? names[kind] : "?";
}


const nc_module_t *
nc_module_by_type(nc_kind_t kind, nc_str_t type)
{
    for (size_t i = 0; nc_modules[i]; i++) {
        const nc_module_t  *m = nc_modules[i];

        if (m->kind != kind) {
            continue;
        }

        if ((m->config && nc_str_eq(nc_str_c(m->config->name), type))
            || (m->route_config && nc_str_eq(nc_str_c(m->route_config->name), type)))
        {
            return m;
        }
    }

    return NULL;
}


const nc_module_t *
nc_module_by_name(nc_kind_t kind, nc_str_t name)
{
    for (size_t i = 0; nc_modules[i]; i++) {
        if (nc_modules[i]->kind == kind && nc_str_eq(nc_str_c(nc_modules[i]->name), name)) {
            return nc_modules[i];
        }
    }

    return NULL;
}
