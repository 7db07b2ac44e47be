#include "domain/address.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "domain/keys.h"

/* Bidirectional controls (UAX #9) show an address as another one: U+061C, U+200E..F, U+202A..E,
 * U+2066..9. Spaces and line ends of all kinds: U+00A0, U+1680, U+2000..B, U+2028..9, U+202F,
 * U+205F..60, U+3000, U+FEFF. */
static bool is_deceptive(uint32_t c)
{
    return c == 0x61C || (c >= 0x200E && c <= 0x200F) || (c >= 0x2028 && c <= 0x202F) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200B) || (c >= 0x205F && c <= 0x2060) || c == 0x3000 ||
           c == 0xFEFF;
}

/* Decodes one character of valid UTF-8. */
static uint32_t next_character(struct text t, size_t *at)
{
    const unsigned char *p = (const unsigned char *)t.data + *at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *at += 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *at += 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *at += 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
           (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

static bool has_bad_character(struct text t)
{
    if (!text_is_utf8(t) || text_has_control(t, NULL))
        return true;
    for (size_t i = 0; i < t.len;) {
        uint32_t c = next_character(t, &i);
        if (c == ' ' || is_deceptive(c))
            return true;
    }
    return false;
}

static bool is_letter_digit_hyphen(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* A domain in lower-case ASCII: at least two LDH labels, the last one not all digits. */
static enum code check_labels(struct text domain)
{
    size_t labels = 0, label = 0;
    bool all_digits = true;
    for (size_t i = 0; i <= domain.len; i++) {
        if (i < domain.len && domain.data[i] != '.') {
            if (!is_letter_digit_hyphen(domain.data[i]))
                return CODE_INVALID_ADDRESS;
            all_digits = all_digits && domain.data[i] >= '0' && domain.data[i] <= '9';
            label++;
            continue;
        }
        if (label == 0 || domain.data[i - label] == '-' || domain.data[i - 1] == '-')
            return CODE_INVALID_ADDRESS;
        if (label > LABEL_MAX)
            return CODE_NAME_TOO_LONG;
        labels++;
        label = 0;
        if (i < domain.len)
            all_digits = true;
    }
    return labels < 2 || all_digits ? CODE_INVALID_ADDRESS : CODE_NONE;
}

/* Plain ASCII without A-labels needs no IDNA: by far the most domains. */
static bool needs_idna(struct text domain)
{
    for (size_t i = 0; i < domain.len; i++) {
        if ((unsigned char)domain.data[i] >= 0x80)
            return true;
        if (domain.data[i] == '-' && i >= 3 && domain.data[i - 1] == '-')
            return true; /* "??--": an A-label, or reserved */
    }
    return false;
}

static enum code domain_part(struct text domain, domain_to_ascii *to_ascii, struct arena *arena,
                             struct text *ret_domain)
{
    enum { UNICODE_BYTES_MAX = DOMAIN_MAX * 4 };
    if (domain.len == 0)
        return CODE_INVALID_ADDRESS;
    if (domain.len > UNICODE_BYTES_MAX)
        return CODE_NAME_TOO_LONG;
    struct text ascii = text_lower(arena, domain);
    if (needs_idna(ascii)) {
        for (size_t i = 0, label = 0; i < ascii.len; i++) {
            label = ascii.data[i] == '.' ? 0 : label + 1;
            if (label > LABEL_MAX * 4)
                return CODE_NAME_TOO_LONG;
        }
        ascii = to_ascii ? to_ascii(arena, ascii) : TEXT_NULL;
        if (text_is_null(ascii))
            return CODE_INVALID_ADDRESS;
    }
    if (ascii.len > DOMAIN_MAX)
        return CODE_NAME_TOO_LONG;
    *ret_domain = ascii;
    return check_labels(ascii);
}

/* RFC 5322 atext, less what mail programs take for paths and commands. */
static bool is_atext(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-=?^_{}~", c));
}

static enum code check_local_part(struct text local)
{
    if (local.len == 0)
        return CODE_INVALID_ADDRESS;
    if (local.len > LOCAL_PART_MAX)
        return CODE_NAME_TOO_LONG;
    char previous = '.';
    for (size_t i = 0; i < local.len; i++) {
        char c = local.data[i];
        if (c == '.' ? previous == '.' : !is_atext(c))
            return CODE_INVALID_ADDRESS;
        previous = c;
    }
    return previous == '.' ? CODE_INVALID_ADDRESS : CODE_NONE;
}

enum code domain_normalise(struct text domain, domain_to_ascii *to_ascii, struct arena *arena,
                           struct text *ret_domain)
{
    if (domain.len == 0)
        return CODE_MISSING_FIELD;
    if (has_bad_character(domain))
        return CODE_BAD_CHARACTER;
    return domain_part(domain, to_ascii, arena, ret_domain);
}

enum code address_normalise(struct text address, domain_to_ascii *to_ascii, struct arena *arena,
                            struct text *ret_address)
{
    if (address.len == 0)
        return CODE_MISSING_FIELD;
    if (has_bad_character(address))
        return CODE_BAD_CHARACTER;
    struct text local = address_local(address), ascii;
    if (text_is_null(local))
        return CODE_INVALID_ADDRESS;
    enum code code = check_local_part(local);
    if (code == CODE_NONE)
        code = domain_part(address_domain(address), to_ascii, arena, &ascii);
    if (code != CODE_NONE)
        return code;
    if (local.len + 1 + ascii.len > ADDRESS_MAX)
        return CODE_NAME_TOO_LONG;
    struct text lower = text_lower(arena, local);
    assert(lower.data && ascii.data);
    char *whole = arena_alloc(arena, local.len + 1 + ascii.len);
    memcpy(whole, lower.data, lower.len);
    whole[lower.len] = '@';
    memcpy(whole + lower.len + 1, ascii.data, ascii.len);
    *ret_address = (struct text){whole, local.len + 1 + ascii.len};
    return CODE_NONE;
}
