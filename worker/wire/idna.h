/* Domain names to ASCII: UTS 46 non-transitional, then IDNA2008. The only owner of <idn2.h>. */
#ifndef PROVD_WIRE_IDNA_H
#define PROVD_WIRE_IDNA_H

#include "base/text.h"

struct arena;

/* The domain in lower-case A-labels, or TEXT_NULL when it is not allowed (fits domain_to_ascii).
 * Also checks that labels which already are A-labels decode to valid U-labels. */
struct text idna_to_ascii(struct arena *arena, struct text domain);

#endif
