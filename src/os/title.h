/* title.h: the name of the process, as ps and top show it. */
#ifndef NC_OS_TITLE_H
#define NC_OS_TITLE_H

#include "base/base.h"

/* Remembers where the command line lies; moves the environment out of its way. Once, in main. */
void nc_title_init(int argc, char **argv);

/* "nuncio: <title>" in the command line, `title` as thread name. */
void nc_title_set(const char *title);

#endif
