/*
 * process.c - what the kernel knows of this process: process_*, as all clients of Prometheus name them.
 *
 * /proc is read on a blocking thread: to count descriptors is to list them, and there may be many.
 */
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>

#include <wok/blocking.h>

#include "exposition.h"

struct figures {
    uint64_t resident_bytes, virtual_bytes, descriptors, start_ticks, boot_s;
};
struct nothing {
    char unused;
};
WOK_TASK(read_proc, struct nothing, struct figures);

/* The first line of a file that begins with `word`, behind it; false: there is none. */
static bool find_line(const char *path, const char *word, char *line, int size)
{
    FILE *file = fopen(path, "re");
    bool found = false;

    while (file != NULL && !found && fgets(line, size, file) != NULL)
        found = strncmp(line, word, strlen(word)) == 0;
    if (file != NULL)
        fclose(file);
    return found;
}

static uint64_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    uint64_t count = 0;

    while (folder != NULL && (entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return count > 0 ? count - 1 : 0; /* but for the folder's own */
}

static int read_proc(struct nothing *args, struct figures *result)
{
    unsigned long long pages = 0, resident = 0, value = 0;
    char line[1024];
    const char *rest;

    (void)args;
    *result = (struct figures){.descriptors = count_descriptors()};
    if (find_line("/proc/self/statm", "", line, sizeof line) &&
        sscanf(line, "%llu %llu", &pages, &resident) == 2) {
        result->virtual_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
        result->resident_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    if (find_line("/proc/self/stat", "", line, sizeof line) &&
        (rest = strrchr(line, ')')) != NULL &&
        sscanf(rest,
               ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &value) == 1)
        result->start_ticks = value;
    if (find_line("/proc/stat", "btime ", line, sizeof line) &&
        sscanf(line, "btime %llu", &value) == 1)
        result->boot_s = value;
    return 0;
}

static double cpu_seconds(void)
{
    struct timespec time = {0, 0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void wok__process_put(wok_http_exchange *exchange)
{
    struct figures figures = {0};
    struct rlimit limit;
    WOK_CLEANUP(read_proc_join_drop) read_proc_join join = wok_spawn_blocking(read_proc, {0});

    (void)read_proc_await(&join, &figures, NULL); /* else they are zero, and left out */
    wok__family(exchange, "process_cpu_seconds_total", "counter",
                "Time of processors, user and system.");
    wok__sample(exchange, "process_cpu_seconds_total", NULL, cpu_seconds());
    if (figures.resident_bytes != 0) {
        wok__gauge(exchange, "process_resident_memory_bytes", "Memory that is resident.",
                   figures.resident_bytes);
        wok__gauge(exchange, "process_virtual_memory_bytes", "Address space.",
                   figures.virtual_bytes);
    }
    if (figures.descriptors != 0)
        wok__gauge(exchange, "process_open_fds", "Descriptors that are open.", figures.descriptors);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        wok__gauge(exchange, "process_max_fds", "Descriptors that may be open.", limit.rlim_cur);
    if (figures.start_ticks != 0 && figures.boot_s != 0) {
        wok__family(exchange, "process_start_time_seconds", "gauge",
                    "When the process began, since 1970.");
        wok__sample(exchange, "process_start_time_seconds", NULL,
                    (double)figures.boot_s +
                        (double)figures.start_ticks / (double)sysconf(_SC_CLK_TCK));
    }
}
