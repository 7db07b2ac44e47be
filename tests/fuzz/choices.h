/* The input of a fuzzer as a row of choices: each takes a byte or a few from the front. Where
 * nothing is left every choice is the first one, so that short inputs mean something too. */
#ifndef PROVD_TESTS_FUZZ_CHOICES_H
#define PROVD_TESTS_FUZZ_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct choices {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t choose_byte(struct choices *choices)
{
    if (choices->left == 0)
        return 0;
    choices->left--;
    return *choices->at++;
}

/* 0 to n - 1; n from 1 to 256. */
static inline size_t choose_below(struct choices *choices, size_t n)
{
    return choose_byte(choices) % n;
}

/* Rarely true, and never where the input has ended. */
static inline bool choose_rarely(struct choices *choices, size_t one_in)
{
    return choose_below(choices, one_in) == one_in - 1;
}

static inline int64_t choose_int64(struct choices *choices)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | choose_byte(choices);
    return (int64_t)value;
}

/* The next bytes, up to `len_max` of them, as they are: a length, then that many. */
static inline struct text choose_bytes(struct choices *choices, size_t len_max)
{
    size_t len = (size_t)choose_byte(choices) << 8;
    len |= choose_byte(choices);
    len = len > len_max ? len_max : len;
    len = len > choices->left ? choices->left : len;
    struct text bytes = {(const char *)choices->at, len};
    choices->at += len;
    choices->left -= len;
    return bytes;
}

#define CHOOSE(choices, ...)                                                                       \
    (((const char *const[]){__VA_ARGS__})[choose_below(                                            \
        (choices), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))])

#endif
