/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors as bytes: see bytes.h. The only file with instructions of its own for a processor: AVX2
 * multiplies 16 pairs of 16 bits, or 32 of 8, and adds neighbours at once, AVX-512 with VNNI 64 of
 * 8; four rows share the loads of the query, and their four sums are folded together. What is added
 * up are whole numbers, so the plain loops behind them give the same bits; which of them runs is
 * asked of the processor. */
#include "model/bytes.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/simd.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX2 1
#include <immintrin.h>
#endif

enum { CODE_MAX = 127, QUERY_MAX = 8191, ROUGH_MAX = 127 };

float pz_bytes_row(const float *row, size_t d, int8_t *code)
{
    float max = 0;

    for (size_t k = 0; k < d; k++)
        max = fabsf(row[k]) > max ? fabsf(row[k]) : max;
    for (size_t k = 0; k < d; k++)
        code[k] = max > 0 ? (int8_t)lrintf(row[k] / max * CODE_MAX) : 0;
    return max / CODE_MAX;
}

float pz_bytes_query(const float *x, size_t d, int16_t *code)
{
    float max = 0;

    for (size_t k = 0; k < d; k++)
        max = fabsf(x[k]) > max ? fabsf(x[k]) : max;
    for (size_t k = 0; k < d; k++)
        /* 14 bits with the sign: 127 * 8191 * 2048 < 2^31, so that no sum of d products overflows.
         */
        code[k] = max > 0 ? (int16_t)lrintf(x[k] / max * QUERY_MAX) : 0;
    return max / QUERY_MAX;
}

PZ_KERNEL static void scan_plain(const struct pz_bytes_scan *r, size_t from, const int16_t *x,
                                 float factor, float *out)
{
    for (size_t i = from; i < r->n; i++) {
        const int8_t *row = r->code + i * r->d;
        int32_t sum = 0;

        for (size_t k = 0; k < r->d; k++)
            sum += (int32_t)row[k] * (int32_t)x[k];
        out[i] = factor * r->scale[i] * (float)sum;
    }
}

#ifdef HAS_AVX2
#define INLINE static inline __attribute__((always_inline))
#define AVX2 __attribute__((target("avx2")))
#define VNNI __attribute__((target("arch=x86-64-v4,avx512vnni")))

/* sum += products of 16 bytes at row with x, neighbours added. */
AVX2 static inline __m256i add_16(__m256i sum, const int8_t *row, __m256i x)
{
    __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)row));

    return _mm256_add_epi32(sum, _mm256_madd_epi16(wide, x));
}

/* The same of 8 bytes. */
AVX2 static inline __m256i add_8(__m256i sum, const int8_t *row, __m256i x)
{
    __m256i wide = _mm256_cvtepi8_epi16(_mm_loadl_epi64((const __m128i_u *)row));

    return _mm256_add_epi32(sum, _mm256_madd_epi16(wide, x));
}

/* The totals of four sums. */
AVX2 static inline __m128i fold_4(const __m256i *s)
{
    __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(s[0], s[1]), _mm256_hadd_epi32(s[2], s[3]));

    return _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
}

/* Whole numbers of rows four at a time; returns how many rows were done. */
AVX2 static size_t scan_avx2(const struct pz_bytes_scan *r, const int16_t *x, float factor,
                             float *out)
{
    size_t i = 0, d = r->d, whole = d / 16 * 16;
    __m256i last = whole < d
                       ? _mm256_castsi128_si256(_mm_loadu_si128((const __m128i_u *)(x + whole)))
                       : _mm256_setzero_si256();

    for (; i + 4 <= r->n; i += 4) {
        const int8_t *row = r->code + i * d;
        __m256i s[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                         _mm256_setzero_si256() };
        __m128 scale = _mm_mul_ps(_mm_set1_ps(factor), _mm_loadu_ps(r->scale + i));

        for (size_t k = 0; k < whole; k += 16) {
            __m256i q = _mm256_loadu_si256((const __m256i_u *)(x + k));

            s[0] = add_16(s[0], row + k, q);
            s[1] = add_16(s[1], row + d + k, q);
            s[2] = add_16(s[2], row + 2 * d + k, q);
            s[3] = add_16(s[3], row + 3 * d + k, q);
        }
        for (size_t n = 0; n < 4 && whole < d; n++)
            s[n] = add_8(s[n], row + n * d + whole, last);
        _mm_storeu_ps(out + i, _mm_mul_ps(scale, _mm_cvtepi32_ps(fold_4(s))));
    }
    return i;
}
#endif

