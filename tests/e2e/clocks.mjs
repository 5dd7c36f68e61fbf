// clocks.mjs - the server's clocks jump (clocks.c): the real one by hours in both directions, the monotonic one
// forward, as after a machine was suspended.
//
// Arguments: what, the file of the jumps, the log, the server's process id.
import fs from 'node:fs'
import { Connection, args, check, eventually, exchange, figures, get, main, now, slow } from './client.mjs'

const [what, file, log, pid] = args
const hour = 3600e3 // ms

function jump(which, ms) {
    const fd = fs.openSync(file, 'r+')
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(ms) * 1000000n)
    fs.writeSync(fd, bytes, 0, 8, which === 'real' ? 0 : 8)
    fs.closeSync(fd)
}

const health = () => exchange(get('/healthz'))
const serverHas = (figure, least) => eventually(async () => (await figures()).server[figure] >= least, 5000)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const lastStamp = () => Date.parse(fs.readFileSync(log, 'utf8').trim().split('\n').map((it) => JSON.parse(it))
    .filter((it) => it.target === '/healthz').at(-1)?.time)

// CPU time of the process in ms, from /proc.
function cpu() {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
}

// A connection that ends, or is answered, when its time is over: --head-timeout, --idle-timeout and
// --request-timeout of 1,500 ms, and a sleep of 700.
async function deadlines(ms) {
    const begin = now()
    const head = new Connection().send('GET /healthz HTTP/1.1\r\nHost: h\r\nX-')
    const late = new Connection().send(get('/sleep?ms=60000&on=task'))
    const sleep = new Connection().send(get('/sleep?ms=700&on=task'))
    const idle = new Connection().send(get('/healthz'))
    await idle.response()
    await serverHas('requests_running', 3)
    jump('real', ms)

    const took = async (connection, found) => (await connection.until(found, 'a deadline', 10000), now() - begin)
    const times = await Promise.all([took(sleep, (c) => c.received.includes('"elapsed_ms"') || c.ended),
        took(head, (c) => c.ended), took(late, (c) => / 50[34] /.test(c.received) || c.ended), took(idle, (c) => c.ended)])
    const claims = ['a sleep', 'the deadline of a head', 'the deadline of a request', 'the deadline of an idle connection']
    const by = `after a jump of ${ms / hour} h`
    times.forEach((it, i) => {
        const least = i === 0 ? 700 : 1500
        check(it >= least, `${claims[i]} is not early ${by}`, `${it} ms`)
        check(it < least + 4000 * slow, `${claims[i]} is not late ${by}`, `${it} ms`)
    })
    check(head.received.startsWith('HTTP/1.1 408'), `a head is refused with 408 ${by}`, head.received)
    check(/^HTTP\/1.1 200/.test(sleep.received), `a sleep ends with 200 ${by}`, sleep.received)
    for (const it of [head, late, sleep, idle]) it.close()
}

const scenes = {
    async real() {
        for (const ms of [5 * hour, -7 * hour]) {
            await deadlines(ms)
            const wanted = Date.now() + ms
            const response = await health()
            check(response?.status === 200, `a request is served after a jump of ${ms / hour} h`)
            const date = Date.parse(response.headers.date)
            check(Math.abs(date - wanted) < 2500 * slow, `Date follows a jump of ${ms / hour} h`, response.headers.date)
            const stamped = await eventually(() => Math.abs(lastStamp() - wanted) < 2500 * slow, 10000)
            check(stamped, `the log's times follow a jump of ${ms / hour} h`, new Date(lastStamp()).toISOString())
        }
    },

    // All deadlines are due at once.
    async monotonic() {
        const list = Array.from({ length: 60 }, (_, i) => new Connection().send(i % 3 === 0
            ? get('/sleep?ms=5000000&on=task') : i % 3 === 1 ? 'GET /healthz HTTP/1.1\r\nX' : get('/healthz')))
        await Promise.all(list.filter((_, i) => i % 3 === 2).map((it) => it.response()))
        await serverHas('requests_running', 21)
        await serverHas('connections_open', 61)
        for (const hours of [3, 300, 24 * 365 * 30]) {
            const begin = now()
            jump('monotonic', hours * hour)
            check((await health()).status === 200, `a request is served after ${hours} h without a clock`)
            await Promise.all(list.map((it) => it.until((c) => c.ended || c.received.includes('HTTP/1.1 50'),
                'what was due', 5000)))
            check(now() - begin < 4000 * slow, `what was due ends at once after ${hours} h`, `${now() - begin} ms`)
            const before = cpu()
            await pause(1000)
            check(cpu() - before < 300 * slow, `nothing spins after ${hours} h`, `${cpu() - before} ms of CPU in a second`)
            const nap = now()
            check((await exchange(get('/sleep?ms=300&on=task'))).status === 200 && now() - nap >= 300,
                `a sleep takes its time after ${hours} h`, `${now() - nap} ms`)
            list.forEach((it) => it.close())
            list.length = 0
            for (let i = 0; i < 20; i++) list.push(new Connection().send('GET /healthz HTTP/1.1\r\nX'))
            await serverHas('connections_open', 21)
        }
        list.forEach((it) => it.close())
    },
}

await main(scenes[what])
