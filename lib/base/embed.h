/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the source tree inside the program: texts that are easier kept as what they are (a
 * page, a style sheet, a table in JSON) than as strings of C. The assembler takes the file in; the
 * Makefile names it as what the object is made of. */
#ifndef PZ_BASE_EMBED_H
#define PZ_BASE_EMBED_H

/* Defines NAME, the bytes of FILE with one zero behind them, and NAME_end, that zero. FILE is a
 * string literal, from the root of the source. Only at file scope. */
#define PZ_EMBED(NAME, FILE)                         \
    __asm__(".section .rodata\n"                     \
            ".global " #NAME "\n"                    \
            ".global " #NAME "_end\n" #NAME ":\n"    \
            ".incbin \"" FILE "\"\n" #NAME "_end:\n" \
            ".byte 0\n"                              \
            ".previous\n");                          \
    extern const char NAME[], NAME##_end[]

#endif
