# Makes PAGE of SOURCE with SCDOC; see Man.cmake.
cmake_minimum_required(VERSION 3.25)
get_filename_component(folder ${PAGE} DIRECTORY)
file(MAKE_DIRECTORY ${folder})
execute_process(COMMAND ${PROVCTL} config man OUTPUT_FILE ${PAGE}.settings COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PYTHON} ${CMAKE_CURRENT_LIST_DIR}/man_commands.py ${PROVCTL}
                OUTPUT_FILE ${PAGE}.commands COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND sed -e "/^@SETTINGS@\$/{r ${PAGE}.settings" -e "d}"
                -e "/^@COMMANDS@\$/{r ${PAGE}.commands" -e "d}" ${SOURCE}
    OUTPUT_FILE ${PAGE}.scd COMMAND_ERROR_IS_FATAL ANY)
execute_process(
    COMMAND ${SCDOC} INPUT_FILE ${PAGE}.scd OUTPUT_FILE ${PAGE} COMMAND_ERROR_IS_FATAL ANY)