void pz_bytes_scan(const struct pz_bytes_scan *rows, const int16_t *x, float factor, float *out)
{
    size_t done = 0;

#ifdef HAS_AVX2
    if (__builtin_cpu_supports("avx2"))
        done = scan_avx2(rows, x, factor, out);
#endif
    scan_plain(rows, done, x, factor, out);
}

enum { TILE_BYTES = 16384 /* of rows that stay in the first cache for all queries */ };

static size_t tile_rows(size_t d)
{
    return TILE_BYTES / d / 4 * 4 + 4;
}

void pz_bytes_scan_block(const struct pz_bytes_scan *rows, const int16_t *const *x,
                         const float *factor, float *const *out, size_t n_x)
{
    size_t tile = tile_rows(rows->d);

    for (size_t from = 0; from < rows->n; from += tile) {
        struct pz_bytes_scan part = { rows->code + from * rows->d, rows->scale + from,
                                      rows->n - from < tile ? rows->n - from : tile, rows->d };

        for (size_t k = 0; k < n_x; k++)
            pz_bytes_scan(&part, x[k], factor[k], out[k] + from);
    }
}

/* Lengths are rounded up, and sums in double leave room for no more than this. */
static const double UP = 1.0000005;

static float longer(float length, double square)
{
    double next = sqrt(square) * UP;

    return next > (double)length ? (float)(next * UP) : length;
}

void pz_bytes_row_lengths(const float *row, size_t n, size_t d, float *length)
{
    for (size_t i = 0; i < n; i++, row += d) {
        double square = 0;

        for (size_t k = 0; k < d; k++)
            square += (double)row[k] * (double)row[k];
        length[i] = longer(0, square);
    }
}

void pz_bytes_rows(const float *all, const uint32_t *order, size_t n, size_t d, int8_t *code,
                   float *scale, struct pz_bytes_off *off)
{
    for (size_t i = 0; i < n; i++, code += d) {
        const float *row = all + (order ? order[i] : i) * d;
        double apart = 0, square = 0;
        struct pz_bytes_off *o = &off[i / 64];

        if (i % 64 == 0)
            *o = (struct pz_bytes_off){ 0, 0 };
        scale[i] = pz_bytes_row(row, d, code);
        for (size_t k = 0; k < d; k++) {
            double by = (double)row[k] - (double)scale[i] * (double)code[k];

            apart += by * by;
            square += (double)row[k] * (double)row[k];
        }
        o->row = longer(o->row, apart);
        o->length = longer(o->length, square);
    }
}

void pz_bytes_lengths(const struct pz_bytes_scan *rows, struct pz_bytes_off *off, float *length)
{
    const int8_t *code = rows->code;

    for (size_t i = 0; i < rows->n; i++, code += rows->d) {
        int64_t square = 0;

        if (i % 64 == 0)
            off[i / 64] = (struct pz_bytes_off){ 0, 0 };
        for (size_t k = 0; k < rows->d; k++)
            square += (int32_t)code[k] * (int32_t)code[k];
        length[i] = longer(0, (double)square * (double)rows->scale[i] * (double)rows->scale[i]);
        off[i / 64].length = length[i] > off[i / 64].length ? length[i] : off[i / 64].length;
    }
}

