/*
 * Where a store may lie.
 */
#ifndef AGT_STORE_PATH_H
#define AGT_STORE_PATH_H

#include "agent_sdk/base.h"

/**
 * The path of a store, absolute and with no symbolic link in its directories.
 *
 * @param create  make directories that are missing (0700) and an empty file (0600)
 * @return AGT_OK; AGT_E_INVALID if @path names no file; AGT_E_NOT_FOUND; AGT_E_DENIED for what a
 *         writer does not trust: a symbolic link, a file of somebody else; AGT_E_SYNTAX if it is no
 *         file; AGT_E_UNSUPPORTED on a network file system; AGT_E_IO; AGT_E_NOMEM
 */
AGT_MUST_CHECK agt_status agt__store_path(const agt_allocator *allocator, const char *path,
                                          bool create, char **ret_path, agt_error *err);

/** Whether a file system with this magic number (statfs) is a network's. */
bool agt__store_is_network(long magic);

#endif
