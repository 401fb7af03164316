/* Batch-norm in training and the clamp after it, of maps (pixels, channels) in channels last, and their gradients.

   Forward goes through x twice, backward through x and the gradient twice; nothing else of the size of a map is
   kept or written, for whether the clamp let a value through is found again from x. Sums are of 32 pixels in single
   precision and of those in double, each thread's in its own place, so that they depend on the number of threads
   alone. */

#include "../maps.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32 };

/* The same of one channel as torch has them, of numbers too large for 32 bits and of infinities too. */
static void plain_moments(const float *x, long pixels, long channels, double *mean, double *deviations)
{
    double sum = 0, squares = 0;
    for (long p = 0; p < pixels; p++)
        sum += x[p * channels];
    *mean = sum / (double)pixels;
    for (long p = 0; p < pixels; p++)
        squares += (x[p * channels] - *mean) * (x[p * channels] - *mean);
    *deviations = squares;
}

/* Mean and sum of squared deviations of each channel; false where there is no memory. */
static bool moments(const float *x, long pixels, long channels, double *mean, double *deviations, int threads)
{
    double *parts = calloc((size_t)threads * 2 * channels, sizeof(double));
    float *sums = malloc((size_t)threads * 2 * channels * sizeof(float));
    bool has_memory = parts != NULL && sums != NULL;
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (has_memory)
    for (int part = 0; part < (has_memory ? threads : 0); part++) {
        double *restrict part_mean = parts + (size_t)part * 2 * channels, *restrict part_deviations = part_mean + channels;
        float *restrict chunk_mean = sums + (size_t)part * 2 * channels, *restrict squares = chunk_mean + channels;
        long from = pixels * part / threads, to = pixels * (part + 1) / threads;
        for (long p = from; p < to; p += CHUNK) {
            long count = smaller_of(to - p, CHUNK);
            const float *chunk = x + p * channels;
            memset(chunk_mean, 0, 2 * channels * sizeof(float));
            for (long j = 0; j < count; j++)
                for (long i = 0; i < channels; i++)
                    chunk_mean[i] += chunk[j * channels + i];
            for (long i = 0; i < channels; i++)
                chunk_mean[i] /= (float)count;
            for (long j = 0; j < count; j++)
                for (long i = 0; i < channels; i++) {
                    float deviation = chunk[j * channels + i] - chunk_mean[i];
                    squares[i] += deviation * deviation;
                }
            double before = (double)(p - from), share = (double)count / (before + (double)count);
            for (long i = 0; i < channels; i++) { /* Chan, Golub and LeVeque's sum of two samples */
                double apart = chunk_mean[i] - part_mean[i];
                part_deviations[i] += squares[i] + apart * apart * before * share;
                part_mean[i] += apart * share;
            }
        }
    }
    for (long i = 0; has_memory && i < channels; i++) {
        double before = 0;
        mean[i] = deviations[i] = 0;
        for (int part = 0; part < threads; part++) {
            double count = (double)(pixels * (part + 1) / threads - pixels * part / threads);
            if (count == 0)
                continue;
            double apart = parts[(size_t)part * 2 * channels + i] - mean[i], share = count / (before + count);
            deviations[i] += parts[(size_t)part * 2 * channels + channels + i] + apart * apart * before * share;
            mean[i] += apart * share;
            before += count;
        }
    }
    for (long i = 0; has_memory && i < channels; i++)
        if (!isfinite(mean[i]) || !isfinite(deviations[i]))
            plain_moments(x + i, pixels, channels, mean + i, deviations + i);
    free(parts);
    free(sums);
    return has_memory;
}

/* out = x * scale + shift, not below low and not above high. */
static void apply(const float *x, float *out, const float *restrict scale, const float *restrict shift, float low,
                  float high, long pixels, long channels, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long p = 0; p < pixels; p++) {
        const float *restrict from = x + p * channels;
        float *restrict to = out + p * channels;
        for (long i = 0; i < channels; i++)
            to[i] = clamped(from[i] * scale[i] + shift[i], low, high);
    }
}

