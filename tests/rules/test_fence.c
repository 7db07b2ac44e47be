/* Where a partition starts: the table of design.md 3, all of its rows as expected/fence.txt. */
#include "domain/fence.h"
#include "harness.h"

enum { LOG_START = 100, LOG_END = 200 };

static const char *const permissions[] = {"none", "accept", "adopt"};

/* Fences and committed offsets around the ends of the log; -1 is none. */
static const int64_t fences[] = {-1, 50, 150, 250};
static const int64_t commits[] = {-1, 50, 140, 150, 160, 250};

static void put_offset(struct buffer *buffer, const char *name, int64_t offset)
{
    if (offset < 0)
        buffer_printf(buffer, " %s    -", name);
    else
        buffer_printf(buffer, " %s %4lld", name, (long long)offset);
}

static void put_decision(struct buffer *buffer, const struct fence_facts *facts)
{
    const struct fence_decision d = fence_decide(facts);
    put_offset(buffer, "F", facts->has_row ? facts->fence : -1);
    put_offset(buffer, "C", facts->committed);
    buffer_printf(buffer, " %-6s%s%s%s%s : ", permissions[facts->permission],
                  facts->policy_rewind ? " rewind" : "",
                  facts->only_control_records ? " control" : "",
                  facts->republish_below ? " begun" : "",
                  facts->published_upto == LOG_START ? " kept"
                  : facts->published_upto            ? " published"
                                                     : "");
    if (d.action == FENCE_HALT)
        buffer_printf(buffer, "HALT %s", d.name);
    else
        buffer_printf(buffer, "go   %s from %lld next %lld%s%s%s", d.name, (long long)d.start,
                      (long long)d.next_offset, d.republished ? " republished" : "",
                      d.uses_permission ? " uses-permission" : "",
                      d.sets_committed ? " sets-committed" : "");
    if (d.gone)
        buffer_printf(buffer, " %lld gone", (long long)d.gone);
    buffer_printf(buffer, "%s\n", d.alarm ? " alarm" : "");
}

static void for_all_facts(void (*visit)(struct buffer *, const struct fence_facts *),
                          struct buffer *buffer)
{
    for (size_t f = 0; f < COUNT_OF(fences); f++) {
        for (size_t c = 0; c < COUNT_OF(commits); c++) {
            for (int p = 0; p < 3; p++) {
                for (int more = 0; more < 6; more++) {
                    const struct fence_facts facts = {
                        .has_row = fences[f] >= 0,
                        .fence = fences[f] < 0 ? 0 : fences[f],
                        .committed = commits[c],
                        .log_start = LOG_START,
                        .log_end = LOG_END,
                        .permission = p,
                        .policy_rewind = more == 1,
                        .only_control_records = more == 2,
                        .republish_below = more == 3 ? commits[c] : 0,
                        .published_upto = more == 4   ? fences[f]
                                          : more == 5 ? LOG_START
                                                      : 0,
                    };
                    bool means_nothing = more && (!facts.has_row || facts.committed <= facts.fence);
                    if (more == 4)
                        means_nothing = !facts.has_row || facts.committed >= 0;
                    if (more == 5)
                        means_nothing = facts.fence < LOG_START || facts.committed >= LOG_START;
                    if (!means_nothing)
                        visit(buffer, &facts);
                }
            }
        }
    }
}

static void every_decision_is_as_expected(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    buffer_printf(&buffer, "# The log holds %d to %d. F: fence row, C: committed offset.\n",
                  LOG_START, LOG_END);
    for_all_facts(put_decision, &buffer);
    expect_file("fence.txt", buffer_text(&buffer));
    buffer_close(&buffer);
}

static void every_row_of_the_table_is_as_expected(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    for (const struct fence_rule *rule = fence_rules; rule->name; rule++)
        buffer_printf(
            &buffer, "%s: %s%s%s%s\n  %s\n  remedy: %s\n", rule->name,
            rule->action == FENCE_GO ? "GO" : "HALT", rule->republished ? ", republished" : "",
            rule->uses_permission ? ", uses permission" : "", rule->alarm ? ", alarm" : "",
            rule->reason, rule->remedy ? rule->remedy : "none needed");
    expect_file("fence_rules.txt", buffer_text(&buffer));
    buffer_close(&buffer);
}

/* What must hold of every decision, whatever the table says. */
static void check_decision(struct buffer *unused, const struct fence_facts *facts)
{
    (void)unused;
    const struct fence_decision d = fence_decide(facts);
    assert_non_null(d.reason);
    if (d.action == FENCE_HALT) {
        assert_non_null(d.remedy);
        assert_true(d.alarm);
        return;
    }
    /* There is something to read from there, now or later. */
    assert_in_range(d.start, facts->log_start, facts->log_end);
    /* Nothing is skipped without a permission that the change log records, or control records. */
    if (facts->has_row && d.start > facts->fence && facts->fence <= facts->log_end)
        assert_true(d.uses_permission || facts->only_control_records);
    /* Nor is a result left out that was not published: it can be told again from there. */
    int64_t published =
        facts->committed > facts->published_upto ? facts->committed : facts->published_upto;
    if (facts->has_row && published < facts->fence && facts->fence <= facts->log_end)
        assert_true(d.uses_permission || d.start <= published);
    /* The fence never leads: what lies below is processed. */
    if (d.next_offset > d.start)
        assert_true(facts->has_row && d.next_offset == facts->fence);
    /* A permission is spent only when there is one. */
    if (d.uses_permission)
        assert_int_not_equal(facts->permission, FENCE_PERMIT_NONE);
}

/* What the next assignment finds, when nothing was published in between. */
static void check_that_it_lasts(struct buffer *unused, const struct fence_facts *facts)
{
    (void)unused;
    const struct fence_decision d = fence_decide(facts);
    if (d.action == FENCE_HALT)
        return;
    struct fence_facts next = *facts;
    next.has_row = true;
    next.fence = d.next_offset;
    next.published_upto = d.published_upto;
    next.committed = d.sets_committed ? d.start : facts->committed;
    next.permission = FENCE_PERMIT_NONE;
    next.republish_below = 0;
    const struct fence_decision again = fence_decide(&next);
    assert_int_equal(again.action, FENCE_GO);
    assert_in_range(again.start, d.start, d.next_offset > d.start ? d.next_offset : d.start);
}

static void a_decision_to_go_lasts(void **state)
{
    (void)state;
    for_all_facts(check_that_it_lasts, NULL);
}

static void no_decision_loses_records_in_silence(void **state)
{
    (void)state;
    for_all_facts(check_decision, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_decision_is_as_expected),
        cmocka_unit_test(every_row_of_the_table_is_as_expected),
        cmocka_unit_test(no_decision_loses_records_in_silence),
        cmocka_unit_test(a_decision_to_go_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
