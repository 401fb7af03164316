/* CRP's pool, 5x5 with stride 1 and padding 2, of a map in channels last, in one pass over its rows.

   A row of maxima over 5 rows is made a pixel at a time, two pixels ahead of the row of maxima over 5 pixels that
   is made from it: what is read twice is still in the cache. A NaN is passed on, as torch's pool does; only rows
   near one are compared with that care, which takes twice as long. */

#include "maps.h"

#include <stdbool.h>
#include <string.h>

enum { REACH = 2, WINDOW = 5 };

static inline float larger(float a, float b, bool careful)
{
    float max = a > b ? a : b; /* b when either is NaN */
    return careful && a != a ? a : max;
}

static inline void maximum(float *restrict out, const float *const *values, long count, long channels, bool careful)
{
    if (count == WINDOW) {
        const float *a = values[0], *b = values[1], *c = values[2], *d = values[3], *e = values[4];
        for (long i = 0; i < channels; i++) {
            float max = larger(larger(a[i], b[i], careful), larger(c[i], d[i], careful), careful);
            out[i] = larger(max, e[i], careful);
        }
        return;
    }
    memcpy(out, values[0], channels * sizeof(float)); /* at the rim */
    for (long j = 1; j < count; j++)
        for (long i = 0; i < channels; i++)
            out[i] = larger(out[i], values[j][i], careful);
}

static inline void pool_row(const float *x, float *out, long height, long width, long channels, long y, bool careful)
{
    float ring[WINDOW * channels];
    const float *values[WINDOW];
    for (long ahead = 0; ahead < width + REACH; ahead++) {
        if (ahead < width) {
            long count = 0;
            for (long row = y - REACH; row <= y + REACH; row++)
                if (row >= 0 && row < height)
                    values[count++] = x + (row * width + ahead) * channels;
            maximum(ring + ahead % WINDOW * channels, values, count, channels, careful);
        }
        long here = ahead - REACH;
        if (here >= 0) {
            long count = 0;
            for (long column = here - REACH; column <= here + REACH; column++)
                if (column >= 0 && column < width)
                    values[count++] = ring + column % WINDOW * channels;
            maximum(out + here * channels, values, count, channels, careful);
        }
    }
}

static void pool_rows(const float *x, float *out, long height, long width, long channels, long top, long bottom)
{
    long size = width * channels, seen = top - REACH; /* rows below `seen` were looked at */
    long last_nan = -WINDOW;
    for (long y = top; y < bottom; y++) {
        for (; seen <= y + REACH && seen < height; seen++)
            if (seen >= 0 && has_nan(x + seen * size, size))
                last_nan = seen;
        if (last_nan >= y - REACH)
            pool_row(x, out + y * size, height, width, channels, y, true);
        else
            pool_row(x, out + y * size, height, width, channels, y, false);
    }
}

/* Pool a map x (height, width, channels) into out, of the same shape; threads: 1 or more. */
void carnet_one_pass_pool(const float *x, float *out, long height, long width, long channels, int threads)
{
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int part = 0; part < threads; part++)
        pool_rows(x, out, height, width, channels, height * part / threads, height * (part + 1) / threads);
}
