/*
 * standalone_main.c - runs a fuzz target on files, without libFuzzer.
 *
 * Linked to every fuzz/<name>_fuzz.c except in the `fuzz` preset. Each argument is a file, or a
 * folder whose files are run one by one in the order of their names; the target is expected not to
 * crash. This is how the corpora are replayed by the ordinary tests, with any compiler and under
 * any sanitizer or valgrind.
 *
 * Exit status: 0 if everything was run, 77 (skipped) if there was nothing to run, 1 if a file could
 * not be read.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned files_run;

/* Runs the target on one file. The copy has exactly the file's size, so that reading one byte too
 * many is seen by a sanitizer. */
static int run_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size > 0 ? size : 1);
    int status = 1;
    if (file && data && fread(data, 1, size, file) == size) {
        (void)LLVMFuzzerTestOneInput(data, size);
        files_run++;
        status = 0;
    } else {
        perror(path);
    }
    free(data);
    if (file) {
        (void)fclose(file);
    }
    return status;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int run_path(const char *path);

static int run_folder(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    int status = count < 0;
    for (int i = 0; i < count; i++) {
        char name[4096];
        (void)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        status |= run_path(name);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static int run_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    return S_ISDIR(info.st_mode) ? run_folder(path) : run_file(path, (size_t)info.st_size);
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc; i++) {
        status |= run_path(argv[i]);
    }
    printf("%u inputs run\n", files_run);
    if (status == 0 && files_run == 0) {
        return 77;
    }
    return status;
}