/* Rounding: a sum of d products in floats, in any order, is within d 2^-24 of their absolute sum; a
 * scan's own three multiplications and the conversion of its sum add less than 8 2^-24. */
static const double ROUNDING = 0x1p-24;

/* What products of rows with a query in 8 bits are off. */
static float bound_of(const struct pz_bytes_off *off, const struct pz_bytes_query8 *q)
{
    return (q->length * off->row + q->away * (off->length + off->row)) * (float)UP * (float)UP;
}

float pz_bytes_reach(const struct pz_bytes_query8 *q, size_t d)
{
    return (float)((double)q->length * (1 + (double)(d + 8) * ROUNDING) * UP);
}

PZ_KERNEL static void rough_plain(const struct pz_bytes_scan *r, size_t from, const int8_t *x,
                                  float factor, float *out)
{
    for (size_t i = from; i < r->n; i++) {
        const int8_t *row = r->code + i * r->d;
        int32_t sum = 0;

        for (size_t k = 0; k < r->d; k++)
            sum += (int32_t)row[k] * (int32_t)x[k];
        out[i] = factor * r->scale[i] * (float)sum;
    }
}

/* Rows at any places, one by one. */
static void rough_few(const struct pz_bytes_scan *r, const struct pz_bytes_query8 *q,
                      const uint32_t *item, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        struct pz_bytes_scan one = { r->code + item[i] * r->d, r->scale + item[i], 1, r->d };

        rough_plain(&one, 0, q->code, q->unit, out + i);
    }
}

#ifdef HAS_AVX2
/* The processor's own prefetching ends with each page of 4 KB. Rows that lie beyond its caches are
 * asked for two pages ahead, which takes a tenth more where they do not; where instructions are so
 * few that they wait for the third cache, it pays there, too. */
enum { AHEAD = 8 /* rows */, AHEAD_BYTES = 8192, FAR_BYTES = 16 << 20, FAR_BYTES_VNNI = 1 << 20 };

/* The sums of four rows with a query. */
typedef __m128i sum_4(const int8_t *const *row, size_t d, const struct pz_bytes_query8 *q);

/* sum += products of 32 bytes at row with x, four neighbours added. The instruction wants one side
 * without signs: they go to the other, and two products of 127 and 127 fit in 16 bits. */
AVX2 static inline __m256i add_32(__m256i sum, const int8_t *row, __m256i x)
{
    __m256i turned = _mm256_sign_epi8(_mm256_loadu_si256((const __m256i_u *)row), x);

    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(x), turned),
                                                   _mm256_set1_epi16(1)));
}

/* The query, zero from d on, may reach up to 31 bytes behind a row. */
AVX2 INLINE __m128i sum_4_avx2(const int8_t *const *row, size_t d, const struct pz_bytes_query8 *q)
{
    __m256i s[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                     _mm256_setzero_si256() };

    for (size_t k = 0; k < d; k += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i_u *)(q->code + k));

        s[0] = add_32(s[0], row[0] + k, x);
        s[1] = add_32(s[1], row[1] + k, x);
        s[2] = add_32(s[2], row[2] + k, x);
        s[3] = add_32(s[3], row[3] + k, x);
    }
    return fold_4(s);
}

/* sum += products of (code + 128) of 64 bytes with x: the instruction wants one side without
 * signs. */
VNNI static inline __m512i add_64(__m512i sum, __m512i code, __m512i x)
{
    return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(code, _mm512_set1_epi8(-128)), x);
}

VNNI static inline __m256i halves(__m512i sum)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
}

