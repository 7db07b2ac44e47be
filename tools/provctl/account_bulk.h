/* The rows of `provctl account add|delete|quota|status|password --csv`: columns, and their
 * payloads. */
#ifndef PROVCTL_ACCOUNT_BULK_H
#define PROVCTL_ACCOUNT_BULK_H

struct invocation;

/* Each sends the whole file; exit code. */
int account_bulk_add(struct invocation *invocation);
int account_bulk_delete(struct invocation *invocation);
int account_bulk_quota(struct invocation *invocation);
int account_bulk_status(struct invocation *invocation);
int account_bulk_password(struct invocation *invocation);

#endif
