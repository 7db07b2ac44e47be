/* Memory that is there, or the end of the process.
 *
 * For what is small and cannot be given up: without it a partition would silently not be read, an
 * event judged by a table that is not there, a good schema be called bad. A process that ends loses
 * nothing: its transactions are not committed, and the parent starts another lane. */
#ifndef PROVD_BASE_MEMORY_H
#define PROVD_BASE_MEMORY_H

#include <stddef.h>

/* Says on standard error what needed how many bytes and ends the process at once with EX_TEMPFAIL.
 */
_Noreturn void memory_exhausted(const char *what, size_t bytes);

/* As calloc, realloc and strdup; the caller frees. Never NULL, also for nothing at all. */
void *memory_zalloc(const char *what, size_t count, size_t size) __attribute__((malloc));
void *memory_resize(const char *what, void *old, size_t bytes);
char *memory_copy_z(const char *what, const char *z) __attribute__((malloc));

#endif