/* Nothing behind a row is read. */
VNNI INLINE __m128i sum_4_vnni(const int8_t *const *row, size_t d, const struct pz_bytes_query8 *q)
{
    __m512i less = _mm512_zextsi128_si512(_mm_cvtsi32_si128(-128 * q->sum));
    __m512i s[4] = { less, less, less, less };
    size_t k = 0;

    for (; k + 64 <= d; k += 64) {
        __m512i x = _mm512_loadu_si512(q->code + k);

        s[0] = add_64(s[0], _mm512_loadu_si512(row[0] + k), x);
        s[1] = add_64(s[1], _mm512_loadu_si512(row[1] + k), x);
        s[2] = add_64(s[2], _mm512_loadu_si512(row[2] + k), x);
        s[3] = add_64(s[3], _mm512_loadu_si512(row[3] + k), x);
    }
    if (k < d) {
        __mmask64 in = ~(__mmask64)0 >> (64 - (d - k));
        __m512i x = _mm512_maskz_loadu_epi8(in, q->code + k);

        s[0] = add_64(s[0], _mm512_maskz_loadu_epi8(in, row[0] + k), x);
        s[1] = add_64(s[1], _mm512_maskz_loadu_epi8(in, row[1] + k), x);
        s[2] = add_64(s[2], _mm512_maskz_loadu_epi8(in, row[2] + k), x);
        s[3] = add_64(s[3], _mm512_maskz_loadu_epi8(in, row[3] + k), x);
    }
    return fold_4((__m256i[]){ halves(s[0]), halves(s[1]), halves(s[2]), halves(s[3]) });
}

/* Rows four at a time, but not the last ones where there are no more behind. Returns how many were
 * done. near: rows of so many bytes are not asked for ahead. */
AVX2 INLINE size_t rough_fours(const struct pz_bytes_scan *r, bool more,
                               const struct pz_bytes_query8 *q, float *restrict out, size_t near,
                               sum_4 *sum)
{
    size_t i = 0, d = r->d, end = more ? r->n : r->n - (r->n < 4 ? r->n : 4);
    bool far = r->n * d > near;

    for (; i + 4 <= end; i += 4) {
        const int8_t *at = r->code + i * d, *row[4] = { at, at + d, at + 2 * d, at + 3 * d };
        __m128 scale = _mm_mul_ps(_mm_set1_ps(q->unit), _mm_loadu_ps(r->scale + i));

        if (far)
            pz_simd_prefetch(at + AHEAD_BYTES, 4 * d);
        _mm_storeu_ps(out + i, _mm_mul_ps(scale, _mm_cvtepi32_ps(sum(row, d, q))));
    }
    return i;
}

/* The same of rows at any places, but not of four with one of the last ones. */
AVX2 INLINE void rough_places(const struct pz_bytes_scan *r, const struct pz_bytes_query8 *q,
                              const uint32_t *item, size_t n, float *out, sum_4 *sum)
{
    size_t i = 0, d = r->d;

    for (; i + 4 <= n; i += 4) {
        const int8_t *row[4];
        float scale[4];
        bool last = false;

        for (size_t j = 0; j < 4; j++) {
            row[j] = r->code + item[i + j] * d;
            scale[j] = q->unit * r->scale[item[i + j]];
            last = last || item[i + j] + 4 >= r->n;
            if (i + j + AHEAD < n)
                pz_simd_prefetch(r->code + item[i + j + AHEAD] * d, d);
        }
        if (last)
            rough_few(r, q, item + i, 4, out + i);
        else
            _mm_storeu_ps(out + i,
                          _mm_mul_ps(_mm_loadu_ps(scale), _mm_cvtepi32_ps(sum(row, d, q))));
    }
    rough_few(r, q, item + i, n - i, out + i);
}

AVX2 static size_t rough_avx2(const struct pz_bytes_scan *r, bool more,
                              const struct pz_bytes_query8 *q, float *out)
{
    return rough_fours(r, more, q, out, FAR_BYTES, sum_4_avx2);
}

VNNI static size_t rough_vnni(const struct pz_bytes_scan *r, bool more,
                              const struct pz_bytes_query8 *q, float *out)
{
    return rough_fours(r, more, q, out, FAR_BYTES_VNNI, sum_4_vnni);
}

