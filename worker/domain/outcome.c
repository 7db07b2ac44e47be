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

enum outcome_status outcome_say(struct outcome *outcome, struct arena *arena,
                                enum outcome_status status, enum code code, const char *format, ...)
{
    outcome->status = status;
    outcome->code = code;
    outcome->message = TEXT_NULL;
    if (format) {
        va_list args;
        va_start(args, format);
        outcome->message = text_slice(text_vformat(arena, format, args), 0, OUTCOME_MESSAGE_MAX);
        va_end(args);
    }
    return status;
}
