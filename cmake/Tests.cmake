# Tests as ctest sees them. One label per folder, so that `ctest -L unit` and the like work:
#   unit, rules   C, cmocka, no servers: each tests/<folder>/test_*.c is one program
#   fuzz          tests/fuzz/fuzz_*.c over its corpus (preset fuzz only)
#   lint          tests/lint
#   schemas, sql, provctl, flow, fault, ...   Python, pytest: each tests/<folder>/test_*.py is one test;
#                 all but `schemas`, `deploy`, `docs`, `demo` and `torture` need the development stack, which the fixture `stack` starts

pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)

# Halt on the first finding, with a stack; the libraries' own leaks at exit are listed in lsan.supp. Not
# detect_stack_use_after_return: gcc 12 then forgets about variables aligned to more than 16 bytes.
set(test_environment
    "ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1"
    "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/lsan.supp:print_suppressions=0"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "PROVD_TEST_SOURCE_DIR=${CMAKE_SOURCE_DIR}"
    "PROVD_TEST_BUILD_DIR=${CMAKE_BINARY_DIR}"
    "PROVD_TEST_WORKER=${CMAKE_BINARY_DIR}/provd"
    "PROVD_TEST_PROVCTL=${CMAKE_BINARY_DIR}/provctl")

# --- C -------------------------------------------------------------------------------------------

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
add_library(test_support INTERFACE)
target_include_directories(test_support INTERFACE tests/support)
target_sources(test_support INTERFACE ${support_sources})
target_link_libraries(test_support INTERFACE provd_stages PkgConfig::cmocka)
target_link_options(test_support INTERFACE -fno-lto)
target_compile_definitions(test_support INTERFACE TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")

# The preset `fuzz` is for the fuzzers alone.
set(c_folders unit rules)
if(PROVD_FUZZ)
    set(c_folders)
endif()
foreach(folder ${c_folders})
    file(GLOB test_sources CONFIGURE_DEPENDS tests/${folder}/test_*.c)
    # Other .c files of the folder are shared by its tests.
    file(GLOB shared_sources CONFIGURE_DEPENDS tests/${folder}/*.c)
    list(FILTER shared_sources EXCLUDE REGEX "/test_[^/]*\\.c$")
    set(shared)
    if(shared_sources)
        set(shared test_${folder}_shared)
        add_library(${shared} STATIC ${shared_sources})
        target_include_directories(${shared} PUBLIC tests/${folder})
        target_link_libraries(${shared} PUBLIC test_support)
    endif()
    foreach(source ${test_sources})
        cmake_path(GET source STEM name)
        add_executable(${name} ${source})
        target_include_directories(${name} PRIVATE tests/${folder})
        target_link_libraries(${name} PRIVATE ${shared} test_support)
        set_target_properties(${name} PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/${folder})
        add_test(NAME ${folder}/${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        set_tests_properties(${folder}/${name} PROPERTIES
            LABELS ${folder} TIMEOUT 300 ENVIRONMENT "${test_environment}")
    endforeach()
endforeach()

# The fold as a program, for tests/oracle.
file(GLOB world_sources CONFIGURE_DEPENDS tests/rules/world*.c tests/rules/event_json.c)
add_executable(fold tests/oracle/fold.c ${world_sources})
target_include_directories(fold PRIVATE tests/rules tests/support)
target_link_libraries(fold PRIVATE provd_core PkgConfig::cmocka)
set_target_properties(fold PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/oracle)

if(PROVD_FUZZ)
    # Seconds for each; `tools/test` gives all of them together a time that it knows.
    set(fuzz_seconds $ENV{PROVD_FUZZ_SECONDS})
    if(NOT fuzz_seconds)
        set(fuzz_seconds 60)
    endif()
    # The same seed each time: the same tree gets the same verdict. Long runs are for other seeds.
    set(fuzz_seed $ENV{PROVD_FUZZ_SEED})
    if("${fuzz_seed}" STREQUAL "") # 0: libFuzzer takes one by chance
        set(fuzz_seed 1)
    endif()
    math(EXPR fuzz_timeout "${fuzz_seconds} + 120")
    # What fuzzers share, the world of tests/rules, and the parts of provctl that read what people send.
    file(GLOB fuzz_shared CONFIGURE_DEPENDS tests/fuzz/*.c tools/provctl/*.c)
    list(FILTER fuzz_shared EXCLUDE REGEX "/(fuzz_[^/]*|main)\\.c$")
    add_library(fuzz_shared STATIC ${fuzz_shared} ${world_sources})
    target_include_directories(fuzz_shared PUBLIC tests/fuzz tests/rules tests/support tools/provctl)
    target_link_libraries(fuzz_shared PUBLIC provd_stages PkgConfig::cmocka)
    target_compile_definitions(fuzz_shared PUBLIC TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
    foreach(source ${fuzz_sources})
        cmake_path(GET source STEM name)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE fuzz_shared)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        # From the kept inputs; new findings go to the build folder.
        file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
        set(kept ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
        if(NOT IS_DIRECTORY ${kept})
            set(kept)
        endif()
        add_test(NAME fuzz/${name}
                 COMMAND ${name} -max_total_time=${fuzz_seconds} -seed=${fuzz_seed} -timeout=30 -rss_limit_mb=2048
                         -print_final_stats=1 ${CMAKE_BINARY_DIR}/corpus/${name} ${kept})
        set_tests_properties(fuzz/${name} PROPERTIES
            LABELS fuzz TIMEOUT ${fuzz_timeout} ENVIRONMENT "${test_environment}")
    endforeach()
endif()

# An allocator that fails on demand, preloaded by tests/memory; the sanitizers have one of their own.
if(NOT PROVD_SANITIZE)
    add_library(malloc_fail MODULE tests/memory/malloc_fail.c)
    target_compile_definitions(malloc_fail PRIVATE _GNU_SOURCE)
    set_target_properties(malloc_fail PROPERTIES
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/memory)
endif()

# --- Python --------------------------------------------------------------------------------------

file(GLOB python_tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/tests tests/*/test_*.py)
if(python_tests)
    add_test(NAME stack/up COMMAND ${CMAKE_SOURCE_DIR}/tools/stack up)
    set_tests_properties(stack/up PROPERTIES
        LABELS stack TIMEOUT 300 FIXTURES_SETUP stack)
endif()
foreach(path ${python_tests})
    cmake_path(GET path PARENT_PATH folder)
    cmake_path(REMOVE_EXTENSION path OUTPUT_VARIABLE name)
    add_test(NAME ${name}
             COMMAND ${Python3_EXECUTABLE} -m pytest -q -p no:cacheprovider -rfE tests/${path}
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES
        LABELS ${folder} TIMEOUT 600 ENVIRONMENT "${test_environment};PYTHONDONTWRITEBYTECODE=1")
    if(NOT folder MATCHES "^(schemas|lint|deploy|docs|demo|oracle|torture)$")
        set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED stack)
    endif()
    # Tests that stop servers or count on timing must not disturb others.
    if(folder MATCHES "^(fault|torture)$")
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
    endif()
endforeach()

include(Lint)
