/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket, and the two conventions by which a service manager and a server talk:
 * socket activation (LISTEN_FDS) and readiness (NOTIFY_SOCKET). */
#ifndef PZ_SERVE_NET_LISTEN_H
#define PZ_SERVE_NET_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pz_listen {
    int fd;
    bool loopback;         /* only this machine can reach it */
    char name[300];        /* "127.0.0.1:8080", "[::1]:8080", "unix:/run/pz.sock" */
    char unlink_path[108]; /* of a socket file that we made; "" none */
};

/* Listen on HOST:PORT ([::1]:8080 for IPv6; port 0: any free one) or unix:PATH. A socket handed
 * over by the service manager is taken instead of opening one.
 *
 * Errors:  PZ_USAGE no such address; PZ_UNAVAILABLE it is in use, or not ours
 * Owner:   out->fd: pz_listen_close
 * Threads: one */
enum pz_status pz_listen_open(const char *where, struct pz_listen *out, struct pz_err *err);
void pz_listen_close(struct pz_listen *l);

/* Tell the service manager, "READY=1" for instance; nothing when there is none.
 *
 * Threads: any */
void pz_listen_notify(const char *state);

#endif
