/* Eq. 1 in training, activation included, of maps in channels last: out = clamp(high + sigma_a * low), sigma_a one
   number for each image and channel. Whether the clamp let a value through is seen from out. */

#include "../maps.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32 };

/* Maps are (images, pixels, channels), sigma (images, channels). True, as it needs no memory. */
bool carnet_fusion(const float *low, const float *high, const float *sigma, float *out, float low_end, float high_end,
                   long images, long pixels, long channels, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long p = 0; p < images * pixels; p++) {
        const float *restrict l = low + p * channels, *restrict h = high + p * channels;
        const float *restrict s = sigma + p / pixels * channels;
        float *restrict to = out + p * channels;
        for (long i = 0; i < channels; i++)
            to[i] = clamped(h[i] + s[i] * l[i], low_end, high_end);
    }
    return true;
}

/* The gradient for sigma, in double: of each image and channel the sum of gradient * low over pixels.
   False where there is no memory. */
bool carnet_fusion_sums(const float *gradient, const float *out, const float *low, double *sums, float low_end,
                        float high_end, long images, long pixels, long channels, int threads)
{
    long size = images * channels, all = images * pixels;
    double *parts = calloc((size_t)threads * size, sizeof(double));
    float *chunks = malloc((size_t)threads * channels * sizeof(float));
    bool has_memory = parts != NULL && chunks != NULL;
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (has_memory)
    for (int part = 0; part < (has_memory ? threads : 0); part++) {
        float *restrict sum = chunks + (size_t)part * channels;
        long to = all * (part + 1) / threads;
        for (long p = all * part / threads, end; p < to; p = end) {
            end = smaller_of(smaller_of(p + CHUNK, to), (p / pixels + 1) * pixels); /* of one image */
            memset(sum, 0, channels * sizeof(float));
            for (long q = p; q < end; q++) {
                const float *restrict g = gradient + q * channels, *restrict o = out + q * channels;
                const float *restrict l = low + q * channels;
                for (long i = 0; i < channels; i++)
                    sum[i] += let_through(g[i], o[i], low_end, high_end) * l[i];
            }
            double *of_part = parts + part * size + p / pixels * channels;
            for (long i = 0; i < channels; i++)
                of_part[i] += sum[i];
        }
    }
    for (long i = 0; has_memory && i < size; i++) {
        sums[i] = 0;
        for (int part = 0; part < threads; part++)
            sums[i] += parts[part * size + i];
    }
    free(parts);
    free(chunks);
    return has_memory;
}

/* The gradients for low and high, to which those that came through the means are added: a number for each image and
   channel. True, as above. */
bool carnet_fusion_backward(const float *gradient, const float *out, const float *sigma, const float *of_mean_low,
                            const float *of_mean_high, float *of_low, float *of_high, float low_end, float high_end,
                            long images, long pixels, long channels, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long p = 0; p < images * pixels; p++) {
        const float *restrict g = gradient + p * channels, *restrict o = out + p * channels;
        const float *restrict s = sigma + p / pixels * channels;
        const float *restrict a = of_mean_low + p / pixels * channels, *restrict b = of_mean_high + p / pixels * channels;
        float *restrict to_low = of_low + p * channels, *restrict to_high = of_high + p * channels;
#pragma GCC ivdep
        for (long i = 0; i < channels; i++) {
            float through = let_through(g[i], o[i], low_end, high_end);
            to_low[i] = through * s[i] + a[i];
            to_high[i] = through + b[i];
        }
    }
    return true;
}
