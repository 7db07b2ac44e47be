#include "domain/fence.h"

#include <stddef.h>

/* What one of the two sides has seen is not in this log. */
static bool is_another_log(const struct fence_facts *f)
{
    return f->fence > f->log_end || f->committed > f->log_end;
}

static bool offsets_mean_other_records(const struct fence_facts *f)
{
    return f->has_row && is_another_log(f) && f->permission != FENCE_PERMIT_ADOPT;
}

/* Also when so many records have come that the fence is within the new log: the group's offsets
 * went with the former topic. */
static bool topic_made_again_adopted(const struct fence_facts *f)
{
    bool has_grown_past = f->committed < 0 && f->fence > f->log_start;
    return f->has_row && (is_another_log(f) || has_grown_past) &&
           f->permission == FENCE_PERMIT_ADOPT;
}

/* They were there once, since results were published. They go with a deleted topic, and expire when
 * a group is away for long: nothing else tells the one from the other, once a new topic has as many
 * records as the former one had. */
static bool offsets_gone(const struct fence_facts *f)
{
    return f->has_row && f->committed < 0 && f->published_upto > f->log_start;
}

static bool offsets_gone_accepted(const struct fence_facts *f)
{
    return offsets_gone(f) && f->permission == FENCE_PERMIT_ACCEPT;
}

static bool retention_took_unread(const struct fence_facts *f)
{
    return f->has_row && f->fence < f->log_start;
}

static bool retention_accepted(const struct fence_facts *f)
{
    return retention_took_unread(f) && f->permission == FENCE_PERMIT_ACCEPT;
}

/* The first offset whose result may not be published: `published_upto` is noted later than C moves,
 * and does not go back with it. */
static int64_t unpublished_from(const struct fence_facts *f)
{
    return f->committed > f->published_upto ? f->committed : f->published_upto;
}

/* Applied, and gone before their results were published: those are in the ledger only. */
static bool retention_took_unpublished(const struct fence_facts *f)
{
    return f->has_row && unpublished_from(f) < f->log_start && unpublished_from(f) < f->fence;
}

static bool unpublished_accepted(const struct fence_facts *f)
{
    return retention_took_unpublished(f) && f->permission == FENCE_PERMIT_ACCEPT;
}

static bool first_start(const struct fence_facts *f)
{
    return !f->has_row && f->committed < 0;
}

static bool unknown_database_adopted(const struct fence_facts *f)
{
    return !f->has_row && f->permission == FENCE_PERMIT_ADOPT;
}

static bool unknown_database(const struct fence_facts *f)
{
    return !f->has_row;
}

static bool adopted(const struct fence_facts *f)
{
    return f->fence == f->committed && f->permission == FENCE_PERMIT_ADOPT;
}

/* Also a partition of which nothing was ever read: there is nothing to commit yet. */
static bool clean(const struct fence_facts *f)
{
    return f->fence == f->committed || (f->committed < 0 && f->fence <= f->log_start);
}

/* Also before the first commit: a crash may come before any offset was committed. */
static bool reread(const struct fence_facts *f)
{
    return f->fence > f->committed;
}

static bool only_control_records(const struct fence_facts *f)
{
    return f->only_control_records;
}

static bool rewound_accepted(const struct fence_facts *f)
{
    return f->policy_rewind || f->permission == FENCE_PERMIT_ACCEPT;
}

/* Died after the fence row had taken note of the rewind, and before Kafka's offset was set back. */
static bool rewind_resumed(const struct fence_facts *f)
{
    return f->republish_below == f->committed;
}

static bool skipped_adopted(const struct fence_facts *f)
{
    return f->permission == FENCE_PERMIT_ADOPT;
}

static bool always(const struct fence_facts *f)
{
    (void)f;
    return true;
}

