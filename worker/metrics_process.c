/* process_* of the parent and of its lanes, from /proc. What cannot be read there (another user's
 * view, hidepid) has no series. */
#include "metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { NAME_BYTES = 24, FILE_BYTES_MAX = 4096 };

struct process {
    char name[NAME_BYTES]; /* label `process` */
    int64_t pid;
    double cpu_s, started_s;
    int64_t resident_bytes, virtual_bytes, open_fds; /* -1: unknown */
    bool is_known;
};

static bool read_proc(int64_t pid, const char *file, char ret_text[FILE_BYTES_MAX])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/%s", pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, ret_text, FILE_BYTES_MAX - 1);
    close(fd);
    if (len <= 0)
        return false;
    ret_text[len] = '\0';
    return true;
}

/* Seconds since 1970 at boot. Found once: a start must not move with every correction of the
 * clock. */
static double boot_time_s(void)
{
    static double boot_s;
    if (boot_s > 0)
        return boot_s;
    struct timespec wall, since_boot;
    if (clock_gettime(CLOCK_REALTIME, &wall) != 0 ||
        clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
        return 0;
    boot_s = (double)(wall.tv_sec - since_boot.tv_sec) +
             (double)(wall.tv_nsec - since_boot.tv_nsec) / 1e9;
    return boot_s;
}

static int64_t count_fds(int64_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/fd", pid);
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -1;
    int64_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return pid == getpid() ? count - 1 : count; /* without the one that reads */
}

/* proc(5): the name in parentheses may hold anything, so fields are counted behind its end, where
 * the first is number 3. */
enum stat_field { STAT_USER = 14, STAT_SYSTEM = 15, STAT_START = 22, STAT_VIRTUAL, STAT_RESIDENT };

static bool read_stat(int64_t pid, int64_t ret_fields[STAT_RESIDENT + 1])
{
    char content[FILE_BYTES_MAX];
    if (!read_proc(pid, "stat", content))
        return false;
    struct text rest = text_from(content);
    rest = text_slice(rest, text_find_last(rest, ')'), SIZE_MAX);
    rest = text_slice(rest, 2, SIZE_MAX);
    for (int field = 3; field <= STAT_RESIDENT; field++) {
        size_t space = text_find(rest, ' ');
        if (space == SIZE_MAX)
            return false;
        /* The process's state is a letter and some fields exceed 63 bits; none of these is asked
         * for. */
        if (!text_to_int64(text_slice(rest, 0, space), &ret_fields[field]))
            ret_fields[field] = 0;
        rest = text_slice(rest, space + 1, SIZE_MAX);
    }
    return true;
}

static void measure(struct process *process)
{
    int64_t fields[STAT_RESIDENT + 1];
    if (!read_stat(process->pid, fields))
        return;
    double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    process->cpu_s = (double)(fields[STAT_USER] + fields[STAT_SYSTEM]) * tick_s;
    process->started_s = boot_time_s() + (double)fields[STAT_START] * tick_s;
    process->virtual_bytes = fields[STAT_VIRTUAL];
    process->resident_bytes = fields[STAT_RESIDENT] * sysconf(_SC_PAGESIZE);
    process->open_fds = count_fds(process->pid);
    process->is_known = true;
}

static void write_counts(struct buffer *out, const struct process *processes, int count,
                         const char *name, const char *help, size_t offset)
{
    metrics_head(out, name, "gauge", help);
    for (int i = 0; i < count; i++) {
        int64_t value = *(const int64_t *)((const char *)&processes[i] + offset);
        if (processes[i].is_known && value >= 0)
            buffer_printf(out, "%s{process=\"%s\"} %" PRId64 "\n", name, processes[i].name, value);
    }
}

static void write_times(struct buffer *out, const struct process *processes, int count)
{
    metrics_head(out, "process_cpu_seconds_total", "counter", "Processor time, user and system.");
    for (int i = 0; i < count; i++) {
        if (processes[i].is_known)
            buffer_printf(out, "process_cpu_seconds_total{process=\"%s\"} %.2f\n",
                          processes[i].name, processes[i].cpu_s);
    }
    metrics_head(out, "process_start_time_seconds", "gauge", "Start, seconds since 1970.");
    for (int i = 0; i < count; i++) {
        if (processes[i].is_known)
            buffer_printf(out, "process_start_time_seconds{process=\"%s\"} %.2f\n",
                          processes[i].name, processes[i].started_s);
    }
}

static void write_fd_limit(struct buffer *out)
{
    struct rlimit limit;
    metrics_head(out, "process_max_fds", "gauge", "Limit of open descriptors of each process.");
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        buffer_printf(out, "process_max_fds %" PRIu64 "\n", (uint64_t)limit.rlim_cur);
}

/* The parent first, then the lanes that run. Returns how many. */
static int collect(const struct metrics_source *source, struct process *processes)
{
    int count = 1;
    snprintf(processes[0].name, NAME_BYTES, "parent");
    processes[0].pid = getpid();
    for (int i = 0; i < source->lane_count; i++) {
        int64_t pid = gauge_get(&source->lanes[i].pid);
        if (pid <= 0)
            continue;
        snprintf(processes[count].name, NAME_BYTES, "lane-%d", i);
        processes[count++].pid = pid;
    }
    for (int i = 0; i < count; i++)
        measure(&processes[i]);
    return count;
}

void metrics_write_processes(struct buffer *out, const struct metrics_source *source)
{
    struct process *processes = calloc((size_t)source->lane_count + 1, sizeof(*processes));
    if (processes == NULL) {
        out->failed = true;
        return;
    }
    int count = collect(source, processes);
    write_times(out, processes, count);
    write_counts(out, processes, count, "process_resident_memory_bytes", "Memory in RAM.",
                 offsetof(struct process, resident_bytes));
    write_counts(out, processes, count, "process_virtual_memory_bytes", "Address space.",
                 offsetof(struct process, virtual_bytes));
    write_counts(out, processes, count, "process_open_fds", "Open descriptors.",
                 offsetof(struct process, open_fds));
    write_fd_limit(out);
    free(processes);
}
