/*
 * Reading a sized configuration and filling in a sized report: the one place that knows what
 * `struct_size` means.
 *
 *     agt_json_config own;
 *     agt_status status = agt__config_read(&own, sizeof(own), config, err);
 */
#ifndef AGT_BASE_CONFIG_H
#define AGT_BASE_CONFIG_H

#include "agent_sdk/base.h"

/**
 * Copy what the caller gave into @own, so that the rest of the library sees one size only.
 *
 * A shorter struct (an older program) leaves the rest of @own zero, which means the defaults. A
 * longer one (a newer program) is fine as long as all that this library does not know is zero.
 * NULL is a config in which everything is the default. @own->struct_size is @own_size afterwards.
 *
 * @param own       a config struct of ours; its first member is `size_t struct_size`
 * @param own_size  its size
 * @param given     the caller's, or NULL; only its first `struct_size` bytes are read
 * @return AGT_OK; AGT_E_INVALID if struct_size cannot be one (0: AGT_CONFIG was not used);
 *         AGT_E_VERSION if a member that this library does not know is set
 */
AGT_MUST_CHECK agt_status agt__config_read(void *own, size_t own_size, const void *given,
                                           agt_error *err);

/**
 * Fill in a sized report of the caller: as much of @own as @ret_report has room for, which its
 * `struct_size` says and keeps saying. What a newer program has room for beyond that becomes zero.
 *
 * @param ret_report  NULL, or not a size: nothing is written
 */
void agt__report_write(void *ret_report, const void *own, size_t own_size);

#endif
