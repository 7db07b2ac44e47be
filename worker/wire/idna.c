#include "wire/idna.h"

#include "base/arena.h"
#include "base/memory.h"

#include <idn2.h>

/* Non-transitional UTS 46 keeps sharp s and final sigma. By default libidn2 decodes labels that
 * already are A-labels and encodes them again. Its STD3 flag is not used: 2.3.3 then drops an
 * underscore in silence (a_b becomes ab); the result is checked here. */
enum { IDNA_FLAGS = IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT };

static bool is_ldh(struct text ascii)
{
    for (size_t i = 0; i < ascii.len; i++) {
        char c = ascii.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
    }
    return true;
}

struct text idna_to_ascii(struct arena *arena, struct text domain)
{
    char *ascii = NULL;
    struct text result = TEXT_NULL;

    if (domain.data == NULL || domain.len == 0 || !text_is_utf8(domain))
        return TEXT_NULL;
    int code = idn2_to_ascii_8z(text_to_z(arena, domain), &ascii, IDNA_FLAGS);
    if (code == IDN2_MALLOC) /* else a good name would be refused for good */
        memory_exhausted("idna", domain.len);
    if (code == IDN2_OK)
        result = text_lower(arena, text_from(ascii));
    idn2_free(ascii);
    return is_ldh(result) ? result : TEXT_NULL;
}
