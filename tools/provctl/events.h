/* The commands of `provctl events`. */
#ifndef PROVCTL_EVENTS_H
#define PROVCTL_EVENTS_H

struct invocation;

int events_send(struct invocation *invocation);
int events_decode(struct invocation *invocation);
int events_tail(struct invocation *invocation);
int events_kinds(struct invocation *invocation);

#endif
