// gone.mjs - clients that go away: what runs for them is cancelled, down to the last child.
//
// The requests would take a minute.  That the live tasks are back at the baseline within seconds can
// only come from a cancel.  A half-close looks the same as a close at first; it has to get its answer.
import { Connection, check, eventually, figures, get, main, now, post } from './client.mjs'

const clients = 20
const sources = Array.from({ length: 25 }, (_, i) => ({ name: `s${i}`, delay_ms: 60000 }))
const query = sources.map(({ name, delay_ms }) => `source=${name}:${delay_ms}`).join('&')

// What is asked, and how many tasks one of it takes beside those that an idle server has: the
// connection's, the request's, and the children's.
const requests = [
    ['/aggregate in spawn mode', get(`/aggregate?${query}`), 2 + sources.length],
    ['/aggregate in join mode', get(`/aggregate?mode=join&${query}`), 2],
    ['/aggregate in sequential mode', get(`/aggregate?mode=sequential&${query}`), 2],
    ['/aggregate for any', get(`/aggregate?require=any&${query}`), 2 + sources.length],
    ['/aggregate of backends that hang', get('/aggregate?timeout_ms=60000&source=a:0:hang&source=b:0:hang'), 4],
    ['POST /aggregate', post('/aggregate', JSON.stringify({ sources })), 2 + sources.length],
    ['/fetch', get('/fetch?source=a&delay_ms=60000'), 2],
    ['/sleep', get('/sleep?ms=60000'), 2],
    ['a pipeline', get('/sleep?ms=60000').repeat(10), 11],
    ['a body that is cut off', post('/aggregate', 'x'.repeat(1000)).slice(0, -500), 1],
    ['a head that is cut off', 'GET / HTTP/1.1\r\nHo', 1],
]

const ways = [
    ['reset', (connection) => connection.reset()],
    ['close', (connection) => connection.close()],
]

const live = async () => (await figures()).tasks.live

async function goAway(baseline, [what, bytes, tasks], [way, leave]) {
    const expected = baseline + clients * tasks
    const connections = Array.from({ length: clients }, () => new Connection().send(bytes))
    let seen
    const started = await eventually(async () => (seen = await live()) === expected, 5000)
    check(started, `${what}: ${clients} of them are ${clients * tasks} tasks`, `${seen} live, not ${expected}`)

    const begin = now()
    connections.forEach(leave)
    const ended = await eventually(async () => (seen = await live()) === baseline, 5000)
    check(ended, `${what}: a ${way} leaves no task`, `${seen} live, not ${baseline}`)
    return now() - begin
}

async function halfClosed() {
    const connection = new Connection().send(get('/aggregate?source=a:400&source=b:300')).halfClose()
    const first = await connection.response()
    check(first?.status === 102, 'a half-closed client is probed with 102', first)
    const answer = await connection.response()
    check(answer?.status === 200 && JSON.parse(answer.body).status === 'complete',
        'a half-closed client gets its answer', answer)
    await connection.until((c) => c.ended, 'the close')
    check(connection.received === '', 'a half-closed client is probed once', connection.received)

    const old = new Connection().send('GET /sleep?ms=300 HTTP/1.0\r\n\r\n').halfClose()
    check((await old.response())?.status === 200, 'a half-closed client of HTTP/1.0 is not probed', old.received)
}

await main(async () => {
    const before = await figures()
    const baseline = before.tasks.live
    for (const way of ways) {
        const times = []
        for (const request of requests) times.push(await goAway(baseline, request, way))
        console.log(`     after a ${way[0]} the tasks were gone in ${Math.max(...times).toFixed()} ms at the most`)
    }
    await halfClosed()

    const after = await figures()
    const gone = after.server.client_gone - before.server.client_gone
    check(gone >= clients * (requests.length - 2) * 2, 'the server counts the clients that left', `${gone}`)
    check(after.timers <= before.timers + 2, 'their timers are gone as well', `${after.timers}, before ${before.timers}`)
    check(after.memory.stacks_in_use === before.memory.stacks_in_use, 'their stacks are given back',
        `${after.memory.stacks_in_use}, before ${before.memory.stacks_in_use}`)
})
