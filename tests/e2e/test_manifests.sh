#!/bin/sh
# The manifests of deploy/kubernetes are in order, and their check sees what is not: each mutant is one slip.
set -u
cd "$(dirname "$0")/../.." || exit 1
check=deploy/kubernetes/check file=deploy/kubernetes/wok-server.yaml
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
claim() { # 0 if it holds, the claim, [file to show]
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok   $2"
    else
        failed=$((failed + 1))
        echo "FAIL $2"
        [ $# -lt 3 ] || grep FAIL "$3"
    fi
}

$check >"$work/out" 2>&1
code=$?
if [ "$code" -eq 77 ]; then
    cat "$work/out" >&2
    exit 77
fi
claim "$code" "the manifests are in order" "$work/out"

# A line is: what the check has to say is wrong | an expression of sed that makes the slip.
cat >"$work/mutants" <<'END'
Deployment/wok-server: names of fields|s/readinessProbe:/readynessProbe:/
Deployment/wok-server: values and required fields|s/containerPort: 8080/containerPort: eighty/
is of a kind that exists|s|autoscaling/v2|autoscaling/v3|
is YAML|s/^  name: wok-server$/  name: [wok-server/
PodDisruptionBudget/wok-server: names of fields|s/maxUnavailable: 1$/maxUnavailible: 1/
the selector finds its pods|0,/matchLabels: {app.kubernetes.io.name: wok-server}/s//matchLabels: {app.kubernetes.io\/name: other}/
the number of replicas is the autoscaler's|s/^  strategy:/  replicas: 3\n  strategy:/
a rollout takes no pod away|s/maxUnavailable: 0/maxUnavailable: 1/
pods have no token|s/automountServiceAccountToken: false/automountServiceAccountToken: true/
pods have no variables of services|s/enableServiceLinks: false/enableServiceLinks: true/
pods share nothing of the host|s/      enableServiceLinks: false/&\n      hostNetwork: true/
is not root|s/runAsUser: 65532/runAsUser: 0/
has a read-only root|s/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/
gains no privileges|s/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/
has no capability|s/drop: .ALL./drop: [NET_RAW]/
has the runtime's seccomp profile|s/RuntimeDefault/Unconfined/
pins its image|s/wok-server:0.1.0/wok-server:latest/
has requests, and a limit|s/^            limits: .*//
asks for no more memory|s/memory: 128Mi/memory: 1Gi/
its readinessProbe asks|s/readyz/healthz/
its livenessProbe asks|s/path: .healthz, port: http/path: \/healthz, port: web/
listens where its port is|s/0.0.0.0:8080/0.0.0.0:8081/
accepts for a while|s/WOK_DRAIN_DELAY, value: "5000"/WOK_DRAIN_DELAY, value: "0"/
is not killed while it drains|s/terminationGracePeriodSeconds: 30/terminationGracePeriodSeconds: 15/
serves no demonstrations|s/WOK_DEMO, value: "off"/WOK_DEMO, value: "on"/
Service/wok-server finds the pods|s/^  selector: {app.*/  selector: {app: wok-server}/
its port leads somewhere|s/targetPort: http/targetPort: web/
scales what is here|s/kind: Deployment, name: wok-server/kind: Deployment, name: wok/
looks at the busy ratio|s/wok_worker_busy_ratio/wok_worker_parks/
one pod may go at any time|s/minReplicas: 3/minReplicas: 1/
lets a node be drained|s/maxUnavailable: 1$/maxUnavailable: 0/
is of both directions|s/Ingress, Egress/Ingress/
by the server's ports alone|s/protocol: TCP, port: http/protocol: TCP, port: 22/
lets nothing go out|s/egress: ../egress: [{}]/
there is a NetworkPolicy|/^kind: NetworkPolicy/,$d; s|networking.k8s.io/v1|v1\nkind: ConfigMap\nmetadata: {name: none}|
END
number=100
while IFS='|' read -r said expression; do
    number=$((number + 1))
    sed "$expression" "$file" >"$work/$number.yaml"
    ! cmp -s "$file" "$work/$number.yaml"
    claim $? "the mutant $number changes something"
done <"$work/mutants"
$check --each "$work"/*.yaml >"$work/out" 2>&1
number=100
while IFS='|' read -r said expression; do
    number=$((number + 1))
    grep "^$number.yaml: FAIL" "$work/out" >"$work/seen"
    grep -qF -- "$said" "$work/seen"
    claim $? "$number is seen: $said" "$work/seen"
done <"$work/mutants"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
