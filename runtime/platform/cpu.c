/*
 * cpu.c - affinity and cgroup quota.
 *
 * A cgroup's bandwidth is limited by its own quota and by that of every ancestor, so each level up
 * to the mount point is asked, and the smallest number of processors wins.  Version 2 keeps both
 * numbers in cpu.max, version 1 in two files below the mount of its cpu controller; a machine may
 * have both mounted, with the controller in either one.
 *
 * Where a file is missing or says something unexpected there is no limit: a service that starts
 * with too many workers is slower, one that does not start is down.
 *
 * Source: kernel, Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst; proc(5) for
 * mountinfo, cgroups(7) for /proc/self/cgroup.
 */
#include "platform/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 2560
#define SMALL_FILE_SIZE 256
/* mountinfo of a machine with hundreds of containers is some 100 KiB. */
#define LARGE_FILE_SIZE (1024 * 1024)

/* ---- texts ----------------------------------------------------------------------------------- */

static bool parse_number(const char **text, uint64_t *ret)
{
    char *end;

    if (**text < '0' || **text > '9') /* strtoull would take blanks and a minus sign */
        return false;
    errno = 0;
    *ret = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0;
}

bool wok__cpu_parse_max(const char *text, struct wok__cpu_quota *ret)
{
    struct wok__cpu_quota quota;

    if (!parse_number(&text, &quota.quota_us) || *text++ != ' ' ||
        !parse_number(&text, &quota.period_us) || quota.quota_us == 0 || quota.period_us == 0)
        return false;
    *ret = quota;
    return true;
}

/* Copies `length` bytes and ends them; false: no room. */
static bool copy(char *target, size_t size, const char *source, size_t length)
{
    if (length >= size)
        return false;
    memcpy(target, source, length);
    target[length] = '\0';
    return true;
}

/* True if `word` stands in the list of `length` bytes, between separators or the ends. */
static bool list_has(const char *list, size_t length, char separator, const char *word)
{
    size_t word_length = strlen(word);
    const char *end = list + length;

    for (;;) {
        const char *stop = memchr(list, separator, (size_t)(end - list));
        size_t item = (size_t)((stop != NULL ? stop : end) - list);
        if (item == word_length && memcmp(list, word, item) == 0)
            return true;
        if (stop == NULL)
            return false;
        list = stop + 1;
    }
}

bool wok__cpu_parse_cgroup(const char *text, const char *controller, char *ret_path, size_t size)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        const char *end = text + length;
        const char *names = memchr(text, ':', length);
        const char *path = names == NULL ? NULL : memchr(names + 1, ':', (size_t)(end - names - 1));

        if (path != NULL) {
            size_t names_length = (size_t)(path - names - 1);
            bool found = controller == NULL ? names_length == 0
                                            : list_has(names + 1, names_length, ',', controller);
            if (found)
                return copy(ret_path, size, path + 1, (size_t)(end - path - 1));
        }
        text = end + (*end == '\n');
    }
    return false;
}

/* A field of mountinfo: blanks in it are written as \040, and so on.  False: no room. */
static bool copy_unescaped(char *target, size_t size, const char *source, size_t length)
{
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned code;
        if (used + 1 >= size)
            return false;
        if (source[i] == '\\' && i + 3 < length && sscanf(source + i + 1, "%3o", &code) == 1) {
            target[used++] = (char)code;
            i += 3;
        } else {
            target[used++] = source[i];
        }
    }
    target[used] = '\0';
    return true;
}

/* The words of one line, without copying them; returns how many there are, at most `max`. */
static size_t split(const char *line, size_t length, wok_slice *words, size_t max)
{
    size_t count = 0;

    for (size_t at = 0; at < length && count < max;) {
        size_t size = 0;
        while (at + size < length && line[at + size] != ' ')
            size++;
        words[count++] = (wok_slice){line + at, size};
        at += size + 1;
    }
    return count;
}

/*
 * 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *            root  point                     ^ the type follows, then the source and the options
 */
static bool mount_matches(const wok_slice *words, size_t count, const char *controller)
{
    size_t dash = 6;

    while (dash < count && !wok_slice_equal(words[dash], WOK_SLICE("-")))
        dash++;
    if (dash + 3 >= count)
        return false;
    if (controller == NULL)
        return wok_slice_equal(words[dash + 1], WOK_SLICE("cgroup2"));
    return wok_slice_equal(words[dash + 1], WOK_SLICE("cgroup")) &&
           list_has(words[dash + 3].data, words[dash + 3].size, ',', controller);
}

