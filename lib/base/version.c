/* SPDX-License-Identifier: Apache-2.0 */
/* --version: what a report of a fault needs.
 *
 * The commit comes from the build (pz_commit, in an object of its own, so that a commit builds
 * nothing else anew). The libraries are those that the loader put into this process, by the names
 * of their files, which carry their versions: nothing here has to know them, and what is said is
 * what runs. */
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"

/* Of the build; tests have none. */
extern const char pz_commit[];
const char pz_commit[] __attribute__((weak)) = "";

/* A library's file without its folder, links followed: libzstd.so.1.5.4. */
static int print_library(struct dl_phdr_info *info, size_t bytes, void *context)
{
    char *path = info->dlpi_name && strchr(info->dlpi_name, '/') ? realpath(info->dlpi_name, NULL)
                                                                 : NULL;
    const char *slash = path ? strrchr(path, '/') : NULL;

    (void)bytes;
    (void)context;
    if (slash)
        printf(" %s", slash + 1);
    free(path);
    return 0;
}

void pz_version_print(const struct pz_cmd *cmd)
{
    printf("%s %s\n", cmd->name, PZ_VERSION);
    if (*pz_commit)
        printf("commit %s\n", pz_commit);
    printf("format of .pzd and .pzm files %u\nlibraries", cmd->format);
    dl_iterate_phdr(print_library, NULL);
    printf("\n");
}
