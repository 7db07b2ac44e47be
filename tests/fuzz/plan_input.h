/* Events and rows from the choices of a fuzzer: any command with any of its fields, by the tables
 * of fields, about few contexts, domains and accounts, so that they meet. What comes out is what
 * decode could make of some bytes: of a type, but judged by nobody. */
#ifndef PROVD_TESTS_FUZZ_PLAN_INPUT_H
#define PROVD_TESTS_FUZZ_PLAN_INPUT_H

#include "choices.h"
#include "domain/event.h"
#include "world.h"

/* The event that lies at `offset`. */
struct event *choose_event(struct choices *choices, int64_t offset, struct arena *arena);

/* Contexts, domains, accounts and service accounts that were there before, as the tables'
 * constraints allow them and with true counts. */
void choose_rows(struct choices *choices, struct world *world);

#endif
