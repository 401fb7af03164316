/* Each pixel's class of largest logit after a bilinear enlargement, without the enlarged logits.

   A row of small logits is widened once, class by class; the rows of labels between two such rows are weighted sums
   of them, compared class by class. So what is written is a byte per pixel and not a number per pixel and class. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Where each output position lies between two of the input; weight is that of `above`. */
struct axis {
    const int32_t *below, *above;
    const float *weight;
};

static void widen(const float *row, float *wide, long classes, long out_width, struct axis columns)
{
    for (long c = 0; c < classes; c++)
        for (long x = 0; x < out_width; x++) {
            float left = row[columns.below[x] * classes + c], right = row[columns.above[x] * classes + c];
            wide[c * out_width + x] = left + (right - left) * columns.weight[x];
        }
}

static void choose(const float *upper, const float *lower, float weight, long classes, long out_width, float *best,
                   int32_t *found, uint8_t *out)
{
    for (long x = 0; x < out_width; x++) {
        best[x] = upper[x] + (lower[x] - upper[x]) * weight;
        found[x] = 0;
    }
    for (int32_t c = 1; c < classes; c++) {
        upper += out_width;
        lower += out_width;
        for (long x = 0; x < out_width; x++) {
            float logit = upper[x] + (lower[x] - upper[x]) * weight;
            found[x] = logit > best[x] ? c : found[x]; /* the first of equal ones stays */
            best[x] = logit > best[x] ? logit : best[x];
        }
    }
    for (long x = 0; x < out_width; x++)
        out[x] = (uint8_t)found[x];
}

static bool label_rows(const float *logits, uint8_t *out, long width, long classes, long out_width, struct axis rows,
                       struct axis columns, long top, long bottom)
{
    long size = classes * out_width;
    float *memory = malloc((2 * size + 2 * out_width) * sizeof(float));
    if (memory == NULL)
        return false;
    float *wide[2] = {memory, memory + size}; /* of the input rows that `held` names */
    long held[2] = {-1, -1};
    for (long y = top; y < bottom; y++) {
        long wanted[2] = {rows.below[y], rows.above[y]};
        const float *row[2];
        for (int i = 0; i < 2; i++) {
            /* neighbours differ in their last bit, so neither takes the other's place */
            int place = (int)(wanted[i] & 1);
            if (held[place] != wanted[i]) {
                widen(logits + wanted[i] * width * classes, wide[place], classes, out_width, columns);
                held[place] = wanted[i];
            }
            row[i] = wide[place];
        }
        choose(row[0], row[1], rows.weight[y], classes, out_width, memory + 2 * size,
               (int32_t *)(memory + 2 * size + out_width), out + y * out_width);
    }
    free(memory);
    return true;
}

/* Label an enlargement of logits (height, width, classes); out: (out_height, out_width), at most 256 classes; threads:
   1 or more. False where memory is missing. */
bool carnet_enlarged_labels(const float *logits, uint8_t *out, long width, long classes, long out_height,
                            long out_width, const int32_t *row_below, const int32_t *row_above,
                            const float *row_weight, const int32_t *column_below, const int32_t *column_above,
                            const float *column_weight, int threads)
{
    struct axis rows = {row_below, row_above, row_weight};
    struct axis columns = {column_below, column_above, column_weight};
    int missing = 0;
#pragma omp parallel for schedule(static, 1) num_threads(threads) reduction(| : missing)
    for (int part = 0; part < threads; part++)
        missing |= !label_rows(logits, out, width, classes, out_width, rows, columns, out_height * part / threads,
                               out_height * (part + 1) / threads);
    return !missing;
}
