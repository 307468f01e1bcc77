# cmake -DFILE=… -DSYMBOL=… -DSOURCE=… -P embed_file.cmake: see embed.cmake.
file(READ ${FILE} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
get_filename_component(name ${FILE} NAME)
file(WRITE ${SOURCE} "/* ${name}, by cmake/embed_file.cmake */
#include <stddef.h>

extern const char ${SYMBOL}_text[];
extern const size_t ${SYMBOL}_size;

const char ${SYMBOL}_text[] = \"${bytes}\";
const size_t ${SYMBOL}_size = ${size};
")
