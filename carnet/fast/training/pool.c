/* CRP's pool for training, 5x5 with stride 1 and padding 2, of maps in channels last, and its gradient.

   A maximum is found along each row first and then across five rows, so its place is two numbers of one byte: the
   column within the row, kept for every pixel of every row, and the row. Ties go to the first pixel in reading
   order and a NaN is passed on, both as in torch's pool. The gradient goes back the same way, across the rows and
   then along them; as every sum is gathered where it belongs, no two threads write to one place. */

#include "../maps.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { REACH = 2, WINDOW = 5 };

static inline long larger_of(long a, long b) { return a > b ? a : b; }

/* Where `next` is larger than the maximum, or is no number, it takes its place, and `code` is noted. */
static void replace(const float *restrict next, uint8_t code, float *restrict max, uint8_t *restrict codes, long count)
{
    for (long i = 0; i < count; i++) {
        bool takes = (next[i] > max[i]) | (next[i] != next[i]);
        codes[i] = takes ? code : codes[i];
        max[i] = takes ? next[i] : max[i];
    }
}

/* The maximum of `count` rows and which of them, counted from `first`, has it first. */
static void first_maximum(const float *const *values, long count, long first, float *restrict max,
                          uint8_t *restrict codes, long size)
{
    memcpy(max, values[0], size * sizeof(float));
    memset(codes, (int)first, size);
    for (long j = 1; j < count; j++)
        replace(values[j], (uint8_t)(first + j), max, codes, size);
}

/* The same of five rows without a NaN among them: no branch, which is what lets a compiler make vectors of it. */
static void first_maximum_of_five(const float *const *values, float *restrict max, uint8_t *restrict codes, long size)
{
    const float *a = values[0], *b = values[1], *c = values[2], *d = values[3], *e = values[4];
#pragma GCC ivdep
    for (long i = 0; i < size; i++) {
        float ab = a[i] > b[i] ? a[i] : b[i], cd = c[i] > d[i] ? c[i] : d[i], abcd = ab > cd ? ab : cd;
        float most = abcd > e[i] ? abcd : e[i];
        int32_t after_a = a[i] != most, after_b = after_a & (b[i] != most);
        int32_t after_c = after_b & (c[i] != most), after_d = after_c & (d[i] != most);
        max[i] = most;
        codes[i] = (uint8_t)(after_a + after_b + after_c + after_d);
    }
}

/* Each pixel's maximum within its row, and its column there, 0 to 4. */
static void along_row(const float *x, float *max, uint8_t *columns, long width, long channels, bool careful)
{
    long inner = width - 2 * REACH; /* pixels that have all their neighbours */
    if (inner > 0 && !careful) {
        const float *values[WINDOW];
        for (long j = 0; j < WINDOW; j++)
            values[j] = x + j * channels;
        first_maximum_of_five(values, max + REACH * channels, columns + REACH * channels, inner * channels);
    }
    for (long here = 0; here < width; here++) {
        if (here == REACH && inner > 0 && !careful)
            here += inner; /* those are done */
        long left = larger_of(here - REACH, 0), right = smaller_of(here + REACH, width - 1);
        const float *values[WINDOW];
        for (long column = left; column <= right; column++)
            values[column - left] = x + column * channels;
        first_maximum(values, right - left + 1, left - here + REACH, max + here * channels,
                      columns + here * channels, channels);
    }
}

/* Pool maps x (batch, height, width, channels) into out; rows and columns, of the same shape, say where from.
   False where there is no memory for it; threads: 1 or more. */