AVX2 static void rough_rows_avx2(const struct pz_bytes_scan *r, const struct pz_bytes_query8 *q,
                                 const uint32_t *item, size_t n, float *out)
{
    rough_places(r, q, item, n, out, sum_4_avx2);
}

VNNI static void rough_rows_vnni(const struct pz_bytes_scan *r, const struct pz_bytes_query8 *q,
                                 const uint32_t *item, size_t n, float *out)
{
    rough_places(r, q, item, n, out, sum_4_vnni);
}

static bool has_vnni(void)
{
    return pz_simd_is_wide() && __builtin_cpu_supports("avx512vnni");
}
#endif

/* How long it is and how far its bytes are off, rounding of products included. */
static void measure(struct pz_bytes_query8 *q, size_t d)
{
    double square = 0, apart = 0;

    for (size_t k = 0; k < d; k++) {
        double x = (double)q->x[k], by = x - (double)q->unit * (double)q->code[k];

        apart += by * by;
        square += x * x;
    }
    q->length = longer(0, square);
    q->away = (float)((sqrt(apart) * UP + (double)q->length * (double)(d + 8) * ROUNDING) * UP);
}

void pz_bytes_query8(const float *x, size_t d, struct pz_bytes_query8 *q)
{
    float max = 0;

    for (size_t k = 0; k < d; k++)
        max = fabsf(x[k]) > max ? fabsf(x[k]) : max;
    for (size_t k = 0; k < d; k++)
        q->code[k] = max > 0 ? (int8_t)lrintf(x[k] / max * ROUGH_MAX) : 0;
    q->sum = 0;
    for (size_t k = 0; k < d; k++)
        q->sum += q->code[k];
    memset(q->code + d, 0, sizeof q->code - PZ_BYTES_DIM_MAX);
    q->x = x;
    q->unit = max / ROUGH_MAX;
    measure(q, d);
}

/* Products with one query. more: four rows lie behind these, so that all can be done four at a
 * time. */
static void rough_one(const struct pz_bytes_scan *rows, bool more, const struct pz_bytes_query8 *q,
                      float *out)
{
    size_t done = 0;

#ifdef HAS_AVX2
    if (has_vnni())
        done = rough_vnni(rows, more, q, out);
    else if (__builtin_cpu_supports("avx2"))
        done = rough_avx2(rows, more, q, out);
#endif
    rough_plain(rows, done, q->code, q->unit, out);
}

void pz_bytes_rough_scan(const struct pz_bytes_scan *rows, const struct pz_bytes_off *off,
                         const struct pz_bytes_query8 *const *q, size_t n_x, float *const *out,
                         float *const *bound)
{
    size_t tile = n_x == 1 ? rows->n : tile_rows(rows->d);

    for (size_t from = 0; from < rows->n; from += tile) {
        size_t n = rows->n - from < tile ? rows->n - from : tile;
        struct pz_bytes_scan part = { rows->code + from * rows->d, rows->scale + from, n, rows->d };

        for (size_t k = 0; k < n_x; k++)
            rough_one(&part, rows->n - from - n >= 4, q[k], out[k] + from);
    }
    for (size_t k = 0; k < n_x; k++)
        for (size_t b = 0; b < (rows->n + 63) / 64; b++)
            bound[k][b] = bound_of(&off[b], q[k]);
}

void pz_bytes_rough_rows(const struct pz_bytes_scan *rows, const struct pz_bytes_off *off,
                         const struct pz_bytes_query8 *q, const uint32_t *item, size_t n,
                         float *out, float *bound)
{
#ifdef HAS_AVX2
    if (has_vnni())
        rough_rows_vnni(rows, q, item, n, out);
    else if (__builtin_cpu_supports("avx2"))
        rough_rows_avx2(rows, q, item, n, out);
    else
#endif
        rough_few(rows, q, item, n, out);
    for (size_t i = 0; i < n; i++)
        bound[i] = bound_of(&off[item[i] / 64], q);
}
