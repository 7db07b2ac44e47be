/* `provctl account flags`: vpopmail's bits by name, and by the letters of vmoduser. */
#include "account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "account_flags.h"
#include "act.h"
#include "command.h"

const struct account_flag account_flag_table[] = {
    {"no-password-change", 0x01},
    {"no-pop", 0x02},
    {"no-webmail", 0x04},
    {"no-imap", 0x08},
    {"bounce", 0x10},
    {"no-relay", 0x20},
    {"no-dialup", 0x40},
    {"user0", 0x80},
    {"user1", 0x100},
    {"user2", 0x200},
    {"user3", 0x400},
    {"no-smtp", 0x800},
    {"domain-admin", 0x1000},
    {"override-limits", 0x2000},
    {"no-spam-filter", 0x4000},
    {"delete-spam", 0x8000},
    {"system-admin", 0x10000},
    {"expert", 0x20000},
    {"no-maildrop", 0x40000},
    {NULL, 0},
};

static int64_t flag_named(const char *name)
{
    for (const struct account_flag *flag = account_flag_table; flag->name; flag++) {
        if (strcmp(flag->name, name) == 0)
            return flag->mask;
    }
    return 0;
}

/* "no-pop,no-imap" or a number, decimal or 0x. */
static bool read_mask(struct invocation *invocation, const char *option, int64_t *mask)
{
    struct text rest = text_from(option_value(invocation, option));

    while (rest.len > 0) {
        size_t comma = text_find(rest, ',');
        const char *name = text_to_z(invocation->arena, text_trim(text_slice(rest, 0, comma)));
        char *end;
        long number = strtol(name, &end, 0);
        int64_t bit = flag_named(name);
        if (!bit && (*end || end == name || number < 0 || number > FLAGS_ALL)) {
            complain_usage(invocation, "--%s: '%s' is neither a flag nor a number up to 0x%x",
                           option, name, FLAGS_ALL);
            return false;
        }
        *mask |= bit ? bit : number;
        rest = comma == SIZE_MAX ? TEXT_NULL : text_slice(rest, comma + 1, SIZE_MAX);
    }
    return true;
}

int account_flags(struct invocation *invocation)
{
    const char *name = invocation->arguments[0];
    bool is_account = strchr(name, '@') || !strchr(name, '.');
    bool clears_all = option_given(invocation, "clear-all");
    int64_t on = 0;
    int64_t off = 0;
    json_t *payload;

    for (const struct account_flag *flag = account_flag_table; flag->name; flag++) {
        if (option_given(invocation, flag->name))
            on |= flag->mask;
    }
    if (!read_mask(invocation, "on", &on) || !read_mask(invocation, "off", &off))
        return EX_USAGE;
    if (on == 0 && off == 0 && !clears_all)
        return complain_usage(invocation, "which flags? See the options");
    payload = json_pack("{ss ss* sI sI sb}", "scope", is_account ? "ACCOUNT" : "DOMAIN", "domain",
                        is_account ? NULL : name, "set_mask", (json_int_t)on, "clear_mask",
                        (json_int_t)off, "clear_all", clears_all);
    if (is_account)
        json_object_set_new(payload, "ref", act_ref(name));
    return act_send(invocation, is_account ? ACT_ACCOUNT : ACT_DOMAIN, name, "SetFlags", payload,
                    NULL);
}
