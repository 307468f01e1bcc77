/*
 * folder.h - a folder of its own for a test that needs files.
 */
#ifndef AGENT_SDK_TESTS_FOLDER_H
#define AGENT_SDK_TESTS_FOLDER_H

/* Makes an empty folder below TMPDIR (/tmp). Never NULL; the caller gives it to
 * agt_test_folder_free(). */
char *agt_test_folder_new(void);

/* Removes the folder and all that is in it. NULL is fine. */
void agt_test_folder_free(char *folder);

/* The path of `name` in `folder`. The caller gives it to free(). */
char *agt_test_folder_path(const char *folder, const char *name);

#endif /* AGENT_SDK_TESTS_FOLDER_H */
