/*
 * cpu.h - how many processors the process may really use.
 *
 * In a container the machine's processors are not ours: an affinity mask may leave some out, and a
 * cgroup's quota may allow less time than they have.  More workers than the quota pays for would
 * use it up early in each period and then all be stopped together, for tens of milliseconds; hence
 * a quota counts rounded down.
 */
#ifndef WOK_PLATFORM_CPU_H
#define WOK_PLATFORM_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

enum wok__cpu_limit {
    WOK__CPU_LIMIT_AFFINITY,  /* as many as sched_getaffinity(2) names */
    WOK__CPU_LIMIT_CGROUP_V2, /* cpu.max of the own cgroup or an ancestor */
    WOK__CPU_LIMIT_CGROUP_V1, /* cpu.cfs_quota_us over cpu.cfs_period_us, likewise */
};

struct wok__cpu_report {
    unsigned count;               /* the result, at least 1 */
    unsigned affinity;            /* processors in the affinity mask */
    enum wok__cpu_limit limit;    /* what decided */
    uint64_t quota_us, period_us; /* the tightest quota found; 0 and 0 if there is none */
    char where[256]; /* the file that holds it, cut if it is longer; "" if there is none */
};

/* Processors the process may use; at least 1.  `ret` may be NULL. */
unsigned wok__cpu_count(struct wok__cpu_report *ret);

/* ---- the parts of wok__cpu_count, for its tests --------------------------------------------- */

/* As wok__cpu_count with `affinity` processors, reading every file below the directory `root`
 * ("" is the system's own). */
unsigned wok__cpu_count_in(const char *root, unsigned affinity, struct wok__cpu_report *ret);

struct wok__cpu_quota {
    uint64_t quota_us, period_us;
};

/* Reads the text of cpu.max, "max 100000" or "150000 100000".  False: no limit, or not understood. */
bool wok__cpu_parse_max(const char *text, struct wok__cpu_quota *ret);

/* The path of the process in /proc/self/cgroup: of the line "0::PATH" if `controller` is NULL, else
 * of the line that names the controller.  False: no such line, or no room. */
bool wok__cpu_parse_cgroup(const char *text, const char *controller, char *ret_path, size_t size);

struct wok__cpu_mount {
    char root[1024];  /* which directory of the hierarchy is mounted ... */
    char point[1024]; /* ... and where */
};

/* The mount of the hierarchy in /proc/self/mountinfo: of cgroup2 if `controller` is NULL, else of
 * the controller's.  False: not mounted, or no room. */
bool wok__cpu_parse_mountinfo(const char *text, const char *controller, struct wok__cpu_mount *ret);

#endif
