/* The commands of `provctl account`. */
#ifndef PROVCTL_ACCOUNT_H
#define PROVCTL_ACCOUNT_H

struct invocation;

int account_show(struct invocation *invocation);

#endif
