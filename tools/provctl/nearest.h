/* "Did you mean ...?": the known name that looks most like the one that was given. */
#ifndef PROVCTL_NEAREST_H
#define PROVCTL_NEAREST_H

struct nearest {
    const char *wanted;
    const char *best; /* NULL: none is near enough */
    int best_distance;
};

struct nearest nearest_begin(const char *wanted); /* NULL matches nothing */
void nearest_offer(struct nearest *nearest, const char *name);

#endif
