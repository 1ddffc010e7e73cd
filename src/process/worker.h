/* worker.h: the process that carries traffic. */
#ifndef NC_PROCESS_WORKER_H
#define NC_PROCESS_WORKER_H

#include "process/child.h"

/* Runs worker child->index; does not return. */
void nc_worker_run(const nc_child_t *child) NC_NORETURN;

#endif
