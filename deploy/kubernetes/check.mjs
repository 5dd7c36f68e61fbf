// check.mjs CACHE [--each] FILE... - what the script `check` runs.
//
// The files are judged together, or with --each one by one, each line then beginning with its file.
// Two sets of schemas, since neither sees all: kubernetes-models knows values and what is required,
// kubernetes-types, through the compiler of TypeScript, names that do not exist.  Then the rules that no
// schema holds: that the objects fit together, and that the pods are as little privileged as they can be.
import { readFileSync, writeFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const [cache, ...files] = process.argv.slice(2)
const each = files[0] === '--each' && Boolean(files.shift())
const require = createRequire(join(cache, 'package.json'))
const yaml = require('yaml'), ts = require('typescript')
let passed = 0, failed = 0, prefix = ''
const claim = (holds, what, why) => {
    if (holds) passed++
    else failed++
    console.log(`${prefix}${holds ? 'ok  ' : 'FAIL'} ${what}${!holds && why ? `: ${why}` : ''}`)
    return holds
}

// ---- the objects ------------------------------------------------------------------------------------

const sets = (each ? files.map(file => [file]) : [files]).map(members => {
    const objects = []
    prefix = each ? `${basename(members[0])}: ` : ''
    for (const file of members) {
        const text = readFileSync(file, 'utf8')
        for (const document of yaml.parseAllDocuments(text, { uniqueKeys: true })) {
            const line = text.slice(0, document.range?.[0] ?? 0).split('\n').length
            if (!claim(document.errors.length === 0, `${basename(file)}:${line} is YAML`,
                document.errors[0]?.message.split('\n')[0])) continue
            const object = document.toJS()
            if (object) objects.push({ object, name: `${object.kind}/${object.metadata?.name}` })
        }
    }
    return { prefix, objects }
})

// ---- schemas ----------------------------------------------------------------------------------------

function checkValues(objects) {
    for (const { object, name } of objects) {
        let model
        try { model = require(`kubernetes-models/${object.apiVersion}`)[object.kind] } catch { /* said below */ }
        if (!claim(model, `${name} is of a kind that exists`, `${object.apiVersion} ${object.kind}`)) continue
        let why
        try { new model(object).validate() } catch (error) { why = error.message.split('\n')[0] }
        claim(!why, `${name}: values and required fields`, why)
    }
}

// Of all sets at once: the compiler is what takes long.
const wrongNames = new Map()
const all = sets.flatMap(({ objects }) => objects)
const folder = mkdtempSync(join(tmpdir(), 'check-manifests-'))
try {
    symlinkSync(join(cache, 'node_modules'), join(folder, 'node_modules'))
    const group = version => version.includes('/') ? version.replace(/^([a-z]+)[^/]*/, '$1') : `core/${version}`
    const source = join(folder, 'objects.ts')
    writeFileSync(source, all.map(({ object }, i) =>
        `export const o${i}: import("kubernetes-types/${group(object.apiVersion)}").${object.kind} = ${JSON.stringify(object)};`).join('\n'))
    const program = ts.createProgram([source], {
        noEmit: true, strict: true, skipLibCheck: true, types: [],
        module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10,
    })
    for (const one of ts.getPreEmitDiagnostics(program)) {
        const line = one.file?.fileName.endsWith('objects.ts') ? one.file.getLineAndCharacterOfPosition(one.start).line : 0
        if (!wrongNames.has(all[line])) wrongNames.set(all[line], ts.flattenDiagnosticMessageText(one.messageText, ' '))
    }
} finally {
    rmSync(folder, { recursive: true })
}

// ---- rules ------------------------------------------------------------------------------------------

const fits = (selector, labels) => Object.keys(selector ?? {}).length > 0 &&
    Object.entries(selector).every(([key, value]) => labels?.[key] === value)
const bytes = text => { // of memory, as Kubernetes writes it
    const [, number, unit] = /^([0-9.]+)(Ki|Mi|Gi|k|M|G|)$/.exec(String(text)) ?? []
    return number && number * { '': 1, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }[unit]
}

function checkRules(objects) {
    const of = kind => objects.filter(({ object }) => object.kind === kind)
    const workloads = of('Deployment')
    claim(workloads.length === 1, 'there is one Deployment')

    for (const { object, name } of workloads) {
        const { template, selector, replicas, strategy } = object.spec, pod = template.spec
        const scaled = of('HorizontalPodAutoscaler').some(({ object: hpa }) => hpa.spec.scaleTargetRef.name === object.metadata.name)
        claim(fits(selector.matchLabels, template.metadata?.labels), `${name}: the selector finds its pods`)
        claim(!scaled || replicas === undefined, `${name}: the number of replicas is the autoscaler's`)
        claim(strategy?.rollingUpdate?.maxUnavailable === 0, `${name}: a rollout takes no pod away before the next is ready`)
        claim(pod.automountServiceAccountToken === false, `${name}: pods have no token of the cluster`)
        claim(pod.enableServiceLinks === false, `${name}: pods have no variables of services, which look like options`)
        claim(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, `${name}: pods share nothing of the host`)
        claim(!(pod.volumes ?? []).some(volume => volume.hostPath), `${name}: pods mount nothing of the host`)
        for (const container of pod.containers) {
            const context = { ...pod.securityContext, ...container.securityContext }, who = `${name} [${container.name}]`
            const environment = Object.fromEntries((container.env ?? []).map(({ name: key, value }) => [key, value]))
            const ports = (container.ports ?? []).flatMap(port => [port.name, port.containerPort])
            claim(context.runAsNonRoot === true && context.runAsUser > 0, `${who} is not root, by a number that can be verified`)
            claim(context.readOnlyRootFilesystem === true, `${who} has a read-only root`)
            claim(context.allowPrivilegeEscalation === false && !context.privileged, `${who} gains no privileges`)
            claim(context.capabilities?.drop?.includes('ALL') && !context.capabilities.add?.length, `${who} has no capability`)
            claim(context.seccompProfile?.type === 'RuntimeDefault', `${who} has the runtime's seccomp profile`)
            claim(/(:[^:/]+|@sha256:[0-9a-f]{64})$/.test(container.image) && !/:latest$/.test(container.image), `${who} pins its image`)
            const { requests, limits } = container.resources ?? {}
            claim(requests?.cpu && requests?.memory && limits?.memory, `${who} has requests, and a limit of memory`)
            claim(bytes(requests?.memory) <= bytes(limits?.memory), `${who} asks for no more memory than it may have`)
            for (const [probe, path] of [['readinessProbe', '/readyz'], ['livenessProbe', '/healthz']]) {
                const get = container[probe]?.httpGet
                claim(get?.path === path && ports.includes(get.port), `${who}: its ${probe} asks ${path} at a port that it has`)
            }
            claim((container.ports ?? []).some(port => environment.WOK_LISTEN?.endsWith(`:${port.containerPort}`)), `${who} listens where its port is`)
            const delay = Number(environment.WOK_DRAIN_DELAY ?? 0), grace = Number(environment.WOK_GRACE ?? 8000)
            claim(delay > 0, `${who} accepts for a while after it was told to stop`)
            claim(pod.terminationGracePeriodSeconds * 1000 > delay + grace + 2000, `${who} is not killed while it drains`,
                `${pod.terminationGracePeriodSeconds} s are not more than ${delay} + ${grace} + 2000 ms`)
            claim(environment.WOK_DEMO === 'off', `${who} serves no demonstrations`)
        }
    }

    const labels = workloads[0]?.object.spec.template.metadata?.labels
    const containerPorts = workloads.flatMap(({ object }) => object.spec.template.spec.containers)
        .flatMap(container => container.ports ?? []).flatMap(port => [port.name, port.containerPort])
    for (const kind of ['Service', 'HorizontalPodAutoscaler', 'PodDisruptionBudget', 'NetworkPolicy'])
        claim(of(kind).length > 0, `there is a ${kind}`)
    for (const { object, name } of of('Service')) {
        claim(fits(object.spec.selector, labels), `${name} finds the pods`)
        for (const port of object.spec.ports ?? [])
            claim(containerPorts.includes(port.targetPort ?? port.port), `${name}: its port leads somewhere`)
    }
    for (const { object, name } of of('HorizontalPodAutoscaler')) {
        const { scaleTargetRef: target, metrics, minReplicas, maxReplicas } = object.spec
        claim(workloads.some(({ object: one }) => one.kind === target.kind && one.metadata.name === target.name &&
            one.apiVersion === target.apiVersion), `${name} scales what is here`)
        claim((metrics ?? []).some(metric => metric.type === 'Pods' && /busy_ratio$/.test(metric.pods?.metric?.name)), `${name} looks at the busy ratio`)
        claim(minReplicas >= 2 && maxReplicas >= minReplicas, `${name}: one pod may go at any time`)
    }
    for (const { object, name } of of('PodDisruptionBudget')) {
        claim(fits(object.spec.selector?.matchLabels, labels), `${name} protects the pods`)
        claim(object.spec.maxUnavailable !== 0 && object.spec.maxUnavailable !== '0%', `${name} lets a node be drained`)
    }
    for (const { object, name } of of('NetworkPolicy')) {
        claim(fits(object.spec.podSelector?.matchLabels, labels), `${name} is of the pods`)
        claim(['Ingress', 'Egress'].every(type => object.spec.policyTypes?.includes(type)), `${name} is of both directions`)
        claim((object.spec.ingress ?? []).length > 0 && object.spec.ingress.every(rule => (rule.ports ?? []).length > 0 &&
            rule.ports.every(port => containerPorts.includes(port.port))), `${name} lets clients come by the server's ports alone`)
        claim((object.spec.egress ?? []).length === 0, `${name} lets nothing go out`)
    }
}

for (const set of sets) {
    prefix = set.prefix
    checkValues(set.objects)
    for (const one of set.objects) claim(!wrongNames.has(one), `${one.name}: names of fields`, wrongNames.get(one))
    checkRules(set.objects)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
