/* Random histories: events about few contexts, domains and accounts, so that they meet. */
#ifndef PROVD_TESTS_HISTORIES_H
#define PROVD_TESTS_HISTORIES_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/* The next number of a stream (splitmix64). */
uint64_t history_random(uint64_t *stream);

/* Writes a history of up to `max` events as JSON with ' for "; the same for the same seed. */
size_t history_write(uint64_t seed, char **ret_texts, size_t max, struct arena *arena);

#endif
