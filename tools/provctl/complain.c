/* What is said on stderr. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

static void say(const char *format, va_list args)
{
    fflush(stdout); /* so that both streams are in order on a terminal */
    fputs("provctl: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(format, args);
    va_end(args);
}

int complain_status(enum status status, const struct error *err)
{
    complain("%s", err->message);
    return status == STATUS_RETRY ? EX_UNAVAILABLE : EX_CONFIG;
}

int complain_usage(const struct invocation *invocation, const char *format, ...)
{
    const struct command *command = invocation->command;
    va_list args;

    va_start(args, format);
    say(format, args);
    va_end(args);
    fprintf(stderr, "See: provctl %s%s%s --help\n", command->group, command->name ? " " : "",
            command->name ? command->name : "");
    return EX_USAGE;
}
