/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks: see ranks.h. All of it is made of one exchange, which is the connection's. */
#include "base/ranks.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/ledger.h"
#include "base/mem.h"
#include "base/signals.h"

enum { RANKS_MAX = 1024, PATIENCE_S = 3, COMMON_LEAST = 1 << 16 /* bytes */ };

static const struct pz_ranks_net *net;   /* NULL: alone */
static const struct pz_ranks_net *whole; /* of which net is a group; NULL: net is all */
static struct pz_ranks_net group;
/* Ranks are on several machines or hidden from each other, or shall act so. All know the same, but
 * for what groups have found, which is forgotten when they unite. */
static bool apart, apart_before;
static struct counts {
    double sent, wait_s, peak;
} counts; /* since the last report */

int pz_ranks_n(void)
{
    return net ? net->n : 1;
}

int pz_ranks_id(void)
{
    return net ? net->id : 0;
}

void pz_ranks_join(const struct pz_ranks_net *joined)
{
    int nowhere;

    net = joined;
    if (net->n > RANKS_MAX)
        net->leave(PZ_USAGE);
    /* The starter passes a signal on to all; none of them has a best so far that would be the
     * others'. */
    pz_stop_at_once();
    apart = getenv("PZ_RANKS_APART") != NULL;
    if (net->id == 0)
        return;
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0)
        dup2(nowhere, STDOUT_FILENO);
}

int pz_ranks_end(int status)
{
    if (net)
        net->leave(status);
    return status;
}

const char *pz_ranks_prefix(void)
{
    static char prefix[64];
    const struct pz_ranks_net *all = whole ? whole : net;

    if (!all || all->id == 0)
        return "";
    sleep(PATIENCE_S);
    snprintf(prefix, sizeof prefix, "rank %d of %d: ", all->id + 1, all->n);
    return prefix;
}

/* An exchange of all in which only the group has something for each other. */
static void exchange_in_group(const struct pz_parcel *out, const struct pz_inbox *in)
{
    struct pz_parcel all_out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox all_in[RANKS_MAX] = { { NULL, 0 } };
    int first = whole->id - group.id;

    for (int r = 0; r < group.n; r++) {
        all_out[first + r] = out[r];
        all_in[first + r] = in[r];
    }
    whole->exchange(all_out, all_in);
}

int pz_ranks_split(int groups)
{
    int mine, first, end;

    if (!net)
        return 0;
    mine = net->id * groups / net->n;
    first = (mine * net->n + groups - 1) / groups; /* the least r with r * groups / n == mine */
    end = ((mine + 1) * net->n + groups - 1) / groups;
    whole = net;
    apart_before = apart;
    group = (struct pz_ranks_net){ whole->id - first, end - first, exchange_in_group,
                                   whole->leave };
    net = &group;
    return mine;
}

void pz_ranks_unite(void)
{
    apart = whole ? apart_before : apart;
    net = whole ? whole : net;
    whole = NULL;
}

struct pz_share pz_ranks_share(size_t n, size_t block, int r)
{
    size_t ranks = (size_t)pz_ranks_n(), k = (size_t)r, blocks = (n + block - 1) / block,
           first = blocks / ranks * k + (k < blocks % ranks ? k : blocks % ranks),
           end = first + blocks / ranks + (k < blocks % ranks);

    return (struct pz_share){ first * block < n ? first * block : n,
                              end * block < n ? end * block : n };
}

/* The exchange, counted; a rank keeps its own. What was written before into arrays in common is
 * there after it for those who have received something. */
static void exchange(const struct pz_parcel *out, const struct pz_inbox *in)
{
    double began = pz_wall_seconds();
    int id = net->id;

    if (out[id].bytes > 0 && in[id].data != out[id].data)
        memcpy(in[id].data, out[id].data, out[id].bytes);
    for (int r = 0; r < net->n; r++)
        counts.sent += r == id ? 0 : (double)out[r].bytes;
    atomic_thread_fence(memory_order_seq_cst);
    net->exchange(out, in);
    atomic_thread_fence(memory_order_seq_cst);
    counts.wait_s += pz_wall_seconds() - began;
}

