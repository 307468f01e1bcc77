/* A run as a tree of spans with bars and its critical path. */
#ifndef AGT_CLI_TREE_H
#define AGT_CLI_TREE_H

#include "cli/cli.h"
#include "cli/terminal.h"

typedef struct cli_tree cli_tree;

/** The tree of @run, an object of agt_store_get_run(), which must outlive it. NULL: see @err */
cli_tree *cli_tree_new(const agt_value *run, agt_error *err);
void cli_tree_free(cli_tree *tree);

/** Print it for people. */
void cli_tree_print(const cli_tree *tree, const cli_terminal *terminal);

/** Print it as JSON: the run, each span with its share, and the profile. */
cli_exit cli_tree_print_json(const cli_tree *tree);

#endif