/* The first row that holds decides. */
const struct fence_rule fence_rules[] = {
    {"topic_made_again_adopted", topic_made_again_adopted, FENCE_GO, FENCE_FROM_LOG_START, false,
     true, true, "offsets lie beyond the end of the log; going on at its start, as permitted",
     NULL},
    {"topic_made_again", offsets_mean_other_records, FENCE_HALT, FENCE_FROM_NOWHERE, false, false,
     true,
     "fence or committed offset lie beyond the end of the log: the topic was deleted and made "
     "again, or lost its "
     "tail; "
     "its offsets mean other records now",
     "provctl fence adopt"},
    {"retention_accepted", retention_accepted, FENCE_GO, FENCE_FROM_LOG_START, false, true, true,
     "retention took records that were never read; going on at the start of the log, as permitted",
     NULL},
    {"retention_took_unread", retention_took_unread, FENCE_HALT, FENCE_FROM_NOWHERE, false, false,
     true, "retention took records that were never read", "provctl fence accept"},
    {"offsets_gone_accepted", offsets_gone_accepted, FENCE_GO, FENCE_FROM_COMMITTED, false, true,
     true, "the group's offsets are gone; reading again from the start of the log, as permitted",
     NULL},
    {"offsets_gone", offsets_gone, FENCE_HALT, FENCE_FROM_NOWHERE, false, false, true,
     "results were published, but the group has no committed offset any more: the topic was "
     "deleted and made again, or the offsets have expired",
     "provctl fence accept (the same topic: read again from its start) or provctl fence adopt "
     "(made "
     "again: all its records are new)"},
    {"unpublished_accepted", unpublished_accepted, FENCE_GO, FENCE_FROM_LOG_START, false, true,
     true,
     "retention took records that were applied and whose results were not published; going on "
     "without these, as permitted",
     NULL},
    {"retention_took_unpublished", retention_took_unpublished, FENCE_HALT, FENCE_FROM_NOWHERE,
     false, false, true,
     "retention took records that were applied, before their results were published: these are in "
     "the ledger only",
     "provctl fence accept (go on without them)"},
    {"first_start", first_start, FENCE_GO, FENCE_FROM_LOG_START, false, false, false,
     "a new group on a new database: reading from the start of the log", NULL},
    {"unknown_database_adopted", unknown_database_adopted, FENCE_GO, FENCE_FROM_COMMITTED, false,
     true, true, "the database has no fence for the offsets in Kafka; adopting these, as permitted",
     NULL},
    {"unknown_database", unknown_database, FENCE_HALT, FENCE_FROM_NOWHERE, false, false, true,
     "the group has committed offsets, but the database has no fence: a new database, or the wrong "
     "one",
     "provctl fence adopt"},
    {"adopted", adopted, FENCE_GO, FENCE_FROM_FENCE, false, true, true,
     "an operator has set the fence to Kafka's offset", NULL},
    {"clean", clean, FENCE_GO, FENCE_FROM_FENCE, false, false, false, "database and Kafka agree",
     NULL},
    {"reread", reread, FENCE_GO, FENCE_FROM_COMMITTED, false, false, false,
     "stopped between the two commits, or the offsets were set back: reading again from the "
     "committed "
     "offset",
     NULL},
    {"only_control_records", only_control_records, FENCE_GO, FENCE_FROM_COMMITTED, false, false,
     false, "the fence lags behind by control records only", NULL},
    {"skipped_adopted", skipped_adopted, FENCE_GO, FENCE_FROM_COMMITTED, false, true, true,
     "Kafka's offset is ahead of the database; adopting it, as permitted", NULL},
    {"rewound_database", rewound_accepted, FENCE_GO, FENCE_FROM_FENCE, true, true, true,
     "the database went back; reading again from its fence, results are marked republished", NULL},
    {"rewind_resumed", rewind_resumed, FENCE_GO, FENCE_FROM_FENCE, true, false, true,
     "stopped while the offsets were set back to those of a database that went back; going on with "
     "that",
     NULL},
    {"ahead_of_database", always, FENCE_HALT, FENCE_FROM_NOWHERE, false, false, true,
     "Kafka's committed offset is ahead of the database: the database went back (failover, "
     "restore), or "
     "offsets were moved",
     "provctl fence accept (read again from the fence) or provctl fence adopt (skip to Kafka's "
     "offset)"},
    {.name = NULL},
};

static int64_t start_of(const struct fence_rule *rule, const struct fence_facts *facts)
{
    switch ((int)rule->start) {
    case FENCE_FROM_FENCE:
        return facts->fence;
    case FENCE_FROM_COMMITTED:
        /* Nothing committed, retention has passed it, or it is of a log that is no more: what is
         * there from the start. */
        return facts->committed < facts->log_start || facts->committed > facts->log_end
                   ? facts->log_start
                   : facts->committed;
    case FENCE_FROM_LOG_START:
        return facts->log_start;
    default:
        return -1;
    }
}

static int64_t gone_of(const struct fence_facts *f)
{
    int64_t first = unpublished_from(f) < f->fence ? unpublished_from(f) : f->fence;
    bool is_same_log = f->has_row && !is_another_log(f);
    return is_same_log && first < f->log_start ? f->log_start - first : 0;
}

/* What lies before the start is published, or given up by permission. Offsets of another log mean
 * nothing any more. */
static int64_t published_after(const struct fence_facts *f, int64_t start, int64_t next_offset)
{
    if (f->has_row && next_offset < f->fence)
        return next_offset;
    int64_t upto = f->committed <= next_offset ? unpublished_from(f) : f->published_upto;
    return upto > start ? upto : start;
}

struct fence_decision fence_decide(const struct fence_facts *facts)
{
    const struct fence_rule *rule = fence_rules;
    while (!rule->holds(facts))
        rule++;
    int64_t start = start_of(rule, facts);
    /* A re-read leaves the fence where it is; everything else starts at the fence or moves it. */
    bool keeps_fence = facts->has_row && start <= facts->fence && !is_another_log(facts) &&
                       rule->holds != topic_made_again_adopted;
    int64_t next_offset = keeps_fence ? facts->fence : start;
    bool uses_permission = rule->uses_permission && facts->permission != FENCE_PERMIT_NONE;
    return (struct fence_decision){
        .name = rule->name,
        .action = rule->action,
        .start = start,
        .next_offset = next_offset,
        .published_upto = published_after(facts, start, next_offset),
        .sets_committed = (uses_permission || rule->republished) && facts->committed != start,
        .republished = rule->republished,
        .uses_permission = uses_permission,
        .alarm = rule->alarm,
        .gone = gone_of(facts),
        .reason = rule->reason,
        .remedy = rule->remedy,
    };
}
