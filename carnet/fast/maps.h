/* What the files in C share: maps are 32-bit floats in channels last. */

#ifndef CARNET_MAPS_H
#define CARNET_MAPS_H

#include <stdbool.h>

static inline long smaller_of(long a, long b) { return a < b ? a : b; }

static inline bool has_nan(const float *values, long count)
{
    int found = 0;
    for (long i = 0; i < count; i++)
        found |= values[i] != values[i];
    return found;
}

static inline float clamped(float value, float low, float high)
{
    value = value < low ? low : value; /* a NaN is neither below nor above */
    return value > high ? high : value;
}

/* What a clamp let through of a gradient; as in torch, nothing where the value lies on a bound or beyond, before the
   clamp or after it. */
static inline float let_through(float gradient, float value, float low, float high)
{
    return (value <= low) | (value >= high) ? 0 : gradient;
}

#endif