/* The sums over pixels of the gradient let through, and of it times (x - mean). */
static bool sums_of(const float *x, const float *gradient, const float *restrict scale, const float *restrict shift,
                    const float *restrict mean, float low, float high, long pixels, long channels, double *sum,
                    double *sum_of_products, int threads)
{
    double *parts = calloc((size_t)threads * 2 * channels, sizeof(double));
    float *sums = malloc((size_t)threads * 2 * channels * sizeof(float));
    bool has_memory = parts != NULL && sums != NULL;
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (has_memory)
    for (int part = 0; part < (has_memory ? threads : 0); part++) {
        double *restrict of_part = parts + (size_t)part * 2 * channels;
        float *restrict of_chunk = sums + (size_t)part * 2 * channels, *restrict products = of_chunk + channels;
        long from = pixels * part / threads, to = pixels * (part + 1) / threads;
        for (long p = from; p < to; p += CHUNK) {
            long end = smaller_of(to, p + CHUNK);
            memset(of_chunk, 0, 2 * channels * sizeof(float));
            for (long q = p; q < end; q++) {
                const float *restrict v = x + q * channels, *restrict g = gradient + q * channels;
#pragma GCC ivdep
                for (long i = 0; i < channels; i++) {
                    float through = let_through(g[i], v[i] * scale[i] + shift[i], low, high);
                    of_chunk[i] += through;
                    products[i] += through * (v[i] - mean[i]);
                }
            }
            for (long i = 0; i < 2 * channels; i++)
                of_part[i] += of_chunk[i];
        }
    }
    for (long i = 0; has_memory && i < channels; i++) {
        sum[i] = sum_of_products[i] = 0;
        for (int part = 0; part < threads; part++) {
            sum[i] += parts[(size_t)part * 2 * channels + i];
            sum_of_products[i] += parts[(size_t)part * 2 * channels + channels + i];
        }
    }
    free(parts);
    free(sums);
    return has_memory;
}

/* The gradient for x: scale * (gradient let through - offset - (x - mean) * slope). */
static void input_gradient(const float *x, const float *gradient, float *out, const float *restrict scale,
                          const float *restrict shift, const float *restrict mean, const float *restrict offset,
                          const float *restrict slope, float low, float high, long pixels, long channels, int threads)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long p = 0; p < pixels; p++) {
        const float *restrict v = x + p * channels, *restrict g = gradient + p * channels;
        float *restrict to = out + p * channels;
        for (long i = 0; i < channels; i++) {
            float through = let_through(g[i], v[i] * scale[i] + shift[i], low, high);
            to[i] = scale[i] * (through - offset[i] - (v[i] - mean[i]) * slope[i]);
        }
    }
}

/* out = clamp((x - mean) / sqrt(var + eps) * weight + bias), and the running statistics take their share of mean and
   variance. For the gradient it keeps `inverse`, 1 / sqrt(var + eps), and of one row of `kept` each: scale, shift,
   mean. False where there is no memory. */
bool carnet_norm(const float *x, const float *weight, const float *bias, float *running_mean, float *running_var,
                 double momentum, double eps, float *out, double *inverse, float *kept, float low, float high,
                 long pixels, long channels, int threads)
{
    float *scale = kept, *shift = kept + channels, *kept_mean = kept + 2 * channels;
    double *mean = malloc(2 * channels * sizeof(double)), *deviations = mean + channels;
    bool is_done = mean != NULL && moments(x, pixels, channels, mean, deviations, threads);
    for (long i = 0; is_done && i < channels; i++) {
        inverse[i] = 1 / sqrt(deviations[i] / (double)pixels + eps);
        double exact_scale = weight[i] * inverse[i];
        scale[i] = (float)exact_scale;
        shift[i] = (float)(bias[i] - mean[i] * exact_scale);
        kept_mean[i] = (float)mean[i];
        double unbiased = deviations[i] / (double)(pixels - 1);
        /* in torch's own form, which keeps an infinity */
        running_mean[i] = (float)(momentum * (float)mean[i] + (1 - momentum) * running_mean[i]);
        running_var[i] = (float)(momentum * (float)unbiased + (1 - momentum) * running_var[i]);
    }
    if (is_done)
        apply(x, out, scale, shift, low, high, pixels, channels, threads);
    free(mean);
    return is_done;
}

/* The gradients for x, weight and bias, from that for out and what carnet_norm kept. */
bool carnet_norm_backward(const float *x, const float *gradient, const double *inverse, const float *kept,
                          float *of_x, float *of_weight, float *of_bias, float low, float high, long pixels,
                          long channels, int threads)
{
    const float *scale = kept, *shift = kept + channels, *mean = kept + 2 * channels;
    double *sum = malloc(2 * channels * sizeof(double)), *products = sum + channels;
    float *offset = malloc(2 * channels * sizeof(float)), *slope = offset + channels;
    bool is_done = sum != NULL && offset != NULL &&
                   sums_of(x, gradient, scale, shift, mean, low, high, pixels, channels, sum, products, threads);
    for (long i = 0; is_done && i < channels; i++) {
        of_bias[i] = (float)sum[i];
        of_weight[i] = (float)(products[i] * inverse[i]);
        offset[i] = (float)(sum[i] / (double)pixels);
        slope[i] = (float)(products[i] * inverse[i] * inverse[i] / (double)pixels);
    }
    if (is_done)
        input_gradient(x, gradient, of_x, scale, shift, mean, offset, slope, low, high, pixels, channels, threads);
    free(sum);
    free(offset);
    return is_done;
}
