/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories: see files.h. Exports to object stores and jobs of Spark write a
 * directory of part-00000.csv, part-00001.csv, ... and a marker _SUCCESS; the order of the parts
 * is that of their names, whatever the file system says, so that an import has the same bytes
 * everywhere.
 *
 * A directory is read one level deep. One without any data is refused: an empty export is a
 * fault of whoever made it, not an empty table. */
#include "import/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

static int is_data(const struct dirent *entry)
{
    /* Checksums (.part-0.crc) and markers (_SUCCESS, _committed_123) begin so. */
    return entry->d_name[0] != '.' && entry->d_name[0] != '_';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum pz_status add_file(const char *folder, const char *name, struct pz_arena *arena,
                               struct pz_strs *files, struct pz_err *err)
{
    struct pz_str path = { 0 };
    struct stat info;
    char *kept;
    enum pz_status st = PZ_OK;

    pz_str_addf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    kept = path.failed ? NULL : pz_arena_strndup(arena, path.data, path.len);
    pz_str_clear(&path);
    if (!kept)
        return pz_err_memory(err, "file names", 1e4);
    if (stat(kept, &info) != 0)
        st = pz_err_errno(err, PZ_IO, errno, "%s", kept);
    else if (S_ISREG(info.st_mode) && !pz_strs_add(files, kept))
        st = pz_err_memory(err, "file names", 1e4);
    return st;
}

static enum pz_status add_folder(const char *folder, struct pz_arena *arena, struct pz_strs *files,
                                 struct pz_err *err)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, is_data, by_name);
    size_t before = files->n;
    enum pz_status st = n < 0 ? pz_err_errno(err, PZ_IO, errno, "reading %s", folder) : PZ_OK;

    for (int i = 0; i < n; i++) {
        if (st == PZ_OK)
            st = add_file(folder, entry[i]->d_name, arena, files, err);
        free(entry[i]);
    }
    free(entry);
    if (st == PZ_OK && files->n == before)
        st = pz_err_set(err, PZ_NO_INPUT, "%s: a directory without files", folder);
    return st;
}

enum pz_status pz_import_files(const struct pz_strs *paths, struct pz_arena *arena,
                               struct pz_strs *files, struct pz_err *err)
{
    struct stat info;
    enum pz_status st = PZ_OK;

    for (size_t i = 0; i < paths->n && st == PZ_OK; i++)
        if (strcmp(paths->v[i], "-") != 0 && stat(paths->v[i], &info) == 0 && S_ISDIR(info.st_mode))
            st = add_folder(paths->v[i], arena, files, err);
        else if (!pz_strs_add(files, paths->v[i]))
            st = pz_err_memory(err, "file names", 1e4);
    return st;
}