bool wok__cpu_parse_mountinfo(const char *text, const char *controller, struct wok__cpu_mount *ret)
{
    while (*text != '\0') {
        wok_slice words[24];
        size_t length = strcspn(text, "\n");
        size_t count = split(text, length, words, WOK_COUNT(words));

        if (mount_matches(words, count, controller))
            return copy_unescaped(ret->root, sizeof ret->root, words[3].data, words[3].size) &&
                   copy_unescaped(ret->point, sizeof ret->point, words[4].data, words[4].size);
        text += length;
        text += *text == '\n';
    }
    return false;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Reads at most size - 1 bytes of root/path and ends them; false: the file cannot be read. */
static bool read_file(const char *root, const char *path, char *ret_text, size_t size)
{
    char full[PATH_SIZE + 256];
    size_t used = 0;

    if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full)
        return false;
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (used + 1 < size) {
        ssize_t got = read(fd, ret_text + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    ret_text[used] = '\0';
    return used > 0;
}

/* What limits one hierarchy: the version 2 one if `controller` is NULL. */
struct search {
    const char *root;
    const char *controller;
    struct wok__cpu_report *report;
};

/* Reads the quota of one cgroup directory; writes which file it was in. */
static bool read_quota(const struct search *search, char *directory, struct wok__cpu_quota *ret)
{
    char text[SMALL_FILE_SIZE], both[2 * SMALL_FILE_SIZE];
    size_t length = strlen(directory);
    bool found = false;

    if (search->controller == NULL) {
        snprintf(directory + length, PATH_SIZE - length, "/cpu.max");
        return read_file(search->root, directory, text, sizeof text) &&
               wok__cpu_parse_max(text, ret);
    }
    snprintf(directory + length, PATH_SIZE - length, "/cpu.cfs_period_us");
    if (read_file(search->root, directory, text, sizeof text)) {
        snprintf(directory + length, PATH_SIZE - length, "/cpu.cfs_quota_us");
        size_t used = read_file(search->root, directory, both, SMALL_FILE_SIZE) ? strlen(both) : 0;
        while (used > 0 && both[used - 1] == '\n')
            used--;
        snprintf(both + used, sizeof both - used, " %s", text);
        found = wok__cpu_parse_max(both, ret); /* "-1 100000": no limit */
    }
    return found;
}

/* Keeps the quota if it allows fewer processors than what the report has. */
static void note_quota(const struct search *search, const char *file, struct wok__cpu_quota quota)
{
    struct wok__cpu_report *report = search->report;
    uint64_t count = quota.quota_us / quota.period_us;

    /* Compared as fractions: of two that are rounded to the same number the tighter one is told. */
    if (report->period_us == 0 || (double)quota.quota_us / (double)quota.period_us <
                                      (double)report->quota_us / (double)report->period_us) {
        report->quota_us = quota.quota_us;
        report->period_us = quota.period_us;
        size_t length = strnlen(file, sizeof report->where - 1);
        copy(report->where, sizeof report->where, file, length);
    }
    if (count < 1)
        count = 1;
    if (count < report->count) {
        report->count = (unsigned)count;
        report->limit =
            search->controller == NULL ? WOK__CPU_LIMIT_CGROUP_V2 : WOK__CPU_LIMIT_CGROUP_V1;
    }
}

/* Where the own cgroup lies below the mount point.  In a container that sees only its own part of
 * the hierarchy the mount's root is a prefix of the path, or the path leads out of it. */
static const char *below_mount(const struct wok__cpu_mount *mount, const char *path)
{
    size_t length = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);

    if (strncmp(path, mount->root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return "";
    return strcmp(path + length, "/") == 0 ? "" : path + length;
}

/* Asks the own cgroup and all its ancestors below the mount point. */
static void search_hierarchy(const struct search *search, const char *mountinfo,
                             const char *cgroups)
{
    struct wok__cpu_mount mount;
    char path[1024], directory[PATH_SIZE];

    if (!wok__cpu_parse_mountinfo(mountinfo, search->controller, &mount) ||
        !wok__cpu_parse_cgroup(cgroups, search->controller, path, sizeof path))
        return;
    snprintf(directory, sizeof directory, "%s%s", mount.point, below_mount(&mount, path));

    size_t top = strlen(mount.point), end = strlen(directory);
    for (;;) {
        struct wok__cpu_quota quota;
        directory[end] = '\0';
        if (read_quota(search, directory, &quota))
            note_quota(search, directory, quota);
        if (end <= top)
            return;
        do
            end--;
        while (end > top && directory[end] != '/');
    }
}

unsigned wok__cpu_count_in(const char *root, unsigned affinity, struct wok__cpu_report *ret)
{
    struct wok__cpu_report report = {.count = affinity < 1 ? 1 : affinity, .affinity = affinity};
    struct search v2 = {.root = root, .controller = NULL, .report = &report};
    struct search v1 = {.root = root, .controller = "cpu", .report = &report};
    char *mountinfo = malloc(LARGE_FILE_SIZE), *cgroups = malloc(LARGE_FILE_SIZE);

    if (mountinfo != NULL && cgroups != NULL &&
        read_file(root, "/proc/self/mountinfo", mountinfo, LARGE_FILE_SIZE) &&
        read_file(root, "/proc/self/cgroup", cgroups, LARGE_FILE_SIZE)) {
        search_hierarchy(&v2, mountinfo, cgroups);
        search_hierarchy(&v1, mountinfo, cgroups);
    }
    free(mountinfo);
    free(cgroups);
    if (ret != NULL)
        *ret = report;
    return report.count;
}

/* ---- affinity -------------------------------------------------------------------------------- */

/* The kernel refuses a mask that is smaller than its own, whose size it does not tell. */
static unsigned affinity_count(void)
{
    for (int processors = 1024; processors <= 1 << 20; processors *= 2) {
        size_t size = CPU_ALLOC_SIZE(processors);
        cpu_set_t *set = CPU_ALLOC(processors);
        if (set == NULL)
            break;
        int error = sched_getaffinity(0, size, set) < 0 ? errno : 0;
        int count = error == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (error == 0)
            return (unsigned)count;
        if (error != EINVAL)
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : (unsigned)online;
}

unsigned wok__cpu_count(struct wok__cpu_report *ret)
{
    return wok__cpu_count_in("", affinity_count(), ret);
}
