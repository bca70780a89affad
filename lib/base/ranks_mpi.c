/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks on MPI (make MPI=1): the only module that knows it. Messages go from rank to rank and
 * nothing is added up by the library, whose order of sums is its own.
 *
 * Libraries of MPI look without rest for what they wait for. Here the wait sleeps, a little longer
 * each time: a processor that waits is the others', and its seconds are not counted as work. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/ranks.h"
#include "base/time.h"

enum { PIECE = 1 << 30, LOOKS = 100 };

static const double REST_S = 2e-5, REST_MAX_S = 1e-3;

static void leave(int status)
{
    if (status != 0)
        MPI_Abort(MPI_COMM_WORLD, status);
    MPI_Finalize();
}

static size_t pieces(size_t bytes)
{
    return (bytes + PIECE - 1) / PIECE;
}

static int size_of(size_t left)
{
    return left < PIECE ? (int)left : PIECE;
}

static void wait_for(MPI_Request *all, int n)
{
    double rest = REST_S;
    int done = 0;

    for (int looks = 0; MPI_Testall(n, all, &done, MPI_STATUSES_IGNORE), !done; looks++) {
        if (looks < LOOKS)
            continue;
        pz_time_rest(rest);
        rest = 2 * rest < REST_MAX_S ? 2 * rest : REST_MAX_S;
    }
}

static int send(const struct pz_parcel *p, int rank, MPI_Request *to)
{
    int n = 0;

    for (size_t at = 0; at < p->bytes; at += PIECE)
        MPI_Isend((const char *)p->data + at, size_of(p->bytes - at), MPI_BYTE, rank, 0,
                  MPI_COMM_WORLD, &to[n++]);
    return n;
}

static int receive(const struct pz_inbox *p, int rank, MPI_Request *to)
{
    int n = 0;

    for (size_t at = 0; at < p->bytes; at += PIECE)
        MPI_Irecv((char *)p->data + at, size_of(p->bytes - at), MPI_BYTE, rank, 0, MPI_COMM_WORLD,
                  &to[n++]);
    return n;
}

static struct pz_ranks_net net;

static void exchange(const struct pz_parcel *out, const struct pz_inbox *in)
{
    MPI_Request *all;
    size_t most = 1;
    int n = 0;

    for (int r = 0; r < net.n; r++)
        most += pieces(out[r].bytes) + pieces(in[r].bytes);
    all = pz_mem_array(most, sizeof(MPI_Request));
    if (!all)
        MPI_Abort(MPI_COMM_WORLD, PZ_TRY_AGAIN);
    for (int k = 1; k < net.n; k++)
        n += receive(&in[(net.id + k) % net.n], (net.id + k) % net.n, all + n);
    for (int k = 1; k < net.n; k++)
        n += send(&out[(net.id + k) % net.n], (net.id + k) % net.n, all + n);
    wait_for(all, n);
    free(all);
}

/* Where mpirun of Open MPI has started all ranks on one machine, nobody looks for a network, unless
 * the user has said what to look for: .02 CPU seconds of .12 of an empty program with two ranks, .2
 * of .4 seconds that it takes. */
static void stay_here(void)
{
    const char *all = getenv("OMPI_COMM_WORLD_SIZE"), *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");

    if (all && here && strcmp(all, here) == 0)
        (void)setenv("OMPI_MCA_pml", "ob1", false); /* else slower, not wrong */
}

static void start(void)
{
    int level;

    stay_here();
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &net.id);
    MPI_Comm_size(MPI_COMM_WORLD, &net.n);
    net.exchange = exchange;
    net.leave = leave;
    if (net.n > 1)
        pz_ranks_join(&net);
    else
        MPI_Finalize();
}

void (*const pz_ranks_start)(void) = start;
