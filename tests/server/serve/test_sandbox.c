/*
 * test_sandbox.c - what a process may still ask of the kernel inside of the sandbox.
 *
 * Each probe is a child that enters it, makes one call, and tells by its end how that went.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

#include "serve/privileges.h"
#include "serve/sandbox.h"

enum { ENTRY_FAILED = 200 };

static const struct wok__sandbox_needs nothing_more = {.unlink = false};

/* The errno that the probe ended with (0: the call was let through), or minus the signal that killed it. */
static int probe(int (*call)(void), const struct wok__sandbox_needs *needs)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (wok__forbid_new_privileges() < 0 || wok__sandbox_enter(needs) < 0)
            _exit(ENTRY_FAILED);
        _exit(call() < 0 ? errno : 0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

#define PROBE(call_) probe((call_), &nothing_more)

static int open_to_read(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int open_to_write(void)
{
    return open("/dev/null", O_WRONLY);
}

static int open_to_both(void)
{
    return open("/dev/null", O_RDWR);
}

static int create(void)
{
    return open("/tmp/wok-never", O_RDONLY | O_CREAT, 0600);
}

static int map_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED
               ? -1
               : 0;
}

static int map_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

static int make_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int make_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int remove_file(void)
{
    return unlink("/tmp/wok-never/at/all");
}

static int make_process(void)
{
    return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int make_process_anew(void)
{
    return (int)syscall(SYS_clone3, NULL, 0);
}

static int signal_parent(void)
{
    return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int signal_itself(void)
{
    return (int)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0);
}

static int signal_by_kill(void)
{
    return kill(getppid(), 0);
}

static int name_itself(void)
{
    return prctl(PR_SET_NAME, "probe", 0, 0, 0);
}

static int be_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* Of what is no socket: the kernel says so itself. */
static int ask_what_is_untaken(void)
{
    int bytes;

    return ioctl(open_to_read(), SIOCOUTQ, &bytes);
}

static int ask_something_else(void)
{
    int bytes;

    return ioctl(open_to_read(), SIOCINQ, &bytes);
}

static int run_a_shell(void)
{
    char *const arguments[] = {"/bin/true", NULL};

    return execve(arguments[0], arguments, NULL);
}

static int become_root(void)
{
    return (int)syscall(SYS_setuid, 0);
}

static int trace(void)
{
    return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

Test(sandbox, what_a_server_does_is_let_through)
{
    cr_assert_eq(PROBE(open_to_read), 0);
    cr_assert_eq(PROBE(ask_what_is_untaken), ENOTTY);
    cr_assert_eq(PROBE(map_memory), 0);
    cr_assert_eq(PROBE(signal_itself), 0);
    cr_assert_eq(PROBE(name_itself), 0);
}

Test(sandbox, what_it_does_not_is_not_there)
{
    cr_assert_eq(PROBE(open_to_write), ENOSYS);
    cr_assert_eq(PROBE(open_to_both), ENOSYS);
    cr_assert_eq(PROBE(create), ENOSYS);
    cr_assert_eq(PROBE(ask_something_else), ENOSYS);
    cr_assert_eq(PROBE(make_socket), ENOSYS);
    cr_assert_eq(PROBE(map_code), ENOSYS);
    cr_assert_eq(PROBE(make_code), ENOSYS);
    cr_assert_eq(PROBE(make_process), ENOSYS);
    cr_assert_eq(PROBE(make_process_anew), ENOSYS);
    cr_assert_eq(PROBE(signal_parent), ENOSYS);
    cr_assert_eq(PROBE(signal_by_kill), ENOSYS);
    cr_assert_eq(PROBE(be_dumpable), ENOSYS);
}

Test(sandbox, what_only_an_intruder_does_ends_the_process)
{
    cr_assert_eq(PROBE(run_a_shell), -SIGSYS);
    cr_assert_eq(PROBE(become_root), -SIGSYS);
    cr_assert_eq(PROBE(trace), -SIGSYS);
}

Test(sandbox, a_file_is_removed_only_where_that_was_asked_for)
{
    const struct wok__sandbox_needs unlinks = {.unlink = true};

    cr_assert_eq(PROBE(remove_file), ENOSYS);
    cr_assert_eq(probe(remove_file, &unlinks), ENOENT);
}

/* ---- threads --------------------------------------------------------------------------------------- */

static int wakes[2], answers[2];

static void *other_thread(void *argument)
{
    char byte;
    int result;

    (void)argument;
    if (read(wakes[0], &byte, 1) != 1)
        return NULL;
    result = make_socket() < 0 ? errno : 0;
    if (write(answers[1], &result, sizeof result) != sizeof result)
        _exit(ENTRY_FAILED);
    return NULL;
}

static int thread_tells(void)
{
    int result = ENTRY_FAILED;

    if (write(wakes[1], "x", 1) != 1 || read(answers[0], &result, sizeof result) != sizeof result)
        _exit(ENTRY_FAILED);
    return result;
}

Test(sandbox, a_thread_that_runs_already_is_brought_in)
{
    pthread_t thread;
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (pipe(wakes) < 0 || pipe(answers) < 0 ||
            pthread_create(&thread, NULL, other_thread, NULL) != 0 ||
            wok__forbid_new_privileges() < 0 || wok__sandbox_enter(&nothing_more) < 0)
            _exit(ENTRY_FAILED);
        int told = thread_tells();
        _exit(pthread_join(thread, NULL) == 0 ? told : ENTRY_FAILED);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), ENOSYS);
}

Test(sandbox, new_privileges_have_to_be_forbidden_first)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(ENTRY_FAILED);
        _exit(wok__sandbox_enter(&nothing_more) < 0 ? 1 : 2);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 1);
}
