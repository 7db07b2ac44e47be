#include "process.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Added to the kernel's badness in thousandths of all memory. */
#define OOM_SCORE_OF_LANE "200"

#ifdef __SANITIZE_ADDRESS__
static const bool has_leak_check = true;
#else
static const bool has_leak_check = false;
#endif

void process_protect(void)
{
    /* A dump written by a handler of core_pattern ignores the limit, but not PR_SET_DUMPABLE. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (!has_leak_check && getenv("PROVD_ALLOW_PTRACE") == NULL)
        prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void process_keep_standard_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_NOCTTY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

void process_set_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}

void process_close_inherited(void)
{
    close_range(STDERR_FILENO + 1, ~0U, 0);
}

bool process_follow_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* It may have died before that call. */
    return getppid() == parent;
}

void process_share_heaps(void)
{
    enum { HEAPS = 2 };
    if (getenv("MALLOC_ARENA_MAX") == NULL)
        mallopt(M_ARENA_MAX, HEAPS);
}

/* A process that is not dumpable owns none of its files in /proc unless it is root: then this
 * fails, and the kernel's own choice stands. */
void process_offer_to_oom_killer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t written = write(fd, OOM_SCORE_OF_LANE, sizeof(OOM_SCORE_OF_LANE) - 1);
    (void)written;
    close(fd);
}
