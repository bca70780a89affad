/* SPDX-License-Identifier: Apache-2.0 */
/* One source, several instruction sets: a kernel marked PZ_KERNEL is compiled for the baseline and
 * for wider vector units and chosen when the program loads. Kernels do their sums in an order that
 * the code spells out, so the choice does not depend on the number of threads.
 *
 * Sanitizer builds take the plain version: their run-time is not up yet when the loader chooses. */
#ifndef PZ_BASE_SIMD_H
#define PZ_BASE_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(PZ_NO_CLONES)
#define PZ_KERNEL __attribute__((target_clones("arch=x86-64-v3", "default"), optimize("O3")))
#else
#define PZ_KERNEL
#endif

#endif
