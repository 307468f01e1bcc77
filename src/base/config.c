/*
 * Sized configurations. A program and the library may have been built from headers of different
 * age; `struct_size` says how much of the struct the program knows. What is not there is zero, and
 * zero is the default everywhere, so both directions work without version numbers. The one thing
 * that must not happen is to ignore something the program asked for: a member beyond our end that
 * is not zero is an error.
 *
 * A struct_size that was never set is garbage and must not lead us to read far behind the struct:
 * sizes that no config of ours will ever have are refused.
 */
#include "base/config.h"

#include "base/assert.h"
#include "base/error.h"

#include <string.h>

enum {
    CONFIG_BYTES_MAX = 16384
};

agt_status agt__config_read(void *own, size_t own_size, const void *given, agt_error *err)
{
    AGT_ASSERT(own_size >= sizeof(size_t));
    AGT_ASSERT(own_size <= CONFIG_BYTES_MAX);
    if (given == NULL) {
        memset(own, 0, own_size);
        memcpy(own, &own_size, sizeof(own_size));
        return AGT_OK;
    }
    size_t size;
    memcpy(&size, given, sizeof(size));
    if (size < sizeof(size_t) || size > CONFIG_BYTES_MAX) {
        return agt__error_set(err, AGT_E_INVALID, "base/config",
                              "struct_size of a configuration is %zu; initialise it with "
                              "AGT_CONFIG",
                              size);
    }
    const unsigned char *bytes = given;
    for (size_t i = own_size; i < size; i++) {
        if (bytes[i] != 0) {
            return agt__error_set(err, AGT_E_VERSION, "base/config",
                                  "the configuration is of a newer version: it has %zu bytes, this "
                                  "library knows %zu, and byte %zu is set",
                                  size, own_size, i);
        }
    }
    memset(own, 0, own_size);
    memcpy(own, given, size < own_size ? size : own_size);
    memcpy(own, &own_size, sizeof(own_size));
    return AGT_OK;
}

void agt__report_write(void *ret_report, const void *own, size_t own_size)
{
    AGT_ASSERT(own_size >= sizeof(size_t));
    size_t size = 0;
    if (ret_report != NULL) {
        memcpy(&size, ret_report, sizeof(size));
    }
    if (size < sizeof(size_t) || size > CONFIG_BYTES_MAX) {
        return;
    }
    memset(ret_report, 0, size);
    memcpy(ret_report, own, size < own_size ? size : own_size);
    memcpy(ret_report, &size, sizeof(size));
}
