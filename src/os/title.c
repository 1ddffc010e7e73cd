/* title.c: the command line as ps shows it lies in the memory of argv and environ, end to end. */
#include "os/title.h"

#include <sys/prctl.h>
#include <unistd.h>

static char    *area;
static size_t   area_len;


void
nc_title_init(int argc, char **argv)
{
    char  *end;

    if (argc < 1 || area) {
        return;
    }

    end = argv[0];

    for (int i = 0; i < argc; i++) {
        if (argv[i] == end) {
            end = argv[i] + strlen(argv[i]) + 1;
        }
    }

    for (char **e = environ; *e; e++) {
        if (*e == end) {
            end = *e + strlen(*e) + 1;
            *e = nc_strdup(*e);
        }
    }

    area = argv[0];
    area_len = (size_t) (end - argv[0]);

    for (int i = 0; i < argc; i++) {            /* others may still look at the arguments */
        argv[i] = nc_strdup(argv[i]);
    }
}


void
nc_title_set(const char *title)
{
    (void) prctl(PR_SET_NAME, title, 0, 0, 0);

    if (area && area_len > 1) {
        int  n = snprintf(area, area_len, "nuncio: %s", title);

        if (n >= 0 && (size_t) n < area_len) {
            memset(area + n, 0, area_len - (size_t) n);
        }
    }
}
