/* Any text as an address and as a domain: what is accepted is in a form that mail servers take, and
 * is its own normal form. */
#include "base/arena.h"
#include "domain/address.h"
#include "domain/keys.h"
#include "fuzz.h"
#include "wire/idna.h"

#include <assert.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 16 << 20 };

static struct arena arena;

static void expect_domain(struct text domain)
{
    size_t label = 0, labels = 1;
    assert(domain.len > 0 && domain.len <= DOMAIN_MAX);
    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.data[i];
        assert((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.');
        label = c == '.' ? 0 : label + 1;
        labels += c == '.';
        assert(label <= LABEL_MAX);
    }
    assert(labels >= 2);
}

static void expect_local_part(struct text local)
{
    assert(local.len > 0 && local.len <= LOCAL_PART_MAX);
    assert(local.data[0] != '.' && local.data[local.len - 1] != '.');
    for (size_t i = 0; i < local.len; i++) {
        char c = local.data[i];
        assert(c > ' ' && c < 0x7F && !(c >= 'A' && c <= 'Z'));
        assert(!strchr("/\\@\"'`|<>()[]:;,", c) || c == '\'');
    }
}

/* ASCII letters in the other case: an address in it is the same one. */
static struct text other_case(struct text t)
{
    char *copy = arena_alloc(&arena, t.len + 1);
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        copy[i] = is_letter ? (char)(c ^ 0x20) : c;
    }
    return (struct text){copy, t.len};
}

static void try_address(struct text input)
{
    struct text address, again;
    if (address_normalise(input, idna_to_ascii, &arena, &address) != CODE_NONE)
        return;
    assert(address.len <= ADDRESS_MAX);
    expect_local_part(address_local(address));
    expect_domain(address_domain(address));
    assert(address_normalise(address, idna_to_ascii, &arena, &again) == CODE_NONE);
    assert(text_equal(address, again));
    assert(address_normalise(other_case(address), idna_to_ascii, &arena, &again) == CODE_NONE);
    assert(text_equal(address, again));
}

static void try_domain(struct text input)
{
    struct text domain, again;
    if (domain_normalise(input, idna_to_ascii, &arena, &domain) != CODE_NONE)
        return;
    expect_domain(domain);
    assert(domain_normalise(domain, idna_to_ascii, &arena, &again) == CODE_NONE);
    assert(text_equal(domain, again));
    /* What is ASCII needs no IDNA to come out the same. */
    if (domain_normalise(input, NULL, &arena, &again) == CODE_NONE)
        assert(text_equal(domain, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text input = {(const char *)bytes, len};
    arena_close(&arena);
    arena_init(&arena, ARENA_BYTES_MAX, ARENA_BYTES_MAX);
    try_address(input);
    try_domain(input);
    return 0;
}
