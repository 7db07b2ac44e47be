/* Named places where a test can make a process die, stop or fail. Compiled in by PROVD_FAIL_POINTS
 * only; otherwise nothing is left of them.
 *
 * What happens is set by the environment,
 * PROVD_FAILPOINTS="after_commit=kill:3,before_commit=stop", or by the file that
 * PROVD_FAILPOINT_FILE names, with the same text, read again at each hit when it has changed.
 * Actions: kill (SIGKILL), stop (SIGSTOP), sleep-MS, each at the n-th hit (default 1) once; ":*" is
 * every hit. What happens is told first, a line each time, in that file's name with ".acted". */
#ifndef PROVD_BASE_FAILPOINT_H
#define PROVD_BASE_FAILPOINT_H

#ifdef PROVD_FAIL_POINTS
void failpoint_hit(const char *name);
#define FAILPOINT(name) failpoint_hit(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
