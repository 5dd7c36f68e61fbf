/*
 * sandbox.c - the system calls that the server makes once it serves, and no others.
 *
 * A table becomes a filter of the kernel's (seccomp), for all threads at once.  The first row that fits a call
 * allows it.  A row may look at one argument, of which 32 bits count: that is enough for the flags and numbers
 * here, and a pointer cannot be looked through.
 *
 * What is in no row answers ENOSYS, as a kernel without it would: every C library has a way for that, and a
 * call that a later one tries first does no harm.  The few calls that only code of somebody else's makes,
 * a shell above all, end the process, so that it is seen.  docs/decisions/0051-sandbox.md has the reasons.
 *
 * The list is what the server does after its start, by strace(1) over the end-to-end tests, and what the C
 * library does in its stead on the other architecture; tests/e2e/test_sandbox.sh runs them with it.
 */
#include "serve/sandbox.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <wok/base.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41 /* glibc names its memory */
#endif

enum look {
    ANYHOW,
    WITHOUT, /* none of the bits in the argument */
    WITH,    /* all of them */
    EQUAL,
    SAME_PROCESS, /* the argument is this process */
};

struct row {
    uint32_t call;
    enum look look;
    uint32_t argument, value;
};

#define ALWAYS(name_)                                                                              \
    {                                                                                              \
        .call = SYS_##name_                                                                        \
    }

static const struct row allowed[] = {
    /* The network: what is open is used, and nothing new is opened but by accepting. */
    ALWAYS(recvfrom),
    ALWAYS(sendmsg),
    ALWAYS(epoll_pwait),
    ALWAYS(epoll_pwait2),
    ALWAYS(epoll_ctl),
    ALWAYS(accept4),
    ALWAYS(shutdown),
    ALWAYS(close),
    ALWAYS(read),
    ALWAYS(write),
    ALWAYS(writev),
    ALWAYS(readv),
    ALWAYS(recvmsg),
    ALWAYS(sendto), /* the service manager is told */
    ALWAYS(getsockopt),
    ALWAYS(setsockopt), /* a hush, a reset, kTLS */
    ALWAYS(getsockname),
    ALWAYS(getpeername),
    {SYS_ioctl, EQUAL, 1, SIOCOUTQ}, /* what a client has not taken */
    ALWAYS(ppoll),
    ALWAYS(eventfd2),
    ALWAYS(epoll_create1), /* a spare worker has its own */
#ifdef SYS_epoll_wait
    ALWAYS(epoll_wait),
    ALWAYS(poll),
#endif
    /* Threads and their waits. */
    ALWAYS(futex),
    ALWAYS(sched_yield),
    ALWAYS(nanosleep),
    ALWAYS(clock_nanosleep),
    ALWAYS(clock_gettime),
    ALWAYS(clock_getres),
    ALWAYS(gettimeofday),
    {SYS_clone, WITH, 0, CLONE_THREAD},
    ALWAYS(set_robust_list),
    ALWAYS(rseq),
    ALWAYS(membarrier),
    ALWAYS(gettid),
    ALWAYS(getpid),
    ALWAYS(getcpu),
    ALWAYS(sched_getaffinity),
    ALWAYS(sched_setaffinity),
    {SYS_prctl, EQUAL, 0, PR_SET_NAME},
    {SYS_prctl, EQUAL, 0, PR_GET_NAME},
    {SYS_prctl, EQUAL, 0, PR_SET_VMA},
    ALWAYS(exit),
    ALWAYS(exit_group),
    ALWAYS(restart_syscall),
    /* Signals, of this process to itself. */
    ALWAYS(rt_sigaction),
    ALWAYS(rt_sigprocmask),
    ALWAYS(rt_sigreturn),
    ALWAYS(rt_sigtimedwait), /* SIGQUIT is waited for */
    ALWAYS(sigaltstack),
    {SYS_tgkill, SAME_PROCESS, 0, 0},
    /* Memory, none of it to be executed. */
    ALWAYS(brk),
    ALWAYS(munmap),
    ALWAYS(madvise),
    ALWAYS(mremap),
    {SYS_mmap, WITHOUT, 2, PROT_EXEC},
    {SYS_mprotect, WITHOUT, 2, PROT_EXEC},
    /* Files, to be read: certificates, what a cgroup allows. */
    {SYS_openat, WITHOUT, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC},
    ALWAYS(newfstatat),
    ALWAYS(fstat),
    ALWAYS(statx),
    ALWAYS(lseek),
    ALWAYS(pread64),
    ALWAYS(fcntl),
    {SYS_ioctl, EQUAL, 1, TCGETS}, /* isatty */
    {SYS_ioctl, EQUAL, 1, FIONBIO},
    /* What the server asks about itself. */
    ALWAYS(getrandom),
    ALWAYS(prlimit64),
    ALWAYS(getrusage),
    ALWAYS(sysinfo),
    ALWAYS(uname),
    ALWAYS(getuid),
    ALWAYS(geteuid),
    ALWAYS(getgid),
    ALWAYS(getegid),
};

