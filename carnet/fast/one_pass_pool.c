/* CRP's pool, 5x5 with stride 1 and padding 2, of a map in channels last, in one pass over its rows.

   A row of maxima over 5 rows is made a pixel at a time, two pixels ahead of the row of maxima over 5 pixels that
   is made from it: what is read twice is still in the cache. A NaN is passed on, as torch's pool does; only rows
   near one are compared with that care, which takes twice as long. */

#include "maps.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { REACH = 2, WINDOW = 5 };

static inline float larger_fp32(float a, float b, bool careful)
{
    float max = a > b ? a : b; /* b when either is NaN */
    return careful && a != a ? a : max;
}

#define has_nan_fp32 has_nan
#define VALUE float
#define FOR_VALUE(name) name##_fp32
#include "one_pass_pool_rows.h"

/* bfloat16 as its bits: integers of this order are in the order of the numbers. */
static inline int16_t ordered(int16_t bits) { return bits ^ ((bits >> 15) & 0x7fff); }

static inline bool is_nan_bf16(int16_t bits) { return (bits & 0x7fff) > 0x7f80; }

static inline int16_t larger_bf16(int16_t a, int16_t b, bool careful)
{
    int16_t max = ordered(a) > ordered(b) ? a : b;
    return careful && is_nan_bf16(a) ? a : careful && is_nan_bf16(b) ? b : max;
}

static inline bool has_nan_bf16(const int16_t *values, long count)
{
    int found = 0;
    for (long i = 0; i < count; i++)
        found |= is_nan_bf16(values[i]);
    return found;
}

#define VALUE int16_t
#define FOR_VALUE(name) name##_bf16
#include "one_pass_pool_rows.h"
