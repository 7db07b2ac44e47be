# Generated sources: SQL statements and schemas as C strings, and the version. Sets
#   embedded_dir      the include folder: sql/statements.h, wire/schemas_embedded.h, version.h
#   embedded_sources  what provd_core compiles
#
#   worker/sql/lock_fence.sql       is  extern const char sql_lock_fence[];
#   schemas/ProvisioningResult.avsc is  extern const char schema_provisioning_result[];
#   schemas/history/*/v*.avsc       are rows of schema_versions[] in wire/schemas_history.h

# Debian's own Python first: the modules that the tests need are its packages.
if(NOT DEFINED Python3_EXECUTABLE AND EXISTS /usr/bin/python3)
    set(Python3_EXECUTABLE /usr/bin/python3)
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(embedded_dir ${CMAKE_BINARY_DIR}/generated)
set(embedded_sources)

# One header and one source from all `files`; made again when one of them changes. More arguments go
# to embed.py.
function(embed_files header prefix files)
    string(REGEX REPLACE "\\.h$" ".c" source ${header})
    set(script ${CMAKE_SOURCE_DIR}/cmake/embed.py)
    add_custom_command(
        OUTPUT ${embedded_dir}/${header} ${embedded_dir}/${source}
        COMMAND ${Python3_EXECUTABLE} ${script} --prefix ${prefix} --out ${embedded_dir}
                --header ${header} ${ARGN} ${files}
        DEPENDS ${script} ${files}
        COMMENT "Embedding into ${header}"
        VERBATIM)
    list(APPEND embedded_sources ${embedded_dir}/${header} ${embedded_dir}/${source})
    set(embedded_sources ${embedded_sources} PARENT_SCOPE)
endfunction()

file(GLOB sql_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/worker/sql/*.sql)
file(GLOB schema_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schemas/*.avsc)
embed_files(sql/statements.h sql_ "${sql_files}")
file(GLOB history_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schemas/history/*/v*.avsc)
embed_files(wire/schemas_embedded.h schema_ "${schema_files}")
embed_files(wire/schemas_history.h schema_ "${history_files}" --table schema_versions)

# The commit is looked up at every build; version.c is only written anew when it differs.
configure_file(${CMAKE_SOURCE_DIR}/cmake/version.h.in ${embedded_dir}/version.h @ONLY)
add_custom_target(provd_version
    COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${CMAKE_SOURCE_DIR} -DOUTPUT=${embedded_dir}/version.c
            -P ${CMAKE_SOURCE_DIR}/cmake/version.cmake
    BYPRODUCTS ${embedded_dir}/version.c
    VERBATIM)
list(APPEND embedded_sources ${embedded_dir}/version.c)
