# Man pages: man/<name>.<section>.scd through scdoc. A line `@SETTINGS@` becomes the table of settings, as
# `provctl config man` prints it, a line `@COMMANDS@` the help of all commands of provctl, so that the pages cannot
# lag behind.

find_program(SCDOC scdoc)
file(GLOB man_sources CONFIGURE_DEPENDS man/*.scd)
if(SCDOC AND man_sources AND TARGET provctl)
    set(man_pages)
    foreach(source ${man_sources})
        cmake_path(GET source FILENAME name)
        string(REGEX REPLACE "\\.scd$" "" name ${name})
        string(REGEX MATCH "[0-9]$" section ${name})
        set(page ${CMAKE_BINARY_DIR}/man/${name})
        add_custom_command(
            OUTPUT ${page}
            COMMAND ${CMAKE_COMMAND} -DSOURCE=${source} -DPAGE=${page} -DSCDOC=${SCDOC}
                    -DPROVCTL=$<TARGET_FILE:provctl> -DPYTHON=${Python3_EXECUTABLE}
                    -P ${CMAKE_SOURCE_DIR}/cmake/man_page.cmake
            DEPENDS ${source} provctl ${CMAKE_SOURCE_DIR}/cmake/man_page.cmake
                    ${CMAKE_SOURCE_DIR}/cmake/man_commands.py
            VERBATIM)
        list(APPEND man_pages ${page})
        install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endforeach()
    add_custom_target(man ALL DEPENDS ${man_pages})
endif()
