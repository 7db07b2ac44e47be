# Foreign libraries, as the interface target `provd_libraries`. The Debian packages that bring them are
# listed in tools/packages.txt.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(provd_libraries INTERFACE)
target_link_libraries(provd_libraries INTERFACE Threads::Threads m)
foreach(module rdkafka avro-c libpq libcurl jansson yaml-0.1 libmicrohttpd libsystemd libidn2
               libsodium libcrypt libcrypto)
    string(MAKE_C_IDENTIFIER ${module} name)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
    target_link_libraries(provd_libraries INTERFACE PkgConfig::${name})
endforeach()
