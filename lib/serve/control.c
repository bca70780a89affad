/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/service.h"
void pz_control_answer(struct pz_server *s, struct pz_exchange *x, const json_t *doc)
{
    (void)s;
    (void)doc;
    pz_http_fail(x, PZ_FAULT_UNKNOWN_OPERATION, "not there");
}
