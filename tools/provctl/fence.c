/* `provctl fence ...`: the table of commands, and showing. Giving permissions: fence_permit.c. */
#include "fence.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

#include "commands.h"
#include "configuration.h"

static int run_show(struct invocation *invocation);

static const struct option_row show_options[] = {
    {"topic", 't', "TOPIC", "default: kafka.topics.events", false, false},
    {"partition", 'p', "N", "only this partition", false, false},
    {.name = NULL},
};
static const struct option_row permit_options[] = {
    {"topic", 't', "TOPIC", "default: kafka.topics.events", false, false},
    {"partition", 'p', "N", "the halted partition", false, false},
    {"reason", 'r', "TEXT", "why; goes to the change log", false, false},
    {"by", 0, "NAME", "who; goes to the change log; default: the user who calls", false, false},
    {"dry-run", 0, NULL, "only say what would be permitted", false, false},
    {.name = NULL},
};

const struct command fence_commands[] = {
    {
        .group = "fence",
        .name = "show",
        .arguments = "",
        .summary = "where the worker stands in each partition",
        .help = "Shows for each partition the fence in the database, the group's offset and the "
                "log in Kafka, and what a "
                "worker that is assigned the partition now would do: GO, or HALT with the reason "
                "and the way on. Exit "
                "code 75: some partition is halted.",
        .examples = "  provctl fence show\n"
                    "  provctl fence show --partition 3 -o json\n",
        .options = show_options,
        .run = run_show,
    },
    {
        .group = "fence",
        .name = "accept",
        .arguments = "",
        .summary = "let a halted partition go on from its fence",
        .help = "Gives the permission, for one use, to go on at the fence: when retention took "
                "records that were never read (they are lost, and the partition goes on at the "
                "start of the log), or records whose results were not published yet (they are "
                "applied, and 'provctl ledger show' has the results), or when the database went "
                "back "
                "(what lies behind is read and applied again). The worker uses it at the next "
                "assignment, "
                "which it tries by itself now and then, and writes it to the change log. A "
                "partition that is not halted "
                "gets none.",
        .examples =
            "  provctl fence accept --partition 3 --reason 'INC-4711: retention was too short'\n",
        .options = permit_options,
        .run = fence_accept,
    },
    {
        .group = "fence",
        .name = "adopt",
        .arguments = "",
        .summary = "let a halted partition go on from Kafka's offset",
        .help = "Gives the permission, for one use, to take Kafka's word for where to go on: when "
                "the topic was made again, "
                "when the database is new and the group has offsets, or when offsets were moved "
                "forward on purpose (the "
                "records in between are skipped). A partition without a fence gets one. The worker "
                "uses the permission at "
                "the next assignment and writes it to the change log. A partition that is not "
                "halted gets none.",
        .examples =
            "  provctl fence adopt --partition 3 --reason 'new database, CHG-12'\n"
            "  provctl fence adopt --partition 3 --reason 'topic was made again' --dry-run\n",
        .options = permit_options,
        .run = fence_adopt,
    },
    {.group = NULL},
};

static const struct output_column columns[] = {
    {"topic", NULL, 0},
    {"partition", NULL, OUTPUT_RIGHT},
    {"fence", NULL, OUTPUT_RIGHT},
    {"committed", NULL, OUTPUT_RIGHT},
    {"log_start", NULL, OUTPUT_RIGHT},
    {"log_end", NULL, OUTPUT_RIGHT},
    {"lag", NULL, OUTPUT_RIGHT},
    {"verdict", NULL, 0},
    {"decision", NULL, 0},
    {"permission", NULL, 0},
    {"chain_seq", NULL, OUTPUT_RIGHT},
    {"owner_epoch", NULL, OUTPUT_LONG},
    {"published_upto", NULL, OUTPUT_LONG},
    {"group_id", NULL, OUTPUT_LONG},
    {"updated_at", NULL, OUTPUT_LONG},
    {"reason", NULL, OUTPUT_LONG},
    {"remedy", NULL, OUTPUT_LONG},
    {.key = NULL},
};

static json_t *number_or_null(int64_t number)
{
    return number >= 0 ? json_integer(number) : json_null();
}

static json_t *row_of(const struct fence_view *view, const struct fence_decision *decision)
{
    const struct fence_facts *facts = &view->facts;
    json_t *row = json_pack("{ss% sI}", "topic", view->topic.data, view->topic.len, "partition",
                            (json_int_t)view->partition);
    int64_t next = facts->has_row ? facts->fence : facts->committed;

    json_object_set_new(row, "fence", number_or_null(facts->has_row ? facts->fence : -1));
    json_object_set_new(row, "committed", number_or_null(facts->committed));
    json_object_set_new(row, "log_start", json_integer(facts->log_start));
    json_object_set_new(row, "log_end", json_integer(facts->log_end));
    json_object_set_new(
        row, "lag",
        json_integer(facts->log_end - (next > facts->log_start ? next : facts->log_start)));
    json_object_set_new(row, "verdict", json_string(decision->action == FENCE_GO ? "GO" : "HALT"));
    json_object_set_new(row, "decision", json_string(decision->name));
    json_object_set_new(row, "reason", json_string(decision->reason));
    json_object_set_new(row, "remedy",
                        decision->remedy ? json_string(decision->remedy) : json_null());
    if (view->row)
        json_object_update(row, view->row);
    return row;
}

/* What is halted is said in words as well. */
static void say_halts(const struct fence_view *views, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fence_decision decision = fence_decide(&views[i].facts);
        if (decision.action == FENCE_HALT)
            complain("%.*s/%" PRId32 " is halted: %s; the way on: %s", TEXT_ARG(views[i].topic),
                     views[i].partition, decision.reason,
                     decision.remedy ? decision.remedy : "none");
    }
}

static int run_show(struct invocation *invocation)
{
    struct fences fences;
    int64_t partition = -1;
    bool is_halted = false;
    int code;

    if (!option_number(invocation, "partition", 0, INT32_MAX, &partition))
        return EX_USAGE;
    code = fences_open(&fences, invocation, (int32_t)partition);
    if (code == EX_OK) {
        output_begin(invocation->output, columns);
        for (size_t i = 0; i < fences.count; i++) {
            struct fence_decision decision = fence_decide(&fences.views[i].facts);
            is_halted = is_halted || decision.action == FENCE_HALT;
            output_row(invocation->output, row_of(&fences.views[i], &decision));
        }
        output_end(invocation->output, NULL);
        say_halts(fences.views, fences.count);
        code = is_halted ? EX_TEMPFAIL : EX_OK;
    }
    fences_close(&fences);
    return code;
}
