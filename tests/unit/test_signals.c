/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/signals.h"
#include "base/simd.h"
#include "tests/unit/unit.h"

/* Handlers are for good: each case is a process of its own. Returns its wait status. */
static int in_child(void (*run)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        run();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void ask_once(void)
{
    pz_signals_install();
    if (pz_stop_asked() || !pz_stop_retry(EINTR) || pz_stop_retry(EIO))
        _exit(2);
    raise(SIGTERM);
    if (!pz_stop_asked() || pz_stop_retry(EINTR))
        _exit(3);
}

static void ask_twice(void)
{
    pz_signals_install();
    raise(SIGINT);
    raise(SIGINT);
    _exit(4);
}

static void wait_for_ever(void)
{
    pz_signals_install();
    raise(SIGTERM);
    for (;;)
        pause();
}

static void write_to_nobody(void)
{
    int end[2];

    pz_signals_install();
    if (pipe(end) != 0)
        _exit(2);
    close(end[0]);
    if (write(end[1], "x", 1) != -1 || errno != EPIPE)
        _exit(3);
}

static int crash_of;

/* What LMDB does on a page that is not whole; a sanitizer keeps crashes to itself. */
static void crash_guarded(void)
{
    sigjmp_buf here;

    signal(crash_of, SIG_DFL);
    pz_signals_install();
    if (sigsetjmp(here, 0) != 0)
        _exit(7);
    pz_signals_guard(&here);
    raise(crash_of);
}

TEST(a_crash_on_a_damaged_page_comes_back_to_the_guard)
{
    static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGABRT };

    if (UNIT_SANITIZED)
        skip();
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
        int status;

        crash_of = crashes[i];
        status = in_child(crash_guarded);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
}

TEST(a_first_signal_asks_and_interrupted_calls_are_not_made_again)
{
    assert_int_equal(in_child(ask_once), 0);
}

TEST(a_second_signal_or_a_second_of_waiting_ends_the_process)
{
    int twice = in_child(ask_twice), waited = in_child(wait_for_ever);

    assert_true(WIFEXITED(twice) ? WEXITSTATUS(twice) != 4 : WIFSIGNALED(twice));
    assert_true(WIFEXITED(waited) ? WEXITSTATUS(waited) != 0 : WIFSIGNALED(waited));
}

TEST(a_closed_pipe_is_an_error_of_the_write)
{
    assert_int_equal(in_child(write_to_nobody), 0);
}

/* Cephes' expf is good to a unit or two in the last place; reducing n ln 2 in two steps keeps it
 * so. */
TEST(the_fast_exp_is_exp_within_its_limits)
{
    for (double x = -59.9; x < 59.9; x += 0.0173) {
        double is = (double)pz_exp_fast((float)x), should = exp((double)(float)x);

        if (fabs(is - should) > 4e-7 * should)
            fail_msg("exp(%.4f) = %.9g, not %.9g", x, is, should);
    }
    assert_true(pz_exp_fast(1000) == pz_exp_fast(60));
    assert_true(pz_exp_fast(-1000) == pz_exp_fast(-60));
}
