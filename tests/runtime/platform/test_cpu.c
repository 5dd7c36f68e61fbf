/*
 * test_cpu.c - how many processors there are, in small trees of files that look like /proc and
 * /sys/fs/cgroup of the systems they are named after.
 */
#include "platform/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/test.h"

/* ---- texts ------------------------------------------------------------------------------------- */

Test(cpu, reads_a_quota)
{
    struct wok__cpu_quota quota = {0, 0};

    cr_assert(wok__cpu_parse_max("150000 100000\n", &quota));
    cr_assert_eq(quota.quota_us, 150000);
    cr_assert_eq(quota.period_us, 100000);
    cr_assert(wok__cpu_parse_max("1 2", &quota));
    cr_assert_eq(quota.period_us, 2);
}

Test(cpu, takes_what_it_does_not_understand_for_no_quota)
{
    static const char *const texts[] = {
        "max 100000\n",
        "",
        "\n",
        "100000",
        "100000 ",
        "100000\n",
        "-1 100000",
        "100000 0",
        "0 100000",
        " 5 6",
        "1e5 100000",
        "99999999999999999999999 5",
        "x",
        "5  6",
        "5 -6",
    };
    struct wok__cpu_quota quota = {7, 8};

    for (size_t i = 0; i < WOK_COUNT(texts); i++)
        cr_assert_not(wok__cpu_parse_max(texts[i], &quota), "%s", texts[i]);
    cr_assert(quota.quota_us == 7 && quota.period_us == 8); /* untouched */
}

Test(cpu, finds_its_cgroup)
{
    static const char text[] = "12:cpuset:/sets\n"
                               "4:cpu,cpuacct:/docker/ab:cd\n"
                               "1:name=cpu:/named\n"
                               "0::/user.slice/a b\n";
    char path[32];

    cr_assert(wok__cpu_parse_cgroup(text, NULL, path, sizeof path));
    cr_assert_str_eq(path, "/user.slice/a b");
    cr_assert(wok__cpu_parse_cgroup(text, "cpu", path, sizeof path));
    cr_assert_str_eq(path, "/docker/ab:cd");
    cr_assert(wok__cpu_parse_cgroup(text, "cpuacct", path, sizeof path));
    cr_assert_not(wok__cpu_parse_cgroup(text, "cpua", path, sizeof path));
    cr_assert_not(wok__cpu_parse_cgroup(text, NULL, path, 15));
    cr_assert_not(wok__cpu_parse_cgroup("", NULL, path, sizeof path));
    cr_assert_not(wok__cpu_parse_cgroup("garbage\n:\n5:\n", NULL, path, sizeof path));
    cr_assert(wok__cpu_parse_cgroup("0::/", NULL, path, sizeof path)); /* no end of line */
    cr_assert_str_eq(path, "/");
}

Test(cpu, finds_where_a_hierarchy_is_mounted)
{
    static const char text[] =
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw,cpu\n"
        "30 22 0:26 / /sys/fs/cg\\040roup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw\n"
        "31 22 0:27 /docker/x /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpuacct,cpu\n";
    static struct wok__cpu_mount mount;

    cr_assert(wok__cpu_parse_mountinfo(text, NULL, &mount));
    cr_assert_str_eq(mount.root, "/");
    cr_assert_str_eq(mount.point, "/sys/fs/cg roup");
    cr_assert(wok__cpu_parse_mountinfo(text, "cpu", &mount));
    cr_assert_str_eq(mount.root, "/docker/x");
    cr_assert_str_eq(mount.point, "/sys/fs/cgroup/cpu,cpuacct");
    cr_assert_not(wok__cpu_parse_mountinfo(text, "memory", &mount));
    cr_assert_not(wok__cpu_parse_mountinfo("", NULL, &mount));
    cr_assert_not(wok__cpu_parse_mountinfo("1 2 3 4 5 6 - cgroup2", NULL, &mount));
    cr_assert_not(wok__cpu_parse_mountinfo("- - - -\n", NULL, &mount));
}

/* ---- trees of files ---------------------------------------------------------------------------- */

static char root[64];

