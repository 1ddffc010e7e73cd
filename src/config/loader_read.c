/*
 * loader_read.c: the files, folders and texts that the command line names, as one document.
 */
#include "config/loader_priv.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>


static bool
is_config_name(const char *name)
{
    static const char *const  endings[] = { ".yaml", ".yml", ".json", ".pb" };
    nc_str_t                  s = nc_str_c(name);

    for (size_t i = 0; i < NC_COUNTOF(endings); i++) {
        if (name[0] != '.' && nc_str_ends(s, nc_str_c(endings[i]))) {
            return true;
        }
    }

    return false;
}


static int
wanted(const struct dirent *entry)
{
    return is_config_name(entry->d_name);
}


static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}


static void
read_folder(nc_doc_t *doc, const char *path, nc_errors_t *errors)
{
    struct dirent **entries = NULL;
    int             n = scandir(path, &entries, wanted, by_name);
    nc_sb_t         file;

    if (n < 0) {
        nc_errors_add(errors, path, 0, 0, "", "cannot read the folder: %s", strerror(errno));
        return;
    }

    if (n == 0) {
        nc_errors_add(errors, path, 0, 0, "",
                      "the folder holds no *.yaml, *.yml, *.json or *.pb file");
    }

    nc_sb_init(&file);

    for (int i = 0; i < n; i++) {
        nc_sb_reset(&file);
        nc_sb_printf(&file, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
                     entries[i]->d_name);
        nc_doc_add_file(doc, nc_sb_c(&file), errors);
        free(entries[i]);
    }

    nc_sb_fini(&file);
    free(entries);
}


/* What the command line says of the node stands above what the files say. */
static void
override_node(nc_doc_t *doc, const nc_options_t *o)
{
    nc_bootstrap_msg_t             *b = (void *) nc_doc_root(doc);
    nc_pool_t                      *pool = nc_doc_pool(doc);
    Envoy__Config__Core__V3__Node  *node = b->node;

    if (!o->service_node && !o->service_cluster && !o->service_zone) {
        return;
    }

    if (node == NULL) {
        node = nc_pool_new(pool, Envoy__Config__Core__V3__Node);
        envoy__config__core__v3__node__init(node);
        b->node = node;
    }

    if (o->service_node) {
        node->id = nc_pool_strdup(pool, o->service_node);
    }

    if (o->service_cluster) {
        node->cluster = nc_pool_strdup(pool, o->service_cluster);
    }

    if (o->service_zone) {
        if (node->locality == NULL) {
            node->locality = nc_pool_new(pool, Envoy__Config__Core__V3__Locality);
            envoy__config__core__v3__locality__init(node->locality);
        }

        node->locality->zone = nc_pool_strdup(pool, o->service_zone);
    }
}


nc_doc_t *
nc_loader_read(const nc_options_t *options, nc_errors_t *errors)
{
    unsigned   before = errors->n;
    nc_doc_t  *doc = nc_doc_create(&envoy__config__bootstrap__v3__bootstrap__descriptor,
                                   options->allow_unknown_static_fields
                                   ? NC_DOC_ALLOW_UNKNOWN : 0);

    if (options->config_paths.n == 0 && options->config_yaml.n == 0) {
        nc_errors_add(errors, NULL, 0, 0, "", "no configuration: -c names a file or a folder, "
                      "--config-yaml holds one, --listen and --to stand for one");
    }

    for (size_t i = 0; i < options->config_paths.n; i++) {
        const char   *path = options->config_paths.items[i];
        struct stat   st;

        if (path[0] && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            read_folder(doc, path, errors);

        } else {
            nc_doc_add_file(doc, path, errors);
        }
    }

    for (size_t i = 0; i < options->config_yaml.n; i++) {
        nc_doc_add_text(doc, "--config-yaml", NC_DOC_YAML, nc_str_c(options->config_yaml.items[i]),
                        errors);
    }

    if (errors->n != before) {
        nc_doc_destroy(doc);
        return NULL;
    }

    override_node(doc, options);

    return doc;
}
