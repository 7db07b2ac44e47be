#include "domain/outcome.h"

#include <stdarg.h>

#include "base/arena.h"

const char *const outcome_status_names[] = {"APPLIED",  "NO_CHANGE", "DUPLICATE", "PLANNED",
                                            "REJECTED", "FAILED",    "EXPIRED",   "PARKED",
                                            "HELD",     NULL};

bool outcome_uses_id(enum outcome_status status)
{
    return status == OUTCOME_APPLIED || status == OUTCOME_NO_CHANGE || status == OUTCOME_REJECTED ||
           status == OUTCOME_EXPIRED;
}

/* At most `max` bytes, which are no more characters; never half of one. */
static struct text cut(struct text message, size_t max)
{
    if (message.len <= max)
        return message;
    while (max > 0 && ((unsigned char)message.data[max] & 0xC0) == 0x80)
        max--;
    return text_slice(message, 0, max);
}

enum outcome_status outcome_say(struct outcome *outcome, struct arena *arena,
                                enum outcome_status status, enum code code, const char *format, ...)
{
    outcome->status = status;
    outcome->code = code;
    outcome->message = TEXT_NULL;
    if (format) {
        va_list args;
        va_start(args, format);
        outcome->message = cut(text_vformat(arena, format, args), OUTCOME_MESSAGE_MAX);
        va_end(args);
    }
    return status;
}
