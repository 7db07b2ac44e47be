/* Who may send what (events.md, section 6): decided before anything is looked for, so that a
 * refusal does not tell who exists. */
#ifndef PROVD_DOMAIN_RIGHTS_H
#define PROVD_DOMAIN_RIGHTS_H

#include <stdbool.h>

struct event;
struct plan;

/* SYSTEM may everything, from the sources that may say SYSTEM; a USER what concerns the own account
 * and its kind allows to users; the admins what their roles give. */
bool rights_allow(struct plan *plan, const struct event *event);

/* The event's actor is an ordinary user (flag 0x01 stops only these). */
bool rights_is_user(const struct event *event);

#endif
