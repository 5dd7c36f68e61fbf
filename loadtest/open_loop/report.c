/*
 * report.c - what came of it, as one JSON document on stdout.
 */
#include "load.h"

#include <stdio.h>
#include <unistd.h>

/* Processor time of a process so far, user and system; 0 if it cannot be known. */
static uint64_t process_ms(const char *name)
{
    char path[64], text[1024];
    unsigned long long user, system;
    const char *behind_name;
    size_t size;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%s/stat", name);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    behind_name = strrchr(text, ')'); /* which may hold anything itself */
    if (behind_name == NULL ||
        sscanf(behind_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
               &system) != 2)
        return 0;
    return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

struct ticks ticks_now(pid_t server)
{
    char name[16];

    snprintf(name, sizeof name, "%d", (int)server);
    return (struct ticks){process_ms("self"), server != 0 ? process_ms(name) : 0};
}

static void put_figures(const struct figures *figures)
{
    const struct histogram *latency = &figures->latency;

    printf("\"offered\": %llu, \"not_sent\": %llu, \"ok\": %llu, \"shed\": %llu, \"other\": %llu, "
           "\"broken\": %llu, \"late\": %llu, \"p50_us\": %llu, \"p99_us\": %llu, "
           "\"p999_us\": %llu, \"max_us\": %llu",
           (unsigned long long)figures->offered, (unsigned long long)figures->not_sent,
           (unsigned long long)figures->ok, (unsigned long long)figures->shed,
           (unsigned long long)figures->other, (unsigned long long)figures->broken,
           (unsigned long long)figures->late, (unsigned long long)histogram_permille(latency, 500),
           (unsigned long long)histogram_permille(latency, 990),
           (unsigned long long)histogram_permille(latency, 999), (unsigned long long)latency->max);
}

void report(void)
{
    const struct options *options = &load.options;

    printf("{\"path\": \"%s\", \"connections\": %u, \"arrivals\": \"%s\", \"seed\": %llu,\n"
           " \"phases\": [",
           options->path, options->connections, options->even ? "even" : "poisson",
           (unsigned long long)options->seed);
    for (int i = 0; i < options->phase_count; i++) {
        const struct phase_result *phase = &load.phases[i];
        double seconds = (double)(phase->end_ns - phase->begin_ns) / 1e9;
        printf("%s\n  {\"kind\": \"%s\", \"begin_ms\": %llu, \"seconds\": %.3f, \"rate\": %.1f, "
               "\"ok_per_s\": %.1f, \"own_cpu\": %.3f, \"server_cpu\": %.3f,\n   ",
               i == 0 ? "" : ",", options->phases[i].kind == PHASE_CLOSED ? "closed" : "open",
               (unsigned long long)((phase->begin_ns - load.start_ns) / 1000000), seconds,
               phase->rate, figures_rate(&phase->figures, phase->begin_ns, phase->end_ns),
               (double)phase->ticks.own_ms / 1000 / seconds,
               (double)phase->ticks.server_ms / 1000 / seconds);
        put_figures(&phase->figures);
        putchar('}');
    }
    printf("],\n \"slices\": [");
    for (size_t i = 0; i + 1 < load.slice_count; i++) {
        printf("%s\n  {\"ms\": %zu, ", i == 0 ? "" : ",", i * 100);
        put_figures(&load.slices[i]);
        putchar('}');
    }
    printf("]}\n");
}