bool carnet_pool(const float *x, float *out, uint8_t *rows, uint8_t *columns, long batch, long height, long width,
                 long channels, int threads)
{
    long size = width * channels, all = batch * height;
    int failed = 0;
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(| : failed)
    for (int part = 0; part < threads; part++) {
        long from = all * part / threads, to = all * (part + 1) / threads, seen = -1;
        float *ring = malloc(WINDOW * size * sizeof(float)); /* the last five rows, pooled along themselves */
        uint8_t *other_parts = malloc(size);                 /* columns of a row that another thread writes */
        bool row_has_nan[WINDOW];
        if (ring == NULL || other_parts == NULL)
            failed = 1;
        for (long row = from; row < to && !failed; row++) {
            long y = row % height;
            long top = row - smaller_of(y, REACH), bottom = row + smaller_of(height - 1 - y, REACH);
            const float *values[WINDOW];
            bool careful = false;
            for (long r = top; r <= bottom; r++) {
                float *max = ring + r % WINDOW * size;
                if (r > seen) {
                    row_has_nan[r % WINDOW] = has_nan(x + r * size, size);
                    along_row(x + r * size, max, r < from || r >= to ? other_parts : columns + r * size, width,
                              channels, row_has_nan[r % WINDOW]);
                    seen = r;
                }
                careful |= row_has_nan[r % WINDOW];
                values[r - top] = max;
            }
            if (bottom - top + 1 == WINDOW && !careful)
                first_maximum_of_five(values, out + row * size, rows + row * size, size);
            else
                first_maximum(values, bottom - top + 1, top - row + REACH, out + row * size, rows + row * size, size);
        }
        free(ring);
        free(other_parts);
    }
    return !failed;
}

/* What a row gave to the maxima of the rows around it, summed into `sum`. */
static void across_rows(const float *gradient, const uint8_t *rows, long row, long y, long height, long size,
                        float *restrict sum)
{
    if (y >= REACH && y + REACH < height) {
        const float *a = gradient + (row - REACH) * size, *b = a + size, *c = b + size, *d = c + size, *e = d + size;
        const uint8_t *of_a = rows + (row - REACH) * size, *of_b = of_a + size, *of_c = of_b + size,
                      *of_d = of_c + size, *of_e = of_d + size;
        for (long i = 0; i < size; i++) {
            float s = of_a[i] == 4 ? a[i] : 0;
            s += of_b[i] == 3 ? b[i] : 0;
            s += of_c[i] == 2 ? c[i] : 0;
            s += of_d[i] == 1 ? d[i] : 0;
            s += of_e[i] == 0 ? e[i] : 0;
            sum[i] = s;
        }
        return;
    }
    memset(sum, 0, size * sizeof(float));
    for (long r = row - smaller_of(y, REACH); r <= row + smaller_of(height - 1 - y, REACH); r++) {
        const float *g = gradient + r * size;
        const uint8_t *of_r = rows + r * size;
        uint8_t wanted = (uint8_t)(row - r + REACH);
        for (long i = 0; i < size; i++)
            sum[i] += of_r[i] == wanted ? g[i] : 0;
    }
}

/* The gradient for x plus `beside`, into out, given that for the pooled maps; shapes as in carnet_pool. */
bool carnet_pool_backward(const float *gradient, const uint8_t *rows, const uint8_t *columns, const float *beside,
                          float *out, long batch, long height, long width, long channels, int threads)
{
    long size = width * channels, rim = REACH * channels, all = batch * height;
    int failed = 0;
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(| : failed)
    for (int part = 0; part < threads; part++) {
        float *sums = calloc(size + 2 * rim, sizeof(float)); /* with two pixels of 0 on either side */
        uint8_t *codes = calloc(size + 2 * rim, 1);
        if (sums == NULL || codes == NULL)
            failed = 1;
        for (long row = all * part / threads; row < all * (part + 1) / threads && !failed; row++) {
            across_rows(gradient, rows, row, row % height, height, size, sums + rim);
            memcpy(codes + rim, columns + row * size, size);
            const float *a = sums, *b = a + channels, *c = b + channels, *d = c + channels, *e = d + channels;
            const uint8_t *of_a = codes, *of_b = of_a + channels, *of_c = of_b + channels, *of_d = of_c + channels,
                          *of_e = of_d + channels;
            const float *restrict start = beside + row * size;
            float *restrict total = out + row * size;
            for (long i = 0; i < size; i++) {
                float t = start[i];
                t += of_a[i] == 4 ? a[i] : 0;
                t += of_b[i] == 3 ? b[i] : 0;
                t += of_c[i] == 2 ? c[i] : 0;
                t += of_d[i] == 1 ? d[i] : 0;
                t += of_e[i] == 0 ? e[i] : 0;
                total[i] = t;
            }
        }
        free(sums);
        free(codes);
    }
    return !failed;
}
