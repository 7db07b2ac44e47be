/* An allocator that fails when it is told to, to be preloaded. The file that MALLOC_FAIL names is
 * shared memory with one struct of orders, which a test writes and reads while programs run: after
 * so many allocations the next ones fail, `length` of them. Whether the one that is due may fail is
 * decided by who asks: the stack is walked then, and only then.
 *
 * librdkafka ends the process where it has no memory, so that it is left out, or is the only one
 * that is hit. OpenSSL 3.0 reads through null pointers when its tables cannot be made; nobody can
 * do anything about that, and it is left out always. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRAMES_MAX = 48, FRAMES_KEPT = 12, NAME_BYTES = 64 };
enum who { ANYBODY_BUT_KAFKA = 0, ONLY_KAFKA = 1 };

/* The layout is known to test_allocations.py. */
struct orders {
    atomic_int_least64_t left;    /* allocations until one fails; below 0: none fails */
    atomic_int_least64_t length;  /* how many fail then */
    int64_t pid;                  /* of this process; 0: of any */
    int64_t who;                  /* enum who */
    atomic_int_least64_t counted; /* allocations seen */
    atomic_int_least64_t failed;  /* allocations refused */
    int64_t failed_pid;           /* where the last one was */
    int64_t failed_at;            /* the number, among those that were counted, of the first */
    int64_t frame_count;
    int64_t frames[FRAMES_KEPT]; /* of the first refusal: addresses, as offsets into these */
    char objects[FRAMES_KEPT][NAME_BYTES];
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static struct orders *orders;
static _Thread_local bool is_inside;

/* Where the code is that decides for whom an allocation is. */
static struct range {
    const char *name; /* of the library; "": the program */
    uintptr_t begin, end;
} ranges[] = {{"librdkafka", 0, 0}, {"libcrypto", 0, 0}, {"libssl", 0, 0}, {"", 0, 0}};
enum { KAFKA, CRYPTO, SSL, PROGRAM, RANGES };

static void find_code(const struct dl_phdr_info *info, struct range *range)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
            continue;
        range->begin = info->dlpi_addr + header->p_vaddr;
        range->end = range->begin + header->p_memsz;
    }
}

static int find_ranges(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    for (int r = 0; r < RANGES; r++) {
        if (r == PROGRAM ? !*info->dlpi_name : strstr(info->dlpi_name, ranges[r].name) != NULL)
            find_code(info, &ranges[r]);
    }
    return 0;
}

static bool is_in(const struct range *range, const void *address)
{
    return (uintptr_t)address >= range->begin && (uintptr_t)address < range->end;
}

__attribute__((constructor)) static void take_orders(void)
{
    void *frames[2];
    const char *path = getenv("MALLOC_FAIL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    backtrace(frames, 2); /* the first call loads the unwinder, which allocates */
    dl_iterate_phdr(find_ranges, NULL);
    void *memory = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        orders = memory;
}

/* The nearest of those; other libraries work for one of them. */
static int find_asker(void *const *frames, int count)
{
    for (int i = 0; i < count; i++) {
        for (int r = 0; r < RANGES; r++) {
            if (is_in(&ranges[r], frames[i]))
                return r;
        }
    }
    return PROGRAM;
}

static bool may_be_refused(void *const *frames, int count)
{
    int asker = find_asker(frames, count);
    return asker == (orders->who == ONLY_KAFKA ? KAFKA : PROGRAM);
}

static void note(void *const *frames, int count)
{
    orders->failed_pid = getpid();
    orders->failed_at = atomic_load(&orders->counted);
    orders->frame_count = 0;
    for (int i = 2; i < count && orders->frame_count < FRAMES_KEPT; i++) {
        Dl_info info = {.dli_fname = "?"};
        dladdr(frames[i], &info);
        const char *name = strrchr(info.dli_fname, '/');
        int64_t at = orders->frame_count++;
        orders->frames[at] = (char *)frames[i] - (char *)info.dli_fbase;
        strncpy(orders->objects[at], name ? name + 1 : info.dli_fname, NAME_BYTES - 1);
    }
}

/* Is this one to fail? */
static bool is_due(void)
{
    void *frames[FRAMES_MAX];
    if (!orders || is_inside || (orders->pid && orders->pid != getpid()))
        return false;
    atomic_fetch_add(&orders->counted, 1);
    if (atomic_load(&orders->left) < 0 || atomic_fetch_sub(&orders->left, 1) > 0)
        return false;
    is_inside = true;
    int count = backtrace(frames, FRAMES_MAX);
    bool may_fail = may_be_refused(frames, count);
    if (may_fail && atomic_load(&orders->failed) == 0)
        note(frames, count);
    is_inside = false;
    if (!may_fail || atomic_fetch_sub(&orders->length, 1) > 1)
        atomic_store(&orders->left, 0); /* the next one, then */
    if (may_fail)
        atomic_fetch_add(&orders->failed, 1);
    return may_fail;
}

void *malloc(size_t size)
{
    if (is_due()) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (is_due()) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    if (size > 0 && is_due()) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(old, size);
}
