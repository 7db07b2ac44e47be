#include "nearest.h"

#include <ctype.h>
#include <string.h>

enum { NAME_LEN_MAX = 64, DISTANCE_MAX = 3 };

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's distance, case aside. */
static int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int row[NAME_LEN_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= a_len; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= b_len; j++) {
            int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            int above = row[j];
            row[j] = smallest(row[j] + 1, row[j - 1] + 1, diagonal + !same);
            diagonal = above;
        }
    }
    return row[b_len];
}

struct nearest nearest_begin(const char *wanted)
{
    return (struct nearest){.wanted = wanted, .best_distance = DISTANCE_MAX + 1};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t wanted_len = nearest->wanted ? strlen(nearest->wanted) : 0;
    size_t name_len = name ? strlen(name) : 0;

    if (wanted_len == 0 || name_len == 0 || wanted_len > NAME_LEN_MAX || name_len > NAME_LEN_MAX)
        return;
    int steps = distance(nearest->wanted, wanted_len, name, name_len);
    /* Short names are near to everything. */
    if (steps < nearest->best_distance && (size_t)steps * 2 < name_len) {
        nearest->best = name;
        nearest->best_distance = steps;
    }
}
