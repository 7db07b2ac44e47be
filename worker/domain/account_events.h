/* The commands about accounts: their payloads. Fields and rules are in account_create.c,
 * account_change.c and account_delete.c; events.md, section 3, says what they mean. */
#ifndef PROVD_DOMAIN_ACCOUNT_EVENTS_H
#define PROVD_DOMAIN_ACCOUNT_EVENTS_H

#include "domain/account_attributes.h"
#include "domain/kind.h"

struct recovery_given {
    struct text question;
    struct text answer_hash;
};

struct create_account {
    struct text address;
    struct secret password;
    struct account_attributes attributes;
    int64_t services; /* INT_NULL: the domain's default */
    int64_t service_mode;
    int64_t flags;
    struct recovery_given *recovery;
};

struct update_account {
    struct ref ref;
    struct texts fields;
    struct account_attributes attributes;
};

struct set_password {
    struct ref ref;
    struct secret password;
};

struct set_account_status {
    struct ref ref;
    int64_t status;
    struct text reason;
};

struct delete_account {
    struct ref ref;
    int64_t mode; /* enum delete_mode */
};

struct restore_account {
    struct ref ref;
};

struct change_services {
    struct ref ref;
    int64_t services;
};

struct verify_password {
    struct ref ref;
    struct secret secret;
};

struct observe_login {
    struct text address;
    struct text ip;
    struct text protocol;
    struct secret secret;
    struct text template;
};

/* `ref` first, so that ref_target serves; it names nothing when the scope is DOMAIN. */
struct set_quota {
    struct ref ref;
    int64_t scope; /* enum fanout_scope */
    struct text domain;
    int64_t bytes, messages; /* after set_quota_check also what `quota` says; INT_NULL: stays */
    struct text quota;
};

struct set_flags {
    struct ref ref;
    int64_t scope;
    struct text domain;
    int64_t set_mask, clear_mask, clear_all;
};

enum { FLAGS_ALL = 0x7FFFF }; /* vpopmail's bits up to 0x40000 */

extern const struct field change_services_fields[], verify_password_fields[],
    observe_login_fields[], set_quota_fields[], set_flags_fields[];
extern const struct field create_account_fields[], update_account_fields[], set_password_fields[],
    set_account_status_fields[], delete_account_fields[], restore_account_fields[];

bool create_account_check(struct event *event, const struct policy *policy, struct arena *arena);
void create_account_touch(const struct event *event, struct keys *keys);
enum outcome_status create_account_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome);

/* Commands whose payload begins with a struct ref share these. */
void ref_touch(const struct event *event, struct keys *keys);
const struct account *ref_target(struct plan *plan, const struct event *event);

void update_account_touch(const struct event *event, struct keys *keys);
bool update_account_check(struct event *event, const struct policy *policy, struct arena *arena);
enum outcome_status update_account_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome);
enum outcome_status set_password_rule(struct plan *plan, const struct event *event,
                                      struct outcome *outcome);
enum outcome_status set_account_status_rule(struct plan *plan, const struct event *event,
                                            struct outcome *outcome);
void delete_account_touch(const struct event *event, struct keys *keys);
enum outcome_status delete_account_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome);
enum outcome_status restore_account_rule(struct plan *plan, const struct event *event,
                                         struct outcome *outcome);

enum outcome_status provision_services_rule(struct plan *plan, const struct event *event,
                                            struct outcome *outcome);
enum outcome_status deprovision_services_rule(struct plan *plan, const struct event *event,
                                              struct outcome *outcome);
enum outcome_status verify_password_rule(struct plan *plan, const struct event *event,
                                         struct outcome *outcome);
void observe_login_touch(const struct event *event, struct keys *keys);
enum outcome_status observe_login_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome);
bool set_quota_check(struct event *event, const struct policy *policy, struct arena *arena);
void set_quota_touch(const struct event *event, struct keys *keys);
bool set_quota_fans_out(const struct event *event);
enum outcome_status set_quota_rule(struct plan *plan, const struct event *event,
                                   struct outcome *outcome);
bool set_flags_check(struct event *event, const struct policy *policy, struct arena *arena);
void set_flags_touch(const struct event *event, struct keys *keys);
bool set_flags_fans_out(const struct event *event);
enum outcome_status set_flags_rule(struct plan *plan, const struct event *event,
                                   struct outcome *outcome);

/* --- shared by the rules ------------------------------------------------------------------------
 */

/* The live account that `ref` names in the event's context, or NULL after saying NO_SUCH_ACCOUNT.
 */
struct account *account_require(struct plan *plan, const struct ref *ref, struct outcome *outcome);
/* The same without a word. */
struct account *account_find(struct plan *plan, const struct ref *ref);
/* The account, or NULL when it is of another context: there it does not exist. NULL stays NULL. */
struct account *account_in_context(struct plan *plan, struct account *account);
/* INVALID_FIELD (and true) when `ref` has an address and a uuid that are not of the same account.
 */
bool ref_contradicts(struct plan *plan, const struct ref *ref, struct outcome *outcome);
/* Makes the account the result's: its uuid, id, services and versions. */
void account_is_target(struct plan *plan, struct account *account, struct outcome *outcome);
/* True (and says so) when a named group is not in the event's context. */
bool group_is_missing(struct plan *plan, struct text group, struct outcome *outcome);
/* What the account's column for the audit says of its own group; before it is edited. Wants
 * keys_memberships. */
void account_know_group(struct account *account);
/* The named group, which is there, becomes the account's own, or null none; it leaves the one that
 * was. The account must be edited already. */
void account_change_group(struct plan *plan, struct account *account, struct text name);
/* LIMIT_EXCEEDED (and true) when the domain does not allow the account to become as `after`, a
 * changed copy. */
bool account_exceeds(struct plan *plan, const struct account *before, const struct account *after,
                     struct outcome *outcome);
/* Rules of the commands with a scope: the account for ACCOUNT, the domain for DOMAIN, and only
 * that. */
bool scope_check(struct event *event, int64_t scope, const struct ref *ref, struct text domain,
                 struct arena *arena);
/* The domain for a fan-out, loaded locked; NULL after saying NO_SUCH_DOMAIN. It is not the result's
 * target: a result for many accounts has no version. */
struct domain *scope_domain(struct plan *plan, struct text name, struct outcome *outcome);
/* Makes the service accounts of `bits` that do not exist; existing ones stay. */
void services_provision(struct plan *plan, struct account *account, int64_t bits);
/* Deletes the service accounts of `bits` for good. */
void services_remove(struct plan *plan, struct account *account, int64_t bits);
/* Deletes the account's services and recovery for good, and takes it out of its groups. */
void account_remove_belongings(struct plan *plan, struct account *account);
/* The password that prepare made or the event gave; null when the event has none. */
struct text password_to_store(const struct event *event, const struct secret *secret);

#endif
