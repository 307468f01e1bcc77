/*
 * Churn, from `git log --numstat`: for each commit a line `*`, an empty line, and a line per file:
 * lines added, lines deleted (both `-` if it is no text) and the path, with tabs between them.
 *
 * Merges are left out (what they merge is counted already), and a renamed file is two files.
 */
#include "facts.h"

#include "tally.h"

enum {
    FILES_SHOWN = 250
};

static void count_line(tally *files, piece line, uint64_t *commits)
{
    piece added_text, deleted_text, path;
    int64_t added = 0, deleted = 0;
    if (line.length == 1 && line.bytes[0] == '*') {
        (*commits)++;
    } else if (split_first(line, '\t', &added_text, &path) &&
               split_first(path, '\t', &deleted_text, &path)) {
        (void)to_number(added_text, &added);
        (void)to_number(deleted_text, &deleted);
        tally_add(files, path, (uint64_t)added, (uint64_t)deleted);
    }
}

static void add_files(agt_value_builder *to, const tally *files)
{
    uint64_t added = 0, deleted = 0;
    for (size_t i = 0; i < files->count; i++) {
        added += files->items[i].added;
        deleted += files->items[i].deleted;
    }
    add_count_member(to, "files", files->count);
    add_count_member(to, "added", added);
    add_count_member(to, "deleted", deleted);
    agt_value_builder_key(to, "top");
    agt_value_builder_begin_array(to);
    for (size_t i = 0; i < files->count && i < FILES_SHOWN; i++) {
        agt_value_builder_begin_object(to);
        add_path_member(to, "path", files->items[i].name);
        add_count_member(to, "commits", files->items[i].count);
        add_count_member(to, "added", files->items[i].added);
        add_count_member(to, "deleted", files->items[i].deleted);
        agt_value_builder_end(to);
    }
    agt_value_builder_end(to);
}

agt_status find_churn(const inquiry *in)
{
    static const char *const slices[] = {GIT_CHANGES, NULL};
    agt_results *output = NULL;
    piece rest, line;
    uint64_t commits = 0;
    tally files = {0};
    agt_status status = git_ask(in->git, in->call, in->cancel, slices, &output);
    if (status != AGT_OK) {
        return status;
    }
    for (size_t i = 0; i < agt_results_get_count(output); i++) {
        rest = piece_of_value(agt_results_get_output(output, i));
        while (take_line(&rest, &line)) {
            count_line(&files, line, &commits);
        }
    }
    tally_rank(&files);
    add_count_member(in->to, "commits", commits);
    agt_value_builder_key(in->to, "is_cut");
    agt_value_builder_bool(in->to, commits == GIT_CHANGES_MAX);
    add_files(in->to, &files);
    status = files.is_out_of_memory ? AGT_E_NOMEM : AGT_OK;
    tally_free(&files);
    agt_results_unref(output);
    return status;
}
