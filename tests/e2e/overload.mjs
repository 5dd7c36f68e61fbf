// overload.mjs - three times the capacity, made by loadtest/open_loop; meanwhile health is asked for, as an
// orchestrator does.  Arguments: what limits the server, the generator, and the server's process.
import { execFile } from 'node:child_process'
import { args, check, exchange, get, main, port, slow } from './client.mjs'

const [what, generator, server] = args

// Runs the generator; its document, and the answers of health checks meanwhile.
async function load(path, connections, phases) {
    const options = { '--port': port, '--path': path, '--connections': connections, '--phases': phases,
        '--pid': server, '--timeout': 30000 }
    let over = false
    const health = []
    const run = new Promise((resolve, reject) => {
        const list = Object.entries(options).flat().map(String)
        execFile(generator, list, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
            over = true
            if (error) reject(new Error(`${error.message}: ${stderr}`))
            else resolve(JSON.parse(stdout))
        })
    })
    while (!over) {
        health.push((await exchange(get('/healthz')))?.status)
        await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const result = await run
    for (const phase of result.phases)
        console.log(`# ${phase.kind} ${phase.rate}/s: ${phase.ok_per_s}/s good, ${phase.shed} refused, ` +
            `${phase.not_sent} not sent, p50 ${phase.p50_us} us, p99 ${phase.p99_us} us, max ${phase.max_us} us, ` +
            `processors ${phase.server_cpu} and ${phase.own_cpu}`)
    const well = health.filter((status) => status === 200).length
    check(well === health.length && well > 0, 'every health check is answered with 200', health)
    const lost = result.phases.reduce((sum, it) => sum + it.other + it.broken + it.late, 0)
    check(lost === 0, 'every request is answered with 200 or 503', lost)
    return result
}

// Of the slices of so many seconds from the beginning of a phase.
function sum(result, phase, from, to, member) {
    const begin = result.phases[phase].begin_ms
    return result.slices.filter((it) => it.ms >= begin + from * 1000 && it.ms < begin + to * 1000)
        .reduce((all, it) => all + it[member], 0)
}

function greatest(result, phase, from, to, member) {
    const begin = result.phases[phase].begin_ms
    return Math.max(...result.slices.filter((it) => it.ms >= begin + from * 1000 && it.ms < begin + to * 1000)
        .map((it) => it[member]))
}

const checks = {
    async limited() {
        const result = await load('/aggregate?source=a:100', 300, 'max@40:3,0.5x:2,3x:4,0.5x:3')
        const [peak, before, overload] = result.phases
        // The handler takes 100 ms; what a busy machine adds at the peak it may add here as well.
        const bound = Math.max(250000, 3 * Math.max(peak.p99_us, before.p99_us)) * slow
        check(overload.shed > overload.ok, 'most requests are refused', JSON.stringify(overload))
        check(overload.ok_per_s >= 0.9 * peak.ok_per_s, 'goodput stays at 90 % or more of its peak',
            `${overload.ok_per_s} of ${peak.ok_per_s}`)
        check(overload.p99_us <= bound, 'what is served is served in time', `${overload.p99_us} us, not ${bound}`)
        const offered = sum(result, 3, 0, 1, 'offered')
        const ok = sum(result, 3, 0, 1, 'ok')
        check(ok >= 0.9 * offered, 'in the first second after it all is served', `${ok} of ${offered}`)
        const last = greatest(result, 3, 1, 3, 'p99_us')
        check(last <= bound, 'and then it takes as long as before', `${last} us, not ${bound}`)
    },

    // Each of N connections waits for one answer, at C answers in a second: so a fair server takes N/C.  Those
    // whose tasks had overflowed the worker's ring used to wait up to 20 times as long, some for seconds;
    // tests/runtime/sched/test_park.c holds the worker to the order.
    async saturated() {
        const connections = 4000
        const path = '/aggregate?source=a:0&source=b:0&source=c:0'
        const result = await load(path, connections, 'max@64:2,3x:4,0.5x:3')
        const [peak, overload] = result.phases
        const fair = connections / overload.ok_per_s * 1e6
        check(overload.ok > 0 && peak.ok > 0, 'it serves', JSON.stringify(overload))
        check(overload.p99_us <= 5 * fair, 'nobody waits for much longer than others',
            `${overload.p99_us} us, where ${Math.round(fair)} are fair`)
    },
}

await main(checks[what])
