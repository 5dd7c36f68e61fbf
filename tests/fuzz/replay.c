/*
 * replay.c - runs a fuzz target over files, or over all files of folders, where there is no fuzzer.
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

int replay_main(int argc, char **argv);

static unsigned replayed;

static int replay_file(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "re");
    size_t size = file != NULL ? fread(data, 1, sizeof data, file) : 0;

    if (file == NULL || ferror(file) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    fclose(file);
    /* A block of exactly its size, so that a sanitizer sees a look beyond the end. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        return 1;
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    replayed++;
    return 0;
}

static int replay(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), error = 0;

    if (count < 0)
        return replay_file(path);
    for (int i = 0; i < count; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            error |= replay_file(inner);
        free(entries[i]);
    }
    free(entries);
    return error;
}

int replay_main(int argc, char **argv)
{
    int error = 0;

    for (int i = 1; i < argc; i++)
        error |= replay(argv[i]);
    printf("%u inputs\n", replayed);
    return error != 0 || replayed == 0;
}

/* A target with a main() of its own calls replay_main() from there. */
__attribute__((weak)) int main(int argc, char **argv)
{
    return replay_main(argc, argv);
}
