/* The commands about contexts and domains: their payloads. Rules in context_rules.c and
 * domain_rules.c; events.md, section 3, says what they mean. */
#ifndef PROVD_DOMAIN_DOMAIN_EVENTS_H
#define PROVD_DOMAIN_DOMAIN_EVENTS_H

#include "domain/domain.h"
#include "domain/kind.h"

struct context_given {
    struct text name;
    struct texts fields; /* update only */
    int64_t domains_on_the_fly;
    struct limits *default_limits;
};

struct delete_context {
    struct text name;
};

struct domain_given {
    struct text domain;
    struct texts fields; /* update only */
    int64_t default_services, default_quota_bytes, default_quota_messages;
    struct limits *limits;
    struct text catch_all;
    int64_t status;
};

struct delete_domain {
    struct text domain;
    int64_t cascade;
};

extern const struct field create_context_fields[], update_context_fields[], delete_context_fields[];
extern const struct field create_domain_fields[], update_domain_fields[], delete_domain_fields[];

void context_touch(const struct event *event, struct keys *keys);
bool update_context_check(struct event *event, const struct policy *policy, struct arena *arena);
enum outcome_status create_context_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome);
enum outcome_status update_context_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome);
enum outcome_status delete_context_rule(struct plan *plan, const struct event *event,
                                        struct outcome *outcome);

void domain_touch(const struct event *event, struct keys *keys);
bool update_domain_check(struct event *event, const struct policy *policy, struct arena *arena);
enum outcome_status create_domain_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome);
enum outcome_status update_domain_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome);
enum outcome_status delete_domain_rule(struct plan *plan, const struct event *event,
                                       struct outcome *outcome);
bool delete_domain_fans_out(const struct event *event);

/* --- shared by the rules ------------------------------------------------------------------------
 */

/* A new domain of the context with the context's default limits, by the current event. */
struct domain *domain_make(struct plan *plan, struct context *context, struct text name);
/* The domain in the event's context, made the result's target; NULL after saying what is missing.
 */
struct domain *domain_require(struct plan *plan, struct text name, struct outcome *outcome);
/* The fields of a DomainLimits record. */
extern const struct field limits_fields[];
bool limits_equal(const struct limits *a, const struct limits *b);
/* True when `fields` names `name`. */
bool fields_name(const struct texts *fields, const char *name);
/* INVALID_FIELD for the first name that is not in the NULL-terminated list. */
bool fields_check(const struct texts *fields, const char *const *allowed, const char *command,
                  struct arena *arena, struct fault *fault);

#endif
