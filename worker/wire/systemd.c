#include "wire/systemd.h"

#include "base/clock.h"

#include <systemd/sd-daemon.h>

#include <inttypes.h>
#include <stdlib.h>

bool systemd_is_manager(void)
{
    return getenv("NOTIFY_SOCKET") != NULL;
}

void systemd_ready(void)
{
    sd_notify(0, "READY=1");
}

void systemd_status(struct text line)
{
    sd_notifyf(0, "STATUS=%.*s", TEXT_ARG(line));
}

/* systemd 253 and later want to know when, to tell this message from an older one. */
void systemd_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
}

void systemd_stopping(int64_t within_us)
{
    sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64, within_us);
}

void systemd_ping(void)
{
    sd_notify(0, "WATCHDOG=1");
}

int64_t systemd_watchdog_us(void)
{
    uint64_t interval_us;
    if (sd_watchdog_enabled(0, &interval_us) <= 0 || interval_us > INT64_MAX)
        return 0;
    return (int64_t)interval_us;
}