/* ---- memory in common ---- */

/* Arrays in common: pages of a file without a name, of the first rank, which the others find among
 * its open files. They know it by a number drawn for it, since under one kernel processes may have
 * numbers of their own, too. */
enum { COMMON_MAX = 64, TOKEN_BYTES = 16, BOOT_BYTES = 36 };

static struct common {
    char *data; /* NULL: free */
    size_t bytes;
} commons[COMMON_MAX];

/* Where the first rank has the file, and what stands in it. */
struct offer {
    char boot[BOOT_BYTES]; /* of the kernel: no two are alike */
    int pid, fd;
    uint8_t token[TOKEN_BYTES];
};

static bool read_boot(char *boot)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read(fd, boot, BOOT_BYTES) == BOOT_BYTES;

    if (fd >= 0)
        close(fd);
    return ok;
}

/* NULL: the array is this rank's own. */
static struct common *common_of(const void *array)
{
    uintptr_t at = (uintptr_t)array, begin;

    for (int k = 0; k < COMMON_MAX; k++) {
        begin = (uintptr_t)commons[k].data;
        if (begin > 0 && at >= begin && at < begin + commons[k].bytes)
            return &commons[k];
    }
    return NULL;
}

/* A file of so many bytes that begins with the token. */
static void make_offer(struct offer *o, size_t bytes)
{
    o->pid = (int)getpid();
    o->fd = read_boot(o->boot) ? memfd_create("pz-ranks", MFD_CLOEXEC) : -1;
    if (o->fd >= 0 &&
        (getrandom(o->token, TOKEN_BYTES, 0) != TOKEN_BYTES || ftruncate(o->fd, (off_t)bytes) ||
         pwrite(o->fd, o->token, TOKEN_BYTES, 0) != TOKEN_BYTES)) {
        close(o->fd);
        o->fd = -1;
    }
}

/* The file of another rank, if it is on this machine; -1: it is not. */
static int find_offer(const struct offer *o)
{
    char path[64], boot[BOOT_BYTES];
    uint8_t token[TOKEN_BYTES];
    int fd = -1;

    snprintf(path, sizeof path, "/proc/%d/fd/%d", o->pid, o->fd);
    if (o->fd >= 0 && read_boot(boot) && memcmp(boot, o->boot, BOOT_BYTES) == 0)
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 && (pread(fd, token, TOKEN_BYTES, 0) != TOKEN_BYTES ||
                    memcmp(token, o->token, TOKEN_BYTES) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Whether all ranks say yes. */
static bool all_agree(bool mine)
{
    bool said[RANKS_MAX] = { false };

    said[net->id] = mine;
    pz_ranks_gather(said, (size_t)net->n, 1, sizeof *said);
    for (int r = 0; r < net->n; r++)
        if (!said[r])
            return false;
    return true;
}

/* The offer of the first rank to all. */
static void tell_offer(struct offer *o)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };

    for (int r = 1; r < net->n && net->id == 0; r++)
        out[r] = (struct pz_parcel){ o, sizeof *o };
    if (net->id > 0)
        in[0] = (struct pz_inbox){ o, sizeof *o };
    exchange(out, in);
}

/* An array in common, in a free place; NULL: there is none. */
static void *take_common(struct common *place, size_t bytes)
{
    struct offer o = { .fd = -1 };
    void *data = MAP_FAILED;
    int fd;

    if (net->id == 0)
        make_offer(&o, bytes);
    tell_offer(&o);
    fd = net->id == 0 ? o.fd : find_offer(&o);
    if (fd >= 0)
        data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    apart = !all_agree(data != MAP_FAILED);
    if (fd >= 0)
        close(fd);
    if (data != MAP_FAILED && apart)
        munmap(data, bytes);
    if (apart)
        return NULL;
    *place = (struct common){ data, bytes };
    return data;
}

