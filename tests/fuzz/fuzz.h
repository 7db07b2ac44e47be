/* What libFuzzer calls. */
#ifndef PROVD_TESTS_FUZZ_FUZZ_H
#define PROVD_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
