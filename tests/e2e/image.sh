#!/bin/sh
# Builds the image and proves that it runs: healthy, non-root, without a capability, on a read-only root,
# and drains on SIGTERM, which reaches the program as PID 1.
#
#   tests/e2e/image.sh [--keep]
#
# With a docker daemon, docker does all of it.  Without one, buildah and podman do it as root and need
# no image registry: the base is made by mmdebstrap from the machine's Debian mirror (once, half a minute)
# under the name that the Dockerfile asks for.  The figures printed at the end are of this run.
# Exit: 0 all checks passed, 1 one failed, 77 this machine cannot (says why).
set -u
cd "$(dirname "$0")/../.." || exit 1

cannot() {
    echo "image.sh: cannot run here: $*" >&2
    exit 77
}
keep=''
[ "${1:-}" != --keep ] || keep=1
passed=0 failed=0 container='' engine='' seccomp_modes=default
verdict() { # 0 if it holds, the claim
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok   $2"
    else
        failed=$((failed + 1))
        echo "FAIL $2"
    fi
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }

work=$(mktemp -d) || exit 1
image=localhost/wok-server:0.1.0
cleanup() {
    [ -z "$container" ] || run_engine rm -f "$container" >/dev/null 2>&1
    [ -n "$keep" ] || run_engine rmi "$image" >/dev/null 2>&1
    rm -rf "$work"
}

# ---- the tools -------------------------------------------------------------------------------------

run_engine() {
    if [ "$engine" = docker ]; then
        docker "$@"
    else
        podman --runtime runc --cgroup-manager=cgroupfs "$@" 2>"$work/podman.err"
    fi
}

command -v curl >/dev/null || cannot "curl is missing"
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    engine=docker
else
    engine=podman
    seccomp_modes='docker podman'
    [ "$(id -u)" -eq 0 ] || cannot "no docker daemon, and podman's bridge network needs root"
    for tool in buildah podman runc mmdebstrap iptables; do
        command -v "$tool" >/dev/null || cannot "$tool is missing (./dev image installs it)"
    done
    export STORAGE_DRIVER="${STORAGE_DRIVER:-overlay}"
    if ! run_engine info >/dev/null; then
        STORAGE_DRIVER=vfs # slower and larger, works on every file system
        run_engine info >/dev/null || cannot "podman does not start: $(tail -n 1 "$work/podman.err")"
    fi
fi
trap cleanup EXIT

# ---- the base, the build ---------------------------------------------------------------------------

base=localhost/debian:bookworm-slim
make_base() { # what the slim image leaves out is left out here as well
    mmdebstrap --quiet --variant=minbase --include=usr-is-merged \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
        bookworm "$work/base.tar" >"$work/base.log" 2>&1 &&
        run_engine import -q --change 'CMD ["bash"]' "$work/base.tar" "$base" >/dev/null &&
        rm -f "$work/base.tar"
}
if [ "$engine" = podman ] && ! run_engine image exists "$base"; then
    echo "making the base image with mmdebstrap ..."
    make_base || {
        tail -n 20 "$work/base.log"
        cannot "no base image: $(tail -n 1 "$work/podman.err")"
    }
fi

