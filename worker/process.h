/* What the processes of provd do to themselves at their start: protection of the secrets in their
 * memory, names, the tie between parent and lanes. All of it is Linux's own. */
#ifndef PROVD_PROCESS_H
#define PROVD_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* No core dumps, no debugger, no reading of this memory by other processes of the user: it holds
 * passwords. Not done where PROVD_ALLOW_PTRACE is set (a debugger is wanted) or the build has
 * AddressSanitizer, whose leak check stops the process by ptrace at its end. Inherited by forks. */
void process_protect(void);

/* Opens /dev/null where 0, 1 or 2 are closed, so that no socket gets their numbers and receives the
 * log. */
void process_keep_standard_fds(void);

/* --- in a lane, just forked --------------------------------------------------------------------
 */

/* The name in ps and top, at most 15 bytes. */
void process_set_name(const char *name);
/* Closes all descriptors but 0, 1 and 2. */
void process_close_inherited(void);
/* Asks for SIGTERM when the parent dies, however it dies. False when it is dead already. */
bool process_follow_parent(pid_t parent);
/* Keeps malloc from a heap of its own for each of librdkafka's threads: before the first of them.
 * What one thread takes another gives back here, and its heap would go cold. MALLOC_ARENA_MAX in
 * the environment is an operator's choice and stands. */
void process_share_heaps(void);
/* When memory runs out the kernel is to take a lane, which is restarted, and not the parent. */
void process_offer_to_oom_killer(void);

#endif
