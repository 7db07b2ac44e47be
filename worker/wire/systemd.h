/* What the service manager is told (sd_notify) and what it asks for (the watchdog). The one place
 * that includes <systemd/sd-daemon.h>.
 *
 * Without a service manager ($NOTIFY_SOCKET is not set) all of it does nothing. A message that
 * cannot be sent is not an error: the manager notices a silent service by itself. */
#ifndef PROVD_WIRE_SYSTEMD_H
#define PROVD_WIRE_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* True when somebody listens to what is told here. */
bool systemd_is_manager(void);
/* Start-up, or a reload, is done. */
void systemd_ready(void);
/* One line for `systemctl status`. */
void systemd_status(struct text line);
void systemd_reloading(void);
/* Stopping takes up to `within_us`. */
void systemd_stopping(int64_t within_us);
/* A sign of life. */
void systemd_ping(void);
/* How long a silence the manager bears, microseconds; 0: it does not watch this process. */
int64_t systemd_watchdog_us(void);

#endif
