/* The rows of one_pass_pool.c, included there once for each kind of number.

   Defined by then: VALUE, the kind; FOR_VALUE(name), a name with the kind's ending; and for it `larger` and `has_nan`. */

#define maximum FOR_VALUE(maximum)
#define pool_row FOR_VALUE(pool_row)
#define pool_rows FOR_VALUE(pool_rows)
#define larger FOR_VALUE(larger)
#define has_nan FOR_VALUE(has_nan)

static inline void maximum(VALUE *restrict out, const VALUE *const *values, long count, long channels, bool careful)
{
    if (count == WINDOW) {
        const VALUE *a = values[0], *b = values[1], *c = values[2], *d = values[3], *e = values[4];
        for (long i = 0; i < channels; i++) {
            VALUE max = larger(larger(a[i], b[i], careful), larger(c[i], d[i], careful), careful);
            out[i] = larger(max, e[i], careful);
        }
        return;
    }
    memcpy(out, values[0], channels * sizeof(VALUE)); /* at the rim */
    for (long j = 1; j < count; j++)
        for (long i = 0; i < channels; i++)
            out[i] = larger(out[i], values[j][i], careful);
}

static inline void pool_row(const VALUE *x, VALUE *out, long height, long width, long channels, long y, bool careful)
{
    VALUE ring[WINDOW * channels];
    const VALUE *values[WINDOW];
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

static void pool_rows(const VALUE *x, VALUE *out, long height, long width, long channels, long top, long bottom)
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
void FOR_VALUE(carnet_one_pass_pool)(const VALUE *x, VALUE *out, long height, long width, long channels, int threads)
{
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int part = 0; part < threads; part++)
        pool_rows(x, out, height, width, channels, height * part / threads, height * (part + 1) / threads);
}

#undef maximum
#undef pool_row
#undef pool_rows
#undef larger
#undef has_nan
#undef VALUE
#undef FOR_VALUE