/* After the table: only where a file is removed at the end. */
static const struct row unlinking[] = {
    ALWAYS(unlinkat),
#ifdef SYS_unlink
    ALWAYS(unlink),
#endif
};

/* No server of ours makes these at any time. */
static const uint32_t fatal[] = {
    SYS_execve,     SYS_execveat,        SYS_ptrace,    SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_setuid,     SYS_setgid,          SYS_setresuid, SYS_setresgid,        SYS_setgroups,
    SYS_capset,     SYS_chroot,          SYS_mount,     SYS_umount2,          SYS_pivot_root,
    SYS_unshare,    SYS_setns,           SYS_bpf,       SYS_init_module,      SYS_finit_module,
    SYS_kexec_load, SYS_perf_event_open, SYS_keyctl,    SYS_userfaultfd,
};

/* ---- the filter ------------------------------------------------------------------------------------ */

/* A row is at most 6 instructions; behind them and the checks of the architecture are the fatal ones. */
enum { CODE_MAX = 6 * (WOK_COUNT(allowed) + WOK_COUNT(unlinking)) + 2 * WOK_COUNT(fatal) + 16 };

struct program {
    struct sock_filter code[CODE_MAX];
    unsigned short size;
};

static void put(struct program *program, struct sock_filter instruction)
{
    program->code[program->size++] = instruction;
}

#define LOAD(offset_) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset_)))
#define RETURN(action_) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (action_)))
/* Goes on if the comparison holds, and past the next `skip` instructions if it does not. */
#define UNLESS(how_, value_, skip_)                                                                \
    ((struct sock_filter)BPF_JUMP(BPF_JMP | (how_) | BPF_K, (value_), 0, (skip_)))

static void put_row(struct program *program, const struct row *row)
{
    uint32_t value = row->look == SAME_PROCESS ? (uint32_t)getpid() : row->value;
    size_t argument = offsetof(struct seccomp_data, args) + row->argument * sizeof(uint64_t);

    put(program, LOAD(offsetof(struct seccomp_data, nr)));
    if (row->look == ANYHOW) {
        put(program, UNLESS(BPF_JEQ, row->call, 1));
        put(program, RETURN(SECCOMP_RET_ALLOW));
        return;
    }
    put(program, UNLESS(BPF_JEQ, row->call, row->look == WITH ? 4 : 3));
    put(program,
        LOAD(argument)); /* both architectures are little-endian: the low half comes first */
    switch (row->look) {
    case WITHOUT:
        put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, value, 1, 0));
        break;
    case WITH:
        put(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, value));
        put(program, UNLESS(BPF_JEQ, value, 1));
        break;
    default:
        put(program, UNLESS(BPF_JEQ, value, 1));
        break;
    }
    put(program, RETURN(SECCOMP_RET_ALLOW));
}

static void build(struct program *program, const struct wok__sandbox_needs *needs)
{
    /* The same numbers mean other calls to another architecture. */
    put(program, LOAD(offsetof(struct seccomp_data, arch)));
    put(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    put(program, RETURN(SECCOMP_RET_KILL_PROCESS));
    for (size_t i = 0; i < WOK_COUNT(allowed); i++)
        put_row(program, &allowed[i]);
    for (size_t i = 0; needs->unlink && i < WOK_COUNT(unlinking); i++)
        put_row(program, &unlinking[i]);
    put(program, LOAD(offsetof(struct seccomp_data, nr)));
    for (size_t i = 0; i < WOK_COUNT(fatal); i++) {
        put(program, UNLESS(BPF_JEQ, fatal[i], 1));
        put(program, RETURN(SECCOMP_RET_KILL_PROCESS));
    }
    put(program, RETURN(SECCOMP_RET_ERRNO | ENOSYS));
}

int wok__sandbox_enter(const struct wok__sandbox_needs *needs)
{
    struct program program = {.size = 0};
    struct sock_fprog filter;
    long thread;

    if (ARCHITECTURE == 0)
        return -ENOSYS;
    build(&program, needs);
    filter = (struct sock_fprog){.len = program.size, .filter = program.code};
    thread = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
    if (thread < 0)
        return -errno;
    return thread > 0 ? -ESRCH : 0;
}
