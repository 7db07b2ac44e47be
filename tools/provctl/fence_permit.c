/* The way on after a halt: one permission, for one use, with a reason. The worker uses it at the
 * next assignment, and writes it to the change log (rulings, 46). */
#include "fence.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"

enum { REASON_CHARACTERS_MAX = 1000 };

static const char sql_permit[] = "UPDATE provd.fence SET permission = $4, permission_reason = $5, "
                                 "permission_by = $6, updated_at = $7"
                                 " WHERE cluster_id = $1 AND topic = $2 AND partition = $3::int8";
static const char sql_make[] = "INSERT INTO provd.fence (cluster_id, topic, partition, permission, "
                               "permission_reason, permission_by,"
                               "    updated_at, group_id, next_offset, published_upto)"
                               " VALUES ($1, $2, $3::int8, $4, $5, $6, $7, $8, $9::int8, $9::int8)";

struct permit {
    struct invocation *invocation;
    const char *name; /* "accept", "adopt" */
    int kind;         /* FENCE_PERMIT_* */
    int64_t partition;
    const char *reason;
    struct text by;
};

/* Who gives it: people behind sudo are themselves. */
static struct text caller(const struct invocation *invocation)
{
    const char *given = option_value(invocation, "by");
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *entry = getpwuid(getuid());
    char host[256] = "";

    if (given)
        return text_from(given);
    gethostname(host, sizeof host - 1);
    return text_format(invocation->arena, "%s@%s",
                       sudo && *sudo ? sudo
                       : entry       ? entry->pw_name
                                     : "?",
                       host);
}

static int read_options(struct permit *permit)
{
    struct invocation *invocation = permit->invocation;

    permit->partition = -1;
    permit->reason = option_value(invocation, "reason");
    permit->by = caller(invocation);
    if (!option_number(invocation, "partition", 0, INT32_MAX, &permit->partition))
        return EX_USAGE;
    if (permit->partition < 0)
        return complain_usage(
            invocation, "--partition is needed: `provctl fence show` says which one is halted");
    if (!permit->reason || !*permit->reason)
        return complain_usage(invocation, "--reason is needed: it goes to the change log");
    if (!text_is_utf8(text_from(permit->reason)) ||
        text_has_control(text_from(permit->reason), NULL) ||
        text_characters(text_from(permit->reason)) > REASON_CHARACTERS_MAX)
        return complain_usage(invocation, "--reason: at most %d characters, in one line",
                              REASON_CHARACTERS_MAX);
    return EX_OK;
}

/* Only a halt is overcome by a permission, and only by the right one: any other would lie around
 * until it is used where nobody meant it. */
static int check(const struct permit *permit, const struct fence_view *view,
                 struct fence_decision *ret_with)
{
    struct fence_facts facts = view->facts;
    struct fence_decision without;

    facts.permission = FENCE_PERMIT_NONE;
    without = fence_decide(&facts);
    if (without.action == FENCE_GO) {
        complain("%.*s/%" PRId32 " is not halted (%s: %s): nothing needs a permission",
                 TEXT_ARG(view->topic), view->partition, without.name, without.reason);
        return EX_DATAERR;
    }
    facts.permission = (typeof(facts.permission))permit->kind;
    *ret_with = fence_decide(&facts);
    if (ret_with->action == FENCE_GO)
        return EX_OK;
    complain("`fence %s` does not help: %s; the way on is: %s", permit->name, without.reason,
             without.remedy);
    return EX_DATAERR;
}

static enum status store(struct fences *fences, const struct permit *permit,
                         const struct fence_view *view, struct error *err)
{
    struct arena *arena = fences->invocation->arena;
    /* A new row stands where the log begins, so that going on from the committed offset needs, and
     * uses up, the permission. Where these are the same, nothing is skipped and nothing has to be
     * permitted. */
    bool skips = view->facts.log_start < view->facts.committed;
    int64_t start = skips ? view->facts.log_start : view->facts.committed;
    const char *name = view->facts.has_row || skips ? permit->name : NULL;
    struct param params[] = {
        param_text(fences->cluster_id),
        param_text(fences->topic),
        param_int8(arena, view->partition),
        param_text(text_from(name)),
        param_text(text_from(permit->reason)),
        param_text(permit->by),
        param_time(arena, clock_now_us()),
        param_text(text_from(fences->invocation->config->kafka.group_id)),
        param_int8(arena, start),
    };
    struct result *result;
    bool has_row = view->facts.has_row;
    enum status status = postgres_query(fences->pg, has_row ? sql_permit : sql_make, params,
                                        has_row ? 7 : 9, &result, err);

    if (status != STATUS_OK)
        return status;
    if (result_affected(result) != 1)
        status = error_set(err, STATUS_RETRY, NULL,
                           "the fence was changed in this moment: look at `provctl fence show`");
    result_close(result);
    return status;
}

static void report(const struct permit *permit, const struct fence_view *view,
                   const struct fence_decision *decision, bool is_done)
{
    const struct fence_facts *facts = &view->facts;
    json_t *document = json_pack(
        "{ss% sI ss ss ss sI sb}", "topic", view->topic.data, view->topic.len, "partition",
        (json_int_t)view->partition, "permission", permit->name, "decision", decision->name,
        "means", decision->reason, "goes_on_at", (json_int_t)decision->start, "given", is_done);

    json_object_set_new(document, "fence",
                        facts->has_row ? json_integer(facts->fence) : json_null());
    json_object_set_new(document, "committed",
                        facts->committed >= 0 ? json_integer(facts->committed) : json_null());
    json_object_set_new(document, "reason", json_string(permit->reason));
    json_object_set_new(document, "by", json_stringn(permit->by.data, permit->by.len));
    output_document(permit->invocation->output, document);
}

static int give(struct fences *fences, const struct permit *permit)
{
    const struct fence_view *view = &fences->views[0];
    bool is_dry = option_given(permit->invocation, "dry-run");
    struct fence_decision decision;
    struct error err;
    int code = check(permit, view, &decision);

    if (code != EX_OK)
        return code;
    if (!is_dry) {
        enum status status = store(fences, permit, view, &err);
        if (status != STATUS_OK)
            return database_complain(status, &err);
    }
    report(permit, view, &decision, !is_dry);
    return EX_OK;
}

static int run(struct permit *permit)
{
    struct fences fences;
    int code = read_options(permit);

    if (code != EX_OK)
        return code;
    code = fences_open(&fences, permit->invocation, (int32_t)permit->partition);
    if (code == EX_OK)
        code = give(&fences, permit);
    fences_close(&fences);
    return code;
}

int fence_accept(struct invocation *invocation)
{
    struct permit permit = {
        .invocation = invocation, .name = "accept", .kind = FENCE_PERMIT_ACCEPT};

    return run(&permit);
}

int fence_adopt(struct invocation *invocation)
{
    struct permit permit = {.invocation = invocation, .name = "adopt", .kind = FENCE_PERMIT_ADOPT};

    return run(&permit);
}
