# Files that are compiled into a program:
#
#   agent_sdk_embed(<variable> <file> <symbol> [<file> <symbol>…])
#
# appends to <variable> a C source for each file, which defines
#
#   const char <symbol>_text[];    the bytes of the file, and a NUL that does not count
#   const size_t <symbol>_size;
#
# and is written anew when the file changes.
function(agent_sdk_embed variable)
    set(sources ${${variable}})
    list(LENGTH ARGN left)
    while(left GREATER 0)
        list(POP_FRONT ARGN file symbol)
        set(source ${CMAKE_BINARY_DIR}/embedded/${symbol}.c)
        add_custom_command(OUTPUT ${source}
            COMMAND ${CMAKE_COMMAND} -DFILE=${file} -DSYMBOL=${symbol} -DSOURCE=${source}
                -P ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake
            DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/embed_file.cmake
            COMMENT "Embedding ${symbol}")
        list(APPEND sources ${source})
        list(LENGTH ARGN left)
    endwhile()
    set(${variable} ${sources} PARENT_SCOPE)
endfunction()
