# Compiler flags of everything we compile, as the interface target `provd_flags`.

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

# CMake's own defaults add -DNDEBUG to release builds; our asserts stay on.
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")

include(CheckPIESupported)
check_pie_supported()

add_library(provd_flags INTERFACE)
target_compile_definitions(provd_flags INTERFACE _GNU_SOURCE)
target_compile_options(provd_flags INTERFACE
    -Wall -Wextra
    -Wshadow -Wundef -Wvla -Wpointer-arith -Wcast-qual -Wwrite-strings
    -Wformat=2 -Wimplicit-fallthrough
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -fstack-protector-strong -fno-common -fvisibility=hidden)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # gcc is the compiler of the product; clang, of the fuzzers, may have other opinions.
    target_compile_options(provd_flags INTERFACE
        -Werror -Wduplicated-cond -Wlogical-op -Wtrampolines -fstack-clash-protection
        # Where snprintf cuts it is meant to; the optimiser alone knows, so only release builds fail.
        -Wno-format-truncation)
else()
    target_compile_options(provd_flags INTERFACE -Wno-format-nonliteral)
endif()
target_link_options(provd_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

if(PROVD_FAIL_POINTS)
    target_compile_definitions(provd_flags INTERFACE PROVD_FAIL_POINTS)
endif()
if(PROVD_SANITIZE)
    target_compile_options(provd_flags INTERFACE
        -fsanitize=${PROVD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(provd_flags INTERFACE -fsanitize=${PROVD_SANITIZE})
else()
    # Fortified functions hide what the sanitizers would see, and need an optimised build.
    target_compile_definitions(provd_flags INTERFACE
        $<$<CONFIG:RelWithDebInfo,Release>:_FORTIFY_SOURCE=2>)
endif()
# The worker is linked as one program: most functions are short and called from other files. Objects
# are fat, so that the many tests link the ordinary code in them, which is quicker.
set(PROVD_LINK_AS_ONE)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT PROVD_SANITIZE AND NOT PROVD_COVERAGE)
    set(in_release $<CONFIG:RelWithDebInfo,Release>)
    target_compile_options(provd_flags INTERFACE
        $<${in_release}:-flto> $<${in_release}:-ffat-lto-objects>)
    set(PROVD_LINK_AS_ONE $<${in_release}:-flto=auto>)
endif()
if(PROVD_COVERAGE)
    target_compile_options(provd_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(provd_flags INTERFACE --coverage)
endif()
if(PROVD_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "PROVD_FUZZ needs clang: use the preset `fuzz`, or set CC=clang")
    endif()
    target_compile_options(provd_flags INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(provd_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
