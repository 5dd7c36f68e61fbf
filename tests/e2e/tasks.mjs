// tasks.mjs - 10,000 tasks that live and 10,000 that have ended: the limit, the list, and clients that do not read it.
import fs from 'node:fs'
import { Connection, args, check, eventually, exchange, figures, get, main, now, post } from './client.mjs'

const pid = args[0]
const big = process.env.WOK_SANITIZE ? 2000 : 10000
const pss = () => Number(/^Pss: +(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024
const fetchOf = (document) => post('/tasks', JSON.stringify({ kind: 'fetch', ...document }))

// Starts so many on one connection, sixteen at a time; the statuses, counted.
async function start(count, document) {
    const connection = new Connection()
    const seen = {}
    for (let left = count; left > 0; left -= 500) {
        const some = Math.min(left, 500)
        connection.send(fetchOf(document).repeat(some))
        for (const { status } of await connection.responses(some, { ms: 30000 })) seen[status] = (seen[status] ?? 0) + 1
    }
    connection.close()
    return seen
}

await main(async () => {
    const before = pss()
    check((await start(big, { source: 'ended' }))[202] === big, `${big} tasks are started and end`)
    check(await eventually(async () => (await figures()).detached.kept === big, 10000), 'all of them are kept')
    const kept = pss()
    check((await start(big, { source: 'alive', outcome: 'hang' }))[202] === big, `${big} tasks are started and live`)
    if (big === 10000) {
        const begin = now()
        const refused = await exchange(fetchOf({ source: 'x' }))
        check(refused.status === 503 && refused.headers['retry-after'] === '1', 'one more than 10,000 is refused')
        console.log(`     refused within ${(now() - begin).toFixed(1)} ms`)
    }
    const alive = pss()
    const list = JSON.parse((await exchange(get('/tasks'), { ms: 30000 })).body).tasks
    check(list.length === 2 * big, 'the list has them all', `${list.length}`)
    check(list.every((task, i) => task.id === i + 1 && task.source === (i < big ? 'ended' : 'alive')), 'in order')
    console.log(`     memory: ${((kept - before) / big).toFixed(0)} bytes for one that ended, ` +
        `${((alive - kept) / big).toFixed(0)} for one that lives`)

    // Each asks for megabytes and takes nothing.
    const count = process.env.WOK_SANITIZE ? 20 : 200
    const idle = pss()
    const stuck = Array.from({ length: count }, () => new Connection())
    stuck.forEach((it) => (it.socket.pause(), it.send(get('/tasks').repeat(4))))
    const asked = await eventually(async () => (await figures()).server.requests > 2 * big + count, 10000)
    let held
    const fits = await eventually(() => (held = (pss() - idle) / count / 1024) <= 64 || process.env.WOK_SANITIZE, 25000)
    check(asked && stuck.every((it) => !it.ended), 'all who do not read are stuck')
    check(fits, 'each costs at most 64 KiB of the process', `${held} KiB`)
    console.log(`     ${held.toFixed(1)} KiB of the process for each of ${count} who read nothing of a list of ${2 * big}`)
    stuck.forEach((it) => it.close())
    // They are 60 s from their end.
    const connection = new Connection()
    for (const { id, source } of list.filter((task) => task.source === 'alive')) {
        connection.send(`DELETE /tasks/${id} HTTP/1.1\r\nHost: h\r\n\r\n`)
        if (id % 500 === 0) await connection.responses(500, { ms: 30000 })
    }
    connection.close()
    check(await eventually(async () => (await figures()).detached.alive === 0, 10000), 'all that live are aborted')
    check((await figures()).detached.kept === 10000 || big !== 10000, 'and 10,000 that ended are kept')
})
