# ctest label `lint`: `tools/lint CHECK` for every check that it lists.

foreach(check format tidy shell tree banned headers)
    add_test(NAME lint/${check}
             COMMAND ${CMAKE_SOURCE_DIR}/tools/lint --build ${CMAKE_BINARY_DIR} ${check}
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(lint/${check} PROPERTIES LABELS lint TIMEOUT 600)
endforeach()
set_tests_properties(lint/tidy lint/headers PROPERTIES PROCESSORS 2)
