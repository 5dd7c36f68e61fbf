// panic.mjs - what one bad handler does to the others: nothing.
//
// Arguments: 'panic', or 'worker' with the number of workers.
import { Connection, args, check, eventually, exchange, figures, get, isProblem, main, now, slow }
    from './client.mjs'

// Every fourth request panics, while the others of the same and of other connections are answered.
async function panics() {
    const before = await figures()
    const rounds = 150
    const wrong = []
    let panicked = 0
    async function client(number) {
        const connection = new Connection()
        for (let round = 0; round < rounds; round++) {
            const paths = ['/healthz', '/aggregate?source=a:2&source=b:0', '/panic', '/fetch?source=a&delay_ms=1']
            // Half of the clients pipeline all four, half ask one at a time.
            const answers = []
            if (number % 2) {
                answers.push(...(await connection.send(paths.map((path) => get(path)).join('')).responses(4)))
            } else {
                for (const path of paths) answers.push(await connection.send(get(path)).response())
            }
            const good = answers.length === 4 && answers[0].body === 'ok\n' &&
                JSON.parse(answers[1].body).status === 'complete' && isProblem(answers[2], 500) &&
                JSON.parse(answers[3].body).status === 'ok' && answers.every((a) => !a.headers.connection)
            if (!good) return wrong.push({ number, round, answers })
            panicked++
        }
        connection.close()
    }
    await Promise.all(Array.from({ length: 32 }, (_, number) => client(number)))
    check(wrong.length === 0, 'under load /panic is answered by 500, and no other request fails', wrong[0])
    check(panicked === 32 * rounds, 'every client came to its end', `${panicked}`)

    const fetches = Array.from({ length: 20 }, () => exchange(get('/aggregate?source=a:5:panic&source=b:5')))
    const answers = await Promise.all(fetches)
    check(answers.every((a) => a.status === 502 && a.body.includes('Data from b')),
        'a panic in a child is told, and its sibling answers', answers[0])

    let after
    const settled = await eventually(async () => {
        after = await figures()
        return after.tasks.live === before.tasks.live
    }, 5000)
    check(settled, 'no task is left over', `${after.tasks.live}, before ${before.tasks.live}`)
    check(after.tasks.panicked - before.tasks.panicked >= panicked, 'the panics are counted', after.tasks)
    check(after.memory.stacks_in_use === before.memory.stacks_in_use, 'their stacks are given back', after.memory)
}

// One request blocks a worker for a second; everything that may move goes on meanwhile.
async function blocksWorker(workers) {
    const blocked = 1500
    // So many that each worker has some of them.
    const kept = Array.from({ length: 16 * workers }, () => new Connection().send(get('/healthz')))
    for (const connection of kept) await connection.response()

    const blocker = new Connection()
    const begin = now()
    blocker.send(get(`/sleep?ms=${blocked}&on=worker`))
    // Until the worker is really blocked: the request has been started and has not been answered.
    const isBlocked = await eventually(async () => (await figures()).server.requests_running === 2, 10000)
    check(isBlocked && blocker.received === '', 'figures are answered while a worker is blocked', blocker.received)

    const times = { existing: [], new: [], aggregate: [] }
    async function timed(kind, connection, path) {
        const start = now()
        const answer = await connection.send(get(path)).response()
        times[kind].push(now() - start)
        return answer?.status === 200
    }
    const results = []
    results.push(...(await Promise.all(kept.map((connection) => timed('existing', connection, '/healthz')))))
    for (let i = 0; i < 20; i++) {
        const connection = new Connection()
        results.push(await timed('new', connection, '/healthz'))
        connection.close()
    }
    for (let i = 0; i < 4; i++) results.push(await timed('aggregate', new Connection(), '/aggregate?source=a:10&source=b:5'))
    const during = now() - begin < blocked && blocker.received === ''
    check(results.every(Boolean), 'all of them are answered')
    check(during, 'they are answered before the worker is free again', `after ${(now() - begin).toFixed()} ms`)
    for (const kind of Object.keys(times)) {
        const worst = Math.max(...times[kind])
        check(worst < 100 * slow, `${kind} connections wait less than 100 ms`, `${worst.toFixed(1)} ms`)
    }
    const answer = await blocker.response()
    check(answer?.status === 200 && now() - begin >= blocked, 'the blocking request is answered at its end', answer)
    const worst = Object.entries(times).map(([kind, list]) => `${kind} ${Math.max(...list).toFixed(1)} ms`)
    console.log(`     worst answer while a worker was blocked: ${worst.join(', ')}`)
}

await main(() => (args[0] === 'panic' ? panics() : blocksWorker(Number(args[1]))))
