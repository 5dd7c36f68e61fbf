// drain.mjs - what clients see while the server stops.  It sends the signal itself, at the right moment.
//
// Arguments: the case, the server's process id.
import { Connection, args, check, eventually, exchange, figures, get, main, now, parse, post, slow }
    from './client.mjs'

const [which, pid] = [args[0], Number(args[1])]
const signal = (name) => process.kill(pid, name)
const running = (count) => eventually(async () => (await figures()).server.requests_running === count + 1, 5000)

// Requests that run are finished; what is idle, half read or new is turned away.
async function finishes(name) {
    const idle = Array.from({ length: 20 }, () => new Connection().send(get('/healthz')))
    for (const connection of idle) await connection.response()
    const unused = new Connection()
    const slow_ones = Array.from({ length: 20 }, (_, i) =>
        new Connection().send(i % 2 ? get('/aggregate?source=a:2000') :
            post('/aggregate', '{"sources": [{"name": "a", "delay_ms": 2000}]}')))
    const pipelined = new Connection().send(get('/sleep?ms=2000') + get('/sleep?ms=100') + get('/healthz'))
    const half = new Connection().send('GET /healthz HTTP/1.1\r\nHos')
    const halfBody = new Connection().send(post('/aggregate', 'x'.repeat(100)).slice(0, -50))
    check(await running(23), `${name}: the requests run`)

    signal(name)
    await Promise.all(idle.map((c) => c.until((it) => it.ended, 'the close of an idle connection')))
    check(idle.every((c) => c.ended === 'fin' && c.received === ''), `${name}: idle connections are closed`,
        idle.map((c) => c.ended))
    await Promise.all([unused, half, halfBody].map((c) => c.until((it) => it.ended, 'the close')))
    check(unused.received === '', `${name}: a connection that was never used is closed`)
    check(!half.received.includes(' 200 ') && !halfBody.received.includes(' 200 '),
        `${name}: requests that are half read are given up`)
    check(slow_ones.every((c) => c.received === ''), `${name}: that does not wait for the running requests`)
    const late = new Connection()
    await late.until((c) => c.ended, 'the refusal')
    check(late.ended === 'refused', `${name}: new connections are refused`, late.ended)

    const answers = await Promise.all(slow_ones.map((c) => c.response()))
    check(answers.every((a) => a?.status === 200 && a.body.includes('Data from a')),
        `${name}: running requests get their answers`, answers.map((a) => a?.status))
    check(answers.every((a) => a?.headers.connection === 'close'), `${name}: the answers announce the close`)
    const three = await pipelined.responses(3)
    check(three.map((a) => a.status).join() === '200,200,200' && !three[0].headers.connection &&
        three[2].headers.connection === 'close', `${name}: a pipeline is answered to its end`, three)
}

// With a drain delay the world is told first, and still served meanwhile.
async function announces() {
    const kept = new Connection().send(get('/readyz'))
    const ready = await kept.response()
    check(ready.status === 200 && !ready.headers.connection, 'before: ready, and the connection is kept')
    signal('SIGTERM')
    const begin = now()
    let answer
    const turned = await eventually(async () => (answer = await exchange(get('/readyz')))?.status === 503, 10000)
    check(turned && answer.body === 'draining\n', '/readyz turns 503 draining', answer)
    check(now() - begin < 500 * slow, '/readyz turns at once', `after ${now() - begin} ms`)
    check(answer?.headers.connection === 'close', 'new connections are served, and told to close', answer)
    const alive = await kept.send(get('/healthz')).response()
    check(alive?.status === 200 && alive.body === 'ok\n' && alive.headers.connection === 'close',
        'connections that were kept are served, and told to close', alive)
    await kept.until((c) => c.ended, 'the close')
    const refused = await eventually(async () => {
        const connection = new Connection()
        await connection.send(get('/healthz')).until((c) => c.ended || c.received, 'anything')
        connection.close()
        return connection.ended === 'refused'
    }, 5000)
    check(refused && now() - begin > 1000, 'after the delay connections are refused', `after ${now() - begin} ms`)
}