static void make_root(void)
{
    snprintf(root, sizeof root, "/tmp/wok-test-cpu-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
}

static void remove_root(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", root);
    cr_assert_eq(system(command), 0);
}

/* Writes a file below the root, and the directories on its way. */
static void put(const char *path, const char *text)
{
    char full[512];

    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void put_v2(const char *cgroup)
{
    put("/proc/self/cgroup", cgroup);
    put("/proc/self/mountinfo", "30 22 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n");
}

static void put_v1(const char *cgroup, const char *mount_root)
{
    char text[256];

    put("/proc/self/cgroup", cgroup);
    snprintf(text, sizeof text, "31 22 0:27 %s /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n",
             mount_root);
    put("/proc/self/mountinfo", text);
}

Test(cpu, counts_affinity_where_there_is_no_proc, .init = make_root, .fini = remove_root)
{
    struct wok__cpu_report report;

    cr_assert_eq(wok__cpu_count_in(root, 6, &report), 6);
    cr_assert_eq(report.limit, WOK__CPU_LIMIT_AFFINITY);
    cr_assert_eq(report.quota_us, 0);
    cr_assert_str_eq(report.where, "");
    cr_assert_eq(wok__cpu_count_in(root, 0, NULL), 1);
}

Test(cpu, rounds_a_quota_down_but_not_to_zero, .init = make_root, .fini = remove_root)
{
    struct wok__cpu_report report;

    put_v2("0::/pod\n");
    put("/sys/fs/cgroup/pod/cpu.max", "290000 100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 2);
    cr_assert_eq(report.limit, WOK__CPU_LIMIT_CGROUP_V2);
    cr_assert_eq(report.affinity, 8);
    cr_assert_eq(report.quota_us, 290000);
    cr_assert_str_eq(report.where, "/sys/fs/cgroup/pod/cpu.max");

    put("/sys/fs/cgroup/pod/cpu.max", "20000 100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 1);
    put("/sys/fs/cgroup/pod/cpu.max", "max 100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 8);
    put("/sys/fs/cgroup/pod/cpu.max", "1600000 100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 8);
    cr_assert_eq(report.limit, WOK__CPU_LIMIT_AFFINITY);
}

/* The quota of a pod stands one or two levels above the container's own cgroup. */
Test(cpu, asks_every_ancestor, .init = make_root, .fini = remove_root)
{
    struct wok__cpu_report report;

    put_v2("0::/kube/pod/container\n");
    put("/sys/fs/cgroup/kube/pod/container/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/kube/pod/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/kube/cpu.max", "500000 100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 3);
    cr_assert_str_eq(report.where, "/sys/fs/cgroup/kube/pod/cpu.max");
    put("/sys/fs/cgroup/kube/cpu.max", "210000 100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 2);
    cr_assert_str_eq(report.where, "/sys/fs/cgroup/kube/cpu.max");
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n"); /* a container's own root has one */
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 1);
}

Test(cpu, sees_the_quota_of_a_container_at_its_root, .init = make_root, .fini = remove_root)
{
    put_v2("0::/\n");
    put("/sys/fs/cgroup/cpu.max", "400000 100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, NULL), 4);
    /* A path that leads out of the namespace's root: the mount point is all that can be seen. */
    put_v2("0::/../other\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, NULL), 4);
}

Test(cpu, reads_version_1, .init = make_root, .fini = remove_root)
{
    struct wok__cpu_report report;

    put_v1("5:cpu,cpuacct:/docker/abc\n0::/elsewhere\n", "/");
    put("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "350000\n");
    put("/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 3);
    cr_assert_eq(report.limit, WOK__CPU_LIMIT_CGROUP_V1);
    cr_assert_eq(report.quota_us, 350000);
    cr_assert_str_eq(report.where, "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us");
    put("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "200000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 2);
}

/* Without a cgroup namespace a container sees the machine's path, but its own part mounted. */
Test(cpu, strips_the_mounts_root_from_the_path, .init = make_root, .fini = remove_root)
{
    put_v1("5:cpu:/docker/abc/inner\n", "/docker/abc");
    put("/sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "200000\n");
    put("/sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, NULL), 2);
    /* No prefix of whole names: only the mount point can be asked. */
    put_v1("5:cpu:/docker/abcd/inner\n", "/docker/abc");
    put("/sys/fs/cgroup/cpud/inner/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpud/inner/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, NULL), 8);
}

Test(cpu, takes_the_tighter_of_both_versions, .init = make_root, .fini = remove_root)
{
    struct wok__cpu_report report;

    put("/proc/self/cgroup", "5:cpu:/a\n0::/b\n");
    put("/proc/self/mountinfo", "31 22 0:27 / /cpu ro - cgroup cgroup rw,cpu\n"
                                "30 22 0:26 / /unified rw - cgroup2 cgroup2 rw\n");
    put("/unified/b/cpu.max", "400000 100000\n");
    put("/cpu/a/cpu.cfs_quota_us", "300000\n");
    put("/cpu/a/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(wok__cpu_count_in(root, 8, &report), 3);
    cr_assert_eq(report.limit, WOK__CPU_LIMIT_CGROUP_V1);
}

Test(cpu, counts_this_machine)
{
    struct wok__cpu_report report;

    cr_assert_geq(wok__cpu_count(&report), 1);
    cr_assert_leq(report.count, report.affinity);
}