void *pz_ranks_room(size_t n, size_t elem_bytes)
{
    struct common *place = NULL;
    size_t bytes;
    void *array = NULL;

    for (int k = 0; k < COMMON_MAX && !place; k++)
        place = commons[k].data ? NULL : &commons[k];
    if (net && net->n > 1 && !apart && place && !__builtin_mul_overflow(n, elem_bytes, &bytes) &&
        bytes >= COMMON_LEAST && bytes <= PTRDIFF_MAX)
        array = take_common(place, bytes);
    return array ? array : pz_mem_room(n, elem_bytes);
}

void pz_ranks_return(void *array)
{
    struct common *c = array ? common_of(array) : NULL;

    if (!c) {
        free(array);
        return;
    }
    munmap(c->data, c->bytes);
    *c = (struct common){ NULL, 0 };
}

bool pz_ranks_common(const void *array)
{
    return common_of(array) != NULL;
}

bool pz_ranks_together(void)
{
    void *array = pz_ranks_room(COMMON_LEAST, 1);
    bool together = pz_ranks_common(array);

    pz_ranks_return(array);
    return together;
}

struct pz_share pz_ranks_filled(const void *array, size_t n)
{
    return pz_ranks_common(array) ? pz_ranks_mine(n, 1) : (struct pz_share){ 0, n };
}

static void meet(void)
{
    (void)all_agree(true);
}

void pz_ranks_meet(const void *array)
{
    if (net && common_of(array))
        meet();
}

/* ---- gathering ---- */

/* its: [ranks] the rows that each has filled. */
static void gather(void *rows, const struct pz_share *its, size_t bytes)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };

    for (int r = 0; r < net->n; r++)
        in[r] = (struct pz_inbox){ (char *)rows + its[r].first * bytes,
                                   (its[r].end - its[r].first) * bytes };
    for (int r = 0; r < net->n; r++)
        out[r] = (struct pz_parcel){ in[net->id].data, in[net->id].bytes };
    exchange(out, in);
}

void pz_ranks_gather(void *rows, size_t n, size_t block, size_t bytes)
{
    struct pz_share its[RANKS_MAX];

    for (int r = 0; r < pz_ranks_n(); r++)
        its[r] = pz_ranks_share(n, block, r);
    if (net && common_of(rows))
        meet();
    else if (net)
        gather(rows, its, bytes);
}

void pz_ranks_gather_mine(void *rows, struct pz_share mine, size_t bytes)
{
    struct pz_share its[RANKS_MAX];

    if (net && common_of(rows)) {
        meet();
        return;
    }
    its[pz_ranks_id()] = mine;
    pz_ranks_gather(its, (size_t)pz_ranks_n(), 1, sizeof *its);
    if (net)
        gather(rows, its, bytes);
}

void pz_ranks_turn(void *state, size_t bytes)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };

    if (!net || net->id == 0)
        return;
    in[net->id - 1] = (struct pz_inbox){ state, bytes };
    exchange(out, in);
}

void pz_ranks_pass(void *state, size_t bytes)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };
    int last = pz_ranks_n() - 1;

    if (!net || last == 0)
        return;
    if (net->id < last) {
        out[net->id + 1] = (struct pz_parcel){ state, bytes };
        exchange(out, in);
        out[net->id + 1] = (struct pz_parcel){ NULL, 0 };
        in[last] = (struct pz_inbox){ state, bytes };
    }
    for (int r = 0; r < last && net->id == last; r++)
        out[r] = (struct pz_parcel){ state, bytes };
    exchange(out, in);
}

/* Where each of n parcels begins when they lie behind one another in one block. */
static enum pz_status lay_out(struct pz_inbox *in, int n, struct pz_err *err)
{
    size_t total = 0;
    char *all;

    for (int r = 0; r < n; r++)
        total += in[r].bytes;
    all = pz_mem_room(total > 0 ? total : 1, 1);
    in[0].data = all;
    if (!all)
        return pz_err_memory(err, "what other ranks send", (double)total);
    for (int r = 1; r < n; r++)
        in[r].data = (char *)in[r - 1].data + in[r - 1].bytes;
    return PZ_OK;
}

