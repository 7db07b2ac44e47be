#include "base/failpoint.h"

#ifdef PROVD_FAIL_POINTS

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { NAMES_MAX = 32, NAME_LEN_MAX = 48, SPEC_LEN_MAX = 1024 };

/* How often each point was hit in this process. */
static struct {
    char name[NAME_LEN_MAX];
    long hits;
} points[NAMES_MAX];

static pthread_mutex_t points_mutex = PTHREAD_MUTEX_INITIALIZER;

static long count_hit_locked(const char *name)
{
    for (int i = 0; i < NAMES_MAX; i++) {
        if (!points[i].name[0])
            snprintf(points[i].name, sizeof points[i].name, "%s", name);
        if (strcmp(points[i].name, name) == 0)
            return ++points[i].hits;
    }
    return 0;
}

static long count_hit(const char *name)
{
    pthread_mutex_lock(&points_mutex);
    long hits = count_hit_locked(name);
    pthread_mutex_unlock(&points_mutex);
    return hits;
}

/* The specification in force, into `spec`. */
static void read_spec(char spec[SPEC_LEN_MAX])
{
    const char *path = getenv("PROVD_FAILPOINT_FILE");
    const char *text = getenv("PROVD_FAILPOINTS");
    snprintf(spec, SPEC_LEN_MAX, "%s", text ? text : "");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file)
        return;
    size_t len = fread(spec, 1, SPEC_LEN_MAX - 1, file);
    spec[len] = '\0';
    fclose(file);
}

static void act(const char *action)
{
    if (strncmp(action, "kill", 4) == 0)
        kill(getpid(), SIGKILL);
    else if (strncmp(action, "stop", 4) == 0)
        raise(SIGSTOP); /* to this thread: sent to the process, it could let this one run on */
    else if (strncmp(action, "sleep-", 6) == 0)
        clock_sleep_ms(strtol(action + 6, NULL, 10));
}

/* A line for each time that something happens, or the test would not know whether anybody came. */
static void tell(const char *item)
{
    char path[PATH_MAX];
    const char *spec_path = getenv("PROVD_FAILPOINT_FILE");
    if (!spec_path)
        return;
    snprintf(path, sizeof path, "%s.acted", spec_path);
    FILE *file = fopen(path, "a");
    if (!file)
        return;
    fprintf(file, "%s\n", item);
    fclose(file);
}

void failpoint_hit(const char *name)
{
    char spec[SPEC_LEN_MAX];
    long hits = count_hit(name);
    size_t len = strlen(name);
    char *rest = spec;
    read_spec(spec);
    for (char *item; (item = strsep(&rest, ",\n")) != NULL;) {
        if (strncmp(item, name, len) != 0 || item[len] != '=')
            continue;
        const char *action = item + len + 1, *nth = strchr(action, ':');
        bool is_each = nth && nth[1] == '*';
        if (!is_each && hits != (nth ? strtol(nth + 1, NULL, 10) : 1))
            continue;
        tell(item);
        act(action);
    }
}

#endif