// At the end of the grace what is left is given up.
async function givesUp() {
    const connections = [get('/aggregate?source=a:60000'), get('/sleep?ms=60000'), get('/fetch?source=a&outcome=hang')]
        .map((bytes) => new Connection().send(bytes))
    // Nor has this one ended: its answer is written while the client takes it, and the client takes nothing.
    const stuck = new Connection()
    stuck.socket.pause()
    stuck.send(get('/aggregate?mode=join&' + Array(400).fill('source=a:0').join('&')).repeat(200))
    let answered = -1
    check(await eventually(async () => {
        const seen = (await figures()).server.requests
        const same = seen - answered === 1 // our own
        answered = seen
        return same
    }, 10000), 'a client that does not read stops its answers')
    check(await running(4), 'the requests run')
    signal('SIGTERM')
    const answers = await Promise.all(connections.map((c) => c.response()))
    check(answers.every((a) => a === undefined || a.status === 503), 'what is given up gets a 503 or a close',
        answers)
}

// A second signal ends it at once.
async function twice(first, second) {
    const connection = new Connection().send(get('/sleep?ms=60000'))
    check(await running(1), `${first}, ${second}: a request runs`)
    const idle = new Connection().send(get('/healthz'))
    await idle.response()
    signal(first)
    await idle.until((c) => c.ended, 'the close that shows that the first has arrived')
    check(connection.ended === '', `${first}, ${second}: the first waits for the request`)
    const begin = now()
    signal(second)
    await connection.until((c) => c.ended, 'the end')
    check(now() - begin < 1000 * slow, `${first}, ${second}: the second does not`)
}

// Clients that ask without a pause, each on a connection kept alive or on a new one per request.
async function underLoad() {
    const counts = { answered: 0, refused: 0, lost: 0, lostNew: 0, closes: 0 }
    const problems = []
    let stopping = false

    async function ask(connection, path) {
        connection.received = ''
        connection.send(get(path))
        await connection.until((c) => c.ended || parse(c.received), 'an answer')
        return parse(connection.received)
    }
    async function kept(path) {
        let connection = new Connection()
        for (;;) {
            const answer = await ask(connection, path)
            if (answer?.status === 200) {
                counts.answered++
                if (answer.headers.connection !== 'close') continue
                counts.closes++
            } else if (connection.ended === 'refused') {
                counts.refused++
                return
            } else {
                counts.lost++
                problems.push(`${path}: ${answer?.status ?? connection.ended} ${connection.received}`)
            }
            connection.close()
            if (stopping) return
            connection = new Connection()
        }
    }
    async function fresh() {
        for (;;) {
            const connection = new Connection()
            const answer = await ask(connection, '/healthz')
            connection.close()
            if (connection.ended === 'refused') return counts.refused++
            if (answer?.status === 200) {
                counts.answered++
            } else {
                counts.lostNew++
                problems.push(`new: ${answer?.status ?? connection.ended}`)
                if (stopping) return counts.refused
            }
        }
    }
    const paths = ['/healthz', '/aggregate?source=a:3&source=b:5', '/healthz', '/aggregate?source=a:0']
    const clients = Array.from({ length: 64 }, (_, i) => kept(paths[i % paths.length]))
    clients.push(...Array.from({ length: 8 }, fresh))
    await eventually(() => counts.answered > 3000, 10000)
    const before = counts.answered
    stopping = true
    signal('SIGTERM')
    await Promise.all(clients)
    check(before > 3000, 'the load runs', `${before}`)
    check(counts.lost === 0, 'no request of a connection kept alive is lost', problems)
    check(counts.lostNew === 0, 'no request of a new connection is lost', problems)
    console.log(`     ${before} answers before the signal, ${counts.answered - before} after it, ` +
        `${counts.closes} connections told to close, ${counts.refused} refused`)
}

const cases = {
    finishes: () => finishes(args[2]),
    announces,
    'gives-up': givesUp,
    twice: () => twice(args[2], args[3]),
    'under-load': underLoad,
}
await main(cases[which])
