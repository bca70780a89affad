/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the process: see limits.h.
 *
 * RLIMIT_DATA counts address space, not pages in use: what a library reserves beyond its use
 * (stacks of threads, OpenBLAS's buffer) is put on top of the limit, so that the figure given is
 * about what the process will really hold; the program's own code, which is in use before anything
 * is allocated, is taken off. Only the soft limit is set; children of the process could raise it
 * again.
 *
 * Control groups: version 2 has one tree, the process's place in it is the line "0::PATH" of
 * /proc/self/cgroup, and a group is held to the limits of all groups above it. */
#include "base/limits.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static const char GROUPS[] = "/sys/fs/cgroup";
static const rlim_t STACK_BYTES = 8 << 20; /* of a thread, where the system does not say */
static const double CODE_BYTES = 3 << 20;  /* code that is read in later, at most */

static double chosen; /* --max-memory in bytes; 0: none */
static double aside;  /* bytes of the kernel's limit that chosen does not hold: reserved, or code */

/* ---- sizes ---- */

/* The factor of "", "B", "k", "MB", "GiB", ...; 0: none of these. */
static double unit_of(const char *s)
{
    static const char letters[] = "kmgt";
    const char *at = *s ? strchr(letters, tolower((unsigned char)*s)) : NULL;
    double base = 1000;

    if (!at || !*at)
        return strcasecmp(s, "b") == 0 || !*s ? 1 : 0;
    s++;
    if (*s == 'i') {
        base = 1024;
        s++;
    }
    return strcasecmp(s, "b") == 0 || !*s ? pow(base, (double)(at - letters + 1)) : 0;
}

static double parse_size(const char *text)
{
    size_t digits = strspn(text, "0123456789.");
    double n, unit = unit_of(text + digits + strspn(text + digits, " "));

    return pz_str_to_double(text, digits, &n) ? n * unit : 0;
}

/* ---- control groups ---- */

/* The number of one file; infinity when it says "max" or is not there. */
static double read_limit(const char *path)
{
    char line[128] = "";
    double n = INFINITY, period = 1;
    FILE *f = fopen(path, "re");

    if (!f)
        return n;
    if (!fgets(line, sizeof line, f) || sscanf(line, "%lf %lf", &n, &period) < 1 || period <= 0)
        n = INFINITY;
    fclose(f);
    return n / period;
}

double pz_limits_of_group(const char *root, const char *group, const char *file)
{
    char place[4096], path[8192];
    double least = INFINITY;

    if (snprintf(place, sizeof place, "%s", group) >= (int)sizeof place)
        return least;
    for (;;) {
        char *slash = strrchr(place, '/');

        if (snprintf(path, sizeof path, "%s%s/%s", root, place, file) < (int)sizeof path)
            least = fmin(least, read_limit(path));
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static double of_own_group(const char *file)
{
    char line[4096], *found = NULL;
    FILE *f = fopen("/proc/self/cgroup", "re");
    double least;

    while (f && !found && fgets(line, sizeof line, f))
        if (strncmp(line, "0::/", 4) == 0)
            found = line + 3;
    if (found)
        found[strcspn(found, "\n")] = '\0';
    least = found ? pz_limits_of_group(GROUPS, found, file) : INFINITY;
    if (f)
        fclose(f);
    return least;
}

int pz_limits_cpus(void)
{
    double quota = of_own_group("cpu.max");

    return isfinite(quota) ? (int)fmax(1, ceil(quota)) : 0;
}

/* ---- memory ---- */

static double of_machine(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

double pz_limits_memory(const char **whose)
{
    struct rlimit space;
    double least = of_machine(), group = of_own_group("memory.max");

    *whose = "this machine";
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
        (double)space.rlim_cur < least) {
        least = (double)space.rlim_cur;
        *whose = "the address space limit (ulimit -v)";
    }
    if (group < least) {
        least = group;
        *whose = "the control group";
    }
    if (chosen > 0 && chosen < least) {
        least = chosen;
        *whose = "--max-memory";
    }
    return least;
}

void pz_limits_describe(double bytes, char *text, size_t size)
{
    const char *whose;
    double limit = pz_limits_memory(&whose), all = (double)pz_mem_status("VmData"),
           used = all - aside;
    /* What the allocator takes in one piece is more than what was asked of it. */
    double needed = fmax(used + bytes, limit + 1e5);

    text[0] = '\0';
    if (limit < of_machine() && all > 0) /* 0: there was no memory left to look */
        snprintf(text, size,
                 "; %.1f MB are in use of the %.1f MB that %s allows, at least %.1f MB are "
                 "needed",
                 used / 1e6, limit / 1e6, whose, needed / 1e6);
}

/* Set the soft limit to chosen and what is put aside; false when the kernel refuses. */
static bool set_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) != 0)
        return false;
    limit.rlim_cur = (rlim_t)fmax(0, chosen + aside);
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < limit.rlim_cur)
        limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_DATA, &limit) == 0;
}

enum pz_status pz_limits_set_memory(const char *text, int threads, struct pz_err *err)
{
    double bytes = parse_size(text), code = (double)pz_mem_peak() + CODE_BYTES;
    struct rlimit stack;

    if (!(bytes >= 1) || bytes > 1e18)
        return pz_err_set(err, PZ_USAGE,
                          "--max-memory: \"%s\" is not a size such as 800M, 2G or 2GiB", text);
    if (bytes < code)
        return pz_err_set(
            err, PZ_TRY_AGAIN,
            "--max-memory %s: the program alone needs %.1f MB before it reads anything", text,
            code / 1e6);
    if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur == RLIM_INFINITY)
        stack.rlim_cur = STACK_BYTES;
    chosen = bytes;
    aside = (double)(threads > 1 ? threads - 1 : 0) * (double)stack.rlim_cur - code;
    return set_limit()
               ? PZ_OK
               : pz_err_set(err, PZ_TRY_AGAIN, "--max-memory: the system refuses such a limit");
}

void pz_limits_spare(size_t bytes)
{
    if (chosen > 0) {
        aside += (double)bytes;
        set_limit();
    }
}