enum pz_status pz_ranks_exchange(const struct pz_parcel *out, struct pz_inbox *in,
                                 struct pz_err *err)
{
    struct pz_parcel said[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox heard[RANKS_MAX] = { { NULL, 0 } };
    uint64_t to[RANKS_MAX], from[RANKS_MAX];
    int n = pz_ranks_n();
    enum pz_status st;

    for (int r = 0; r < n; r++) {
        to[r] = from[r] = out[r].bytes;
        said[r] = (struct pz_parcel){ &to[r], sizeof to[r] };
        heard[r] = (struct pz_inbox){ &from[r], sizeof from[r] };
    }
    if (net)
        exchange(said, heard);
    for (int r = 0; r < n; r++)
        in[r].bytes = from[r];
    st = lay_out(in, n, err);
    if (st == PZ_OK && net)
        exchange(out, in);
    else if (st == PZ_OK && out[0].bytes > 0)
        memcpy(in[0].data, out[0].data, out[0].bytes);
    return st;
}

enum pz_status pz_ranks_collect(const void *mine, size_t bytes, void **all, size_t *from,
                                struct pz_err *err)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };
    enum pz_status st;

    for (int r = 0; r < pz_ranks_n(); r++)
        out[r] = (struct pz_parcel){ mine, bytes };
    st = pz_ranks_exchange(out, in, err);
    *all = in[0].data;
    from[0] = 0;
    for (int r = 0; r < pz_ranks_n(); r++)
        from[r + 1] = from[r] + in[r].bytes;
    return st;
}

void pz_ranks_give(const void *data, size_t bytes)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };

    out[0] = (struct pz_parcel){ data, bytes };
    exchange(out, in);
}

void pz_ranks_take(int from, void *data, size_t bytes)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };

    in[from] = (struct pz_inbox){ data, bytes };
    exchange(out, in);
}

/* Each rank adds up its share of the places; then all have all. */
enum pz_status pz_ranks_sum(int64_t *value, size_t n, struct pz_err *err)
{
    struct pz_parcel out[RANKS_MAX] = { { NULL, 0 } };
    struct pz_inbox in[RANKS_MAX] = { { NULL, 0 } };
    struct pz_share mine = pz_ranks_mine(n, 1);
    enum pz_status st;

    if (!net)
        return PZ_OK;
    for (int r = 0; r < net->n; r++) {
        struct pz_share its = pz_ranks_share(n, 1, r);

        out[r] = (struct pz_parcel){ value + its.first, (its.end - its.first) * sizeof *value };
    }
    st = pz_ranks_exchange(out, in, err);
    for (int r = 0; r < net->n && st == PZ_OK; r++) {
        const int64_t *part = in[r].data;

        for (size_t k = mine.first; k < mine.end && r != net->id; k++)
            value[k] += part[k - mine.first];
    }
    free(in[0].data);
    if (st == PZ_OK)
        pz_ranks_gather(value, n, 1, sizeof *value);
    return st;
}

void pz_ranks_report(struct pz_log *log, const char *what)
{
    struct counts all[RANKS_MAX];

    if (!net)
        return;
    counts.peak = (double)pz_mem_peak();
    all[net->id] = counts;
    pz_ranks_gather(all, (size_t)net->n, 1, sizeof *all);
    for (int r = 0; r < net->n; r++) {
        pz_log(log, PZ_LOG_DEBUG, "%s, rank %d of %d: %.1f MB sent, %.1f s waited, %.0f MB at most",
               what, r + 1, net->n, all[r].sent / 1e6, all[r].wait_s, all[r].peak / 1e6);
        pz_ledger_count("ranks_bytes", (uint64_t)all[r].sent);
    }
    pz_ledger_number("ranks", net->n);
    counts = (struct counts){ 0 };
}
