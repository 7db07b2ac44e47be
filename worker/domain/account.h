/* Accounts and their service accounts: the rows, and the rules of section 3 of the catalogue. */
#ifndef PROVD_DOMAIN_ACCOUNT_H
#define PROVD_DOMAIN_ACCOUNT_H

#include "domain/column.h"
#include "domain/value.h"

struct member;

/* A service account: atmail's mail, calendar or contacts. Belongs to its account's change record.
 */
struct service {
    struct row row;
    struct uuid account_uuid;
    int64_t service;    /* 1, 2, 4 */
    int64_t service_id; /* drawn in bulk between plan and store; INT_NULL until then */
    int64_t active;
    int64_t created_at;
};

/* Recovery question and answer, and its lock. */
struct recovery {
    struct row row;
    struct uuid account_uuid;
    struct text question;
    struct text answer; /* hash */
    int64_t wrong_answers;
    int64_t first_wrong_at;
    int64_t locked_until;
    int64_t version, revision, updated_at;
};

struct account {
    struct row row;
    struct uuid uuid;
    int64_t account_id; /* drawn in bulk between plan and store; INT_NULL until then */
    struct text address;
    int64_t tombstone; /* 0: live; else the account_id */
    struct text domain;
    struct text context;
    int64_t status; /* enum account_status */
    struct text status_reason;
    struct text password;
    struct text first_name, last_name, department, telephone;
    int64_t quota_bytes, quota_messages; /* null or 0: unlimited */
    struct text mailbox_type, storage_node;
    int64_t services; /* wanted set */
    int64_t service_mode;
    int64_t flags;
    struct text forward;
    struct text autoreply_subject, autoreply_body;
    int64_t autoreply_start, autoreply_end, autoreply_enabled;
    struct text comment, created_by;
    int64_t last_login_at;
    struct text last_login_ip, last_login_protocol;
    int64_t deleted_at, purge_at;
    int64_t version, revision;
    int64_t created_at, updated_at;

    /* Columns of the audit only. */
    int64_t provisioned; /* set of the service accounts that exist */
    struct text recovery_question;
    struct text recovery_answer;
    int64_t group_number; /* of its own group; known to rules that change it (account_shared.c) */

    /* Not columns. */
    struct account *next_of_address;        /* others that have or had this address */
    struct service *service[SERVICE_COUNT]; /* by bit; NULL or gone: absent */
    struct recovery *recovery;
    struct member *memberships; /* all of them when keys_memberships has asked for these */
};

extern const struct noun account_noun, service_noun, recovery_noun;

bool account_is_live(const struct account *account);
/* Tombstoned, and its address is still reserved at `at_us`. */
bool account_is_reserved(const struct account *account, int64_t at_us);

#endif
