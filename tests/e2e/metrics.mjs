// metrics.mjs - GET /metrics is what the text format 0.0.4 says, strictly, and counts what was asked.
import { Connection, args, check, eventually, exchange, get, main, post } from './client.mjs'

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"'
const HELP = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\]|\\\\[\\\\n])+)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?[0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?|\\+Inf|-Inf|NaN)$`)

// Families by name, each with its samples by series; throws at the first line that is not as it should be.
export function parseMetrics(text) {
    const families = new Map()
    let family
    if (!text.endsWith('\n')) throw new Error('the last line does not end')
    for (const line of text.slice(0, -1).split('\n')) {
        const help = HELP.exec(line), type = TYPE.exec(line), sample = SAMPLE.exec(line)
        if (help) {
            if (families.has(help[1])) throw new Error(`${help[1]} comes twice`)
            families.set(help[1], (family = { name: help[1], samples: new Map() }))
        } else if (type) {
            if (type[1] !== family?.name || family.type || family.samples.size) throw new Error(`out of place: ${line}`)
            family.type = type[2]
        } else if (sample) {
            const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
            if (!suffixes.some((suffix) => sample[1] === family.name + suffix)) throw new Error(`of no family: ${line}`)
            const labels = (sample[2] ?? '').match(new RegExp(LABEL, 'g')) ?? []
            const names = labels.map((label) => label.slice(0, label.indexOf('=')))
            if (new Set(names).size !== names.length) throw new Error(`a label comes twice: ${line}`)
            const series = `${sample[1]}{${labels.sort().join()}}`
            if (family.samples.has(series)) throw new Error(`${series} comes twice`)
            family.samples.set(series, sample[3] === '+Inf' ? Infinity : Number(sample[3]))
        } else throw new Error(`not a line of the format: ${line}`)
    }
    for (const { name, type, samples } of families.values()) {
        if (!type) throw new Error(`${name} has no type`)
        if ((type === 'counter') !== /_total$/.test(name)) throw new Error(`${name} is a ${type}`)
        if (type !== 'gauge' && [...samples.values()].some((value) => !(value >= 0))) throw new Error(`${name} is negative`)
        if (type === 'histogram') checkHistogram(name, samples)
    }
    return families
}

function checkHistogram(name, samples) {
    const groups = new Map()
    for (const [series, value] of samples) {
        if (!series.startsWith(`${name}_bucket`)) continue
        const le = /le="([^"]*)"/.exec(series)[1]
        const key = series.replace(/,?le="[^"]*"/, '').replace('_bucket', '')
        groups.set(key, [...(groups.get(key) ?? []), [le === '+Inf' ? Infinity : Number(le), value]])
    }
    for (const [key, buckets] of groups) {
        for (let i = 1; i < buckets.length; i++)
            if (!(buckets[i][0] > buckets[i - 1][0] && buckets[i][1] >= buckets[i - 1][1])) throw new Error(`${key}: buckets fall`)
        if (buckets.at(-1)[0] !== Infinity) throw new Error(`${key}: no +Inf`)
        if (samples.get(key.replace(name, `${name}_count`)) !== buckets.at(-1)[1]) throw new Error(`${key}: count`)
        if (!samples.has(key.replace(name, `${name}_sum`))) throw new Error(`${key}: no sum`)
    }
    if (samples.size !== [...groups.values()].reduce((sum, buckets) => sum + buckets.length + 2, 0)) throw new Error(`${name}: left over`)
}

async function metrics() {
    const response = await exchange(get('/metrics'))
    check(response.headers['content-type'] === 'text/plain; version=0.0.4; charset=utf-8', 'the type names the version of the format')
    return parseMetrics(response.body)
}

const value = (families, name, series) => families.get(name)?.samples.get(series) ?? 0
const requests = (families, method, status, route) =>
    value(families, 'wok_http_requests_total', `wok_http_requests_total{http_request_method="${method}",` +
        `http_response_status_code="${status}",http_route="${route}"}`)

await main(async () => {
    const before = await metrics()
    const connection = new Connection()
    const asked = [
        [100, get('/healthz'), 'GET', 200, '/healthz'],
        [20, get('/healthz').replace('GET', 'HEAD'), 'HEAD', 200, '/healthz'],
        [30, get('/nowhere'), 'GET', 404, ''],
        [10, get('/healthz').replace('GET', 'DELETE'), 'DELETE', 405, '/healthz'],
        [7, get('/tasks/999'), 'GET', 404, '/tasks/{id}'],
        [5, post('/tasks', '{}'), 'POST', 400, '/tasks'],
        [3, get('/sleep?ms=30'), 'GET', 200, '/sleep'], // and one more
        [2, get('/fetch?source=x&outcome=error'), 'GET', 502, '/fetch'],
    ]
    for (const [count, bytes, method] of asked) {
        connection.send(bytes.repeat(count))
        await connection.responses(count, { head: method === 'HEAD' })
    }
    connection.close()
    for (const [bytes, status] of [['POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n', 413],
        ['PUT /tasks HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n', 417], ['BREW /tasks HTTP/1.1\r\nHost: a\r\n\r\n', 501]])
        check((await exchange(bytes))?.status === status, `a head is refused with ${status}`)
    const leaving = new Connection().send(get('/sleep?ms=60000'))
    const gone = (families) => value(families, 'wok_http_clients_gone_total', 'wok_http_clients_gone_total{}')
    check(await eventually(async () => value(await metrics(), 'http_server_active_requests', 'http_server_active_requests{}') === 2, 5000),
        'a request waits')
    leaving.reset()
    check(await eventually(async () => gone(await metrics()) === gone(before) + 1, 5000), 'a client that goes away is counted')
    await exchange(get('/sleep?ms=1500&on=worker')) // which is then blocked: busy
    const after = await metrics()
    for (const [count, , method, status, route] of asked)
        check(requests(after, method, status, route) - requests(before, method, status, route) === count + (route === '/sleep'),
            `${count} times ${method} ${route} ${status} are counted`, `${requests(after, method, status, route)}`)
    for (const [method, status] of [['POST', 413], ['PUT', 417], ['_OTHER', 501]])
        check(requests(after, method, status, '') - requests(before, method, status, '') === 1, `${status} is counted for ${method}`)
    check(![...after.get('wok_http_requests_total').samples.keys()].some((series) => series.includes('"503"')),
        'who went away was not answered')
    const slept = (le) => value(after, 'http_server_request_duration_seconds',
        `http_server_request_duration_seconds_bucket{http_route="/sleep",le="${le}"}`)
    check(slept('0.025') === 0 && slept('1') === 3 && slept('+Inf') === 4, 'three requests of 30 ms are above 25 ms')
    const sum = value(after, 'http_server_request_duration_seconds', 'http_server_request_duration_seconds_sum{http_route="/sleep"}')
    check(sum >= 1.59, 'and their sum is', `${sum}`)
    let fallen = ''
    for (const [name, { type, samples }] of before)
        for (const [series, count] of samples)
            if (type !== 'gauge' && !(value(after, name, series) >= count)) fallen = series
    check(fallen === '', 'no counter falls', fallen)
    const ratios = [...after.get('wok_worker_busy_ratio').samples]
    check(ratios.length > 0 && ratios.every(([, ratio]) => ratio >= 0 && ratio <= 1), 'each worker has a busy ratio', JSON.stringify(ratios))
    check(ratios.some(([, ratio]) => ratio > 0.05), 'one that was blocked for 1.5 s was busy', JSON.stringify(ratios))
    for (const name of ['wok_build_info', 'process_cpu_seconds_total', 'process_resident_memory_bytes', ...(args[0] === 'sandbox' ? [] : ['process_open_fds']),
        'process_max_fds', 'process_start_time_seconds', 'wok_connections_open', 'wok_detached_tasks_alive'])
        check(after.get(name)?.samples.size === 1, `${name} is there`)
    const started = [...after.get('process_start_time_seconds').samples.values()][0]
    check(Math.abs(Date.now() / 1000 - started) < 600, 'the process began just now', `${started}`)
})