commit=$(git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
start=$(now_ms)
if [ "$engine" = docker ]; then
    docker build --build-arg "COMMIT=$commit" -t "$image" . >"$work/build.log" 2>&1
else
    buildah bud --format docker --isolation chroot --pull-never --layers --force-rm \
        --build-arg "COMMIT=$commit" -t "$image" . >"$work/build.log" 2>&1
fi
built=$?
build_ms=$(($(now_ms) - start))
verdict $built "the image builds"
if [ $built -ne 0 ]; then
    tail -n 40 "$work/build.log"
    echo "$passed passed, $failed failed"
    exit 1
fi

# ---- what the image says ---------------------------------------------------------------------------

inspect() { run_engine image inspect "$image" --format "$1"; }
user=$(inspect '{{.Config.User}}')
echo "$user" | grep -qE '^[1-9][0-9]*(:[0-9]+)?$'
verdict $? "its user is a number and not root ($user)"
! inspect '{{json .Config.Entrypoint}}' | grep -q '/bin/sh'
verdict $? "its entry point is in exec form"
# shellcheck disable=SC2016 # the shell in the image expands it
found=$(run_engine run --rm --network none --entrypoint /bin/sh "$image" -c \
    'for tool in gcc cc cmake ninja git curl; do command -v $tool; done' 2>/dev/null | tr '\n' ' ')
[ -z "$found" ]
verdict $? "it holds no build tools${found:+ (has $found)}"
size=$(inspect '{{.Size}}')

# ---- what it does ----------------------------------------------------------------------------------

# As Docker 25 and later do: io_uring is refused with EPERM.
cat >"$work/docker.json" <<'J'
{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
 "syscalls": [{"names": ["io_uring_setup", "io_uring_enter", "io_uring_register"],
               "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
J

start_container() { # seccomp mode
    container=wok-image-test-$$-$1
    # shellcheck disable=SC2046 # two words or none
    set -- run -d --name "$container" --read-only --cap-drop all --memory 128m --cpus 1 --pids-limit 256 \
        --security-opt no-new-privileges -p 127.0.0.1::8080 \
        $([ "$1" != docker ] || echo "--security-opt seccomp=$work/docker.json")
    if [ "$engine" = podman ]; then
        # shellcheck disable=SC3045 # dash and bash have -H
        # No tmpfs either; and without CAP_SYS_RESOURCE podman's own limits are refused: pass those held.
        set -- "$@" --read-only-tmpfs=false --ulimit "nofile=$(ulimit -Hn):$(ulimit -Hn)" \
            --ulimit nproc=8192:8192
    fi
    run_engine "$@" "$image" >"$work/run.log" 2>&1
}

is_running() { [ "$(run_engine inspect "$container" --format '{{.State.Running}}')" = true ]; }

wait_ready() { # URL; true within ten seconds
    for _ in $(seq 200); do
        [ "$(curl -s -m 2 "$1/healthz")" = ok ] && return 0
        is_running || return 1
        sleep 0.05
    done
    return 1
}

is_healthy() {
    if [ "$engine" = podman ]; then
        run_engine healthcheck run "$container" >/dev/null
        return
    fi
    for _ in $(seq 150); do
        [ "$(docker inspect "$container" --format '{{.State.Health.Status}}')" = healthy ] && return 0
        sleep 0.1
    done
    return 1
}

try() { # seccomp mode
    mode=$1
    start=$(now_ms)
    start_container "$mode"
    address=http://$(run_engine port "$container" 8080 | head -n 1)
    wait_ready "$address"
    ready=$?
    ready_ms=$(($(now_ms) - start))
    verdict $ready "[$mode] /healthz answers on a read-only root without a capability"
    if [ $ready -ne 0 ]; then
        cat "$work/run.log" "$work/podman.err" 2>/dev/null
        run_engine logs "$container" 2>&1 | tail -n 15
        return
    fi

    pid=$(run_engine inspect "$container" --format '{{.State.Pid}}')
    if [ -r "/proc/$pid/status" ]; then # not where docker runs in a virtual machine
        [ "$(awk '/^Uid:/ {print $3}' "/proc/$pid/status")" = 65532 ]
        verdict $? "[$mode] PID 1 runs as uid 65532"
        [ "$(awk '/^CapBnd:/ {print $2}' "/proc/$pid/status")" = 0000000000000000 ]
        verdict $? "[$mode] PID 1 holds no capability"
        rss_kib=$(awk '/^VmRSS:/ {print $2}' "/proc/$pid/status")
    fi
    is_healthy
    verdict $? "[$mode] its HEALTHCHECK passes"
    curl -s -m 5 "$address/aggregate" >"$work/body"
    grep -q '"Data from Database"' "$work/body"
    verdict $? "[$mode] /aggregate answers"

    # A request that is running when SIGTERM comes is answered, then PID 1 ends with 0.
    curl -s -m 10 -w '%{http_code}' "$address/aggregate?source=slow:1500" >"$work/slow" &
    slow=$!
    sleep 0.4 # long enough for the request to be running, short against its 1.5 s
    start=$(now_ms)
    run_engine kill --signal TERM "$container" >/dev/null
    wait $slow
    grep -q 'Data from slow' "$work/slow" && grep -q '200$' "$work/slow"
    verdict $? "[$mode] a running request is answered after SIGTERM"
    code=$(timeout 15 "$engine" wait "$container" 2>/dev/null | tail -n 1)
    stop_ms=$(($(now_ms) - start))
    [ "$code" = 0 ]
    verdict $? "[$mode] SIGTERM to PID 1 ends it with 0 (got '${code:-still running}' after $stop_ms ms)"
    echo "figures [$mode] ready_ms=$ready_ms stop_ms=$stop_ms rss_kib=${rss_kib:-unknown}"
}

for mode in $seccomp_modes; do
    try "$mode"
    run_engine rm -f "$container" >/dev/null 2>&1
    container=''
done
echo "figures image_bytes=$size build_ms=$build_ms engine=$engine"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
