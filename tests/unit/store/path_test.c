/* Where a store may lie. */
#include "store/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/folder.h"
#include "support/test.h"
#include "support/torture.h"

static char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = agt_test_folder_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    agt_test_folder_free(folder);
    return 0;
}

static mode_t get_mode(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & 07777;
}

/* What becomes of `name` in the folder; the message has to name `text`. */
static void check(const char *name, bool create, agt_status wanted, const char *text)
{
    char *path = agt_test_folder_path(folder, name);
    char *whole = NULL;
    agt_error err = {.message = ""};
    agt_status status = agt__store_path(NULL, path, create, &whole, &err);
    if (status != wanted || !strstr(err.message, text)) {
        fail_msg("%s: %s \"%s\"", name, agt_status_get_name(status), err.message);
    }
    agt__free(NULL, whole);
    free(path);
}

static void test_what_is_made_is_private(void **state)
{
    (void)state;
    char *one = agt_test_folder_path(folder, "one");
    char *two = agt_test_folder_path(folder, "one/two");
    char *file = agt_test_folder_path(folder, "one/two/a store.db");
    mode_t before = umask(0);
    check("one/two/a store.db", true, AGT_OK, "");
    (void)umask(before);
    assert_int_equal(get_mode(one), 0700);
    assert_int_equal(get_mode(two), 0700);
    assert_int_equal(get_mode(file), 0600);
    check("one/two/a store.db", true, AGT_OK, ""); /* and stays as it is */
    check("one/two/a store.db", false, AGT_OK, "");
    free(one);
    free(two);
    free(file);
}

static void test_what_is_no_place(void **state)
{
    (void)state;
    char *whole = NULL;
    agt_error err;
    assert_int_equal(agt__store_path(NULL, NULL, true, &whole, &err), AGT_E_INVALID);
    assert_int_equal(agt__store_path(NULL, "", true, &whole, &err), AGT_E_INVALID);
    check("folder/", true, AGT_E_INVALID, "names no file");
    check("absent.db", false, AGT_E_NOT_FOUND, "absent.db");
    check("absent/absent.db", false, AGT_E_NOT_FOUND, "absent/absent.db");

    char *path = agt_test_folder_path(folder, "file");
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    free(path);
    check("file/store.db", true, AGT_E_IO, "file");
    check("file/store.db", false, AGT_E_IO, "file");

    path = agt_test_folder_path(folder, "directory.db");
    assert_int_equal(mkdir(path, 0700), 0);
    free(path);
    check("directory.db", true, AGT_E_SYNTAX, "directory.db");
    check("directory.db", false, AGT_E_SYNTAX, "directory.db");
}

static void test_symbolic_links(void **state)
{
    (void)state;
    check("real.db", true, AGT_OK, "");
    char *path = agt_test_folder_path(folder, "link.db");
    assert_int_equal(symlink("real.db", path), 0);
    free(path);
    check("link.db", true, AGT_E_DENIED, "symbolic link");
    check("link.db", false, AGT_OK, ""); /* who only reads may follow it */

    path = agt_test_folder_path(folder, "nowhere.db");
    assert_int_equal(symlink("absent.db", path), 0);
    free(path);
    check("nowhere.db", true, AGT_E_DENIED, "symbolic link");
    check("nowhere.db", false, AGT_E_NOT_FOUND, "nowhere.db");

    /* Links among the directories are the business of who made them; they are resolved. */
    path = agt_test_folder_path(folder, "elsewhere");
    assert_int_equal(symlink(".", path), 0);
    free(path);
    path = agt_test_folder_path(folder, "elsewhere/real.db");
    char *whole = NULL;
    assert_int_equal(agt__store_path(NULL, path, true, &whole, NULL), AGT_OK);
    assert_null(strstr(whole, "elsewhere"));
    assert_non_null(strstr(whole, "/real.db"));
    agt__free(NULL, whole);
    free(path);
}

static void test_files_of_others(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip(); /* only root can make one */
    }
    check("theirs.db", true, AGT_OK, "");
    char *path = agt_test_folder_path(folder, "theirs.db");
    assert_int_equal(chown(path, 65534, 65534), 0);
    free(path);
    check("theirs.db", true, AGT_E_DENIED, "somebody else");
    check("theirs.db", false, AGT_OK, "");
}

static void test_relative_paths(void **state)
{
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder), 0);
    static const char *const names[] = {"plain.db", "./dotted.db", "new/deep.db", "new/../up.db"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *whole = NULL;
        assert_int_equal(agt__store_path(NULL, names[i], true, &whole, NULL), AGT_OK);
        assert_int_equal(whole[0], '/');
        assert_null(strstr(whole, ".."));
        agt__free(NULL, whole);
    }
    assert_int_equal(chdir(before), 0);
}

static void test_network_file_systems(void **state)
{
    (void)state;
    assert_true(agt__store_is_network(0x6969));           /* NFS */
    assert_true(agt__store_is_network((long)0xFF534D42)); /* CIFS */
    assert_true(agt__store_is_network((int)0xFE534D42));  /* as a signed word */
    assert_false(agt__store_is_network(0xEF53));          /* ext4 */
    assert_false(agt__store_is_network(0x01021994));      /* tmpfs */
    assert_false(agt__store_is_network(0x9123683E));      /* btrfs */
}

static void use_path(const agt_allocator *allocator, void *ctx)
{
    char *whole = NULL;
    agt_status status = agt__store_path(allocator, ctx, true, &whole, NULL);
    assert_true(status == AGT_OK || status == AGT_E_NOMEM);
    agt__free(allocator, whole);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    char *path = agt_test_folder_path(folder, "memory.db");
    agt_test_torture(use_path, path);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_made_is_private), cmocka_unit_test(test_what_is_no_place),
        cmocka_unit_test(test_symbolic_links),          cmocka_unit_test(test_files_of_others),
        cmocka_unit_test(test_relative_paths),          cmocka_unit_test(test_network_file_systems),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
