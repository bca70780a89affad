/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an interactions file (CSV or JSON Lines, plain or zstd) and, behind a byte 0xff, as
 * a schema. Whatever they are, every row is kept, rejected or a duplicate, or the file is refused.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memchr(data, 0xff, size) : NULL;
    size_t n = cut ? (size_t)(cut - data) : size;
    struct pz_schema schema = { 0 };
    struct pz_import_cfg cfg = { .max_errors = 100, .percent = true };
    struct pz_import_count c[PZ_N_TABLES] = { 0 };
    struct pz_dataset *ds = NULL;
    char path[32];
    int fd = memfd_create("rows", 0);

    if (fd < 0 || write(fd, data, n) != (ssize_t)n)
        abort();
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    if (cut && pz_schema_add(&schema, (const char *)cut + 1, size - n - 1, "fuzz", NULL) == PZ_OK)
        cfg.schema = &schema;
    pz_strs_add(&cfg.files[PZ_INTERACTIONS], path);
    if (pz_import(&cfg, &ds, c, NULL) == PZ_OK &&
        (c[0].read != c[0].kept + c[0].rejected + c[0].duplicate ||
         ds->n_interactions != c[0].kept))
        abort();
    pz_dataset_free(ds);
    pz_strs_clear(&cfg.files[PZ_INTERACTIONS]);
    pz_schema_clear(&schema);
    close(fd);
    return 0;
}
