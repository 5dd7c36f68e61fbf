// floods.mjs - one flood each, at a server with deadlines of a second or so, and a figure for it.
//
// Arguments: the flood, the server's process id.  While it lasts a well-behaved client is served; afterwards
// descriptors, tasks and connections are as many as before.  WOK_FLOOD=big makes them five times larger.
import fs from 'node:fs'
import { Connection, args, check, eventually, exchange, figures, get, main, now, post, slow } from './client.mjs'

const pid = Number(args[1])
const big = process.env.WOK_FLOOD === 'big' ? 5 : 1
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
// A busy machine makes the runtime call spare workers, which stay: each has an epoll and an eventfd.
const spares = () => fs.readdirSync(`/proc/${pid}/task`)
    .filter((it) => fs.readFileSync(`/proc/${pid}/task/${it}/comm`, 'utf8').includes('-spare-')).length
const descriptors = () => fs.readdirSync(`/proc/${pid}/fd`).length - 2 * spares()
// A sanitizer's shadow is terabytes of address space, which take the kernel seconds to add up, and is no figure.
const pss = () => process.env.WOK_SANITIZE ? 0 : Number(/^Pss: +(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * 1024
const open = (count) => Array.from({ length: count }, () => new Connection())
const all = (list, found, what, ms) => Promise.all(list.map((it) => it.until(found, what, ms)))

// Asks again and again until it is told to stop; gives how often it was served, and the longest wait.
function prober() {
    const seen = { served: 0, refused: 0, longest: 0 }
    let stopped = false
    const done = (async () => {
        while (!stopped) {
            const begin = now()
            const response = await exchange(get('/healthz')).catch(() => undefined)
            if (response?.status === 200) seen.served++
            else seen.refused++
            seen.longest = Math.max(seen.longest, now() - begin)
            await pause(10)
        }
        return seen
    })()
    return () => ((stopped = true), done)
}

// Each gives what it found, in words.
const floods = {
    // A byte of a head now and then.
    async slowloris() {
        const begin = now()
        const list = open(200 * big)
        const drip = setInterval(() => list.forEach((it) => it.ended || it.send('x')), 100)
        list.forEach((it) => it.send('GET /healthz HTTP/1.1\r\nHost: h\r\nX-'))
        await all(list, (it) => it.ended, 'a slow head ends')
        clearInterval(drip)
        const took = now() - begin
        check(took >= 1000, 'not before its time', `${took} ms`)
        check(took < 1000 + 4000 * slow, 'the last one soon after', `${took} ms`)
        return `${list.length} slow heads: all closed after ${took.toFixed(0)} ms, the deadline being 1,000`
    },

    async slowBody() {
        const begin = now()
        const list = open(200 * big)
        const drip = setInterval(() => list.forEach((it) => it.ended || it.send('x')), 100)
        list.forEach((it) => it.send(post('/aggregate', 'x'.repeat(900)).slice(0, -890)))
        await all(list, (it) => it.ended || it.received.includes('408'), 'a slow body is refused')
        clearInterval(drip)
        const took = now() - begin
        check(took >= 1500, 'not before its time', `${took} ms`)
        check(list.every((it) => it.received.startsWith('HTTP/1.1 408')), 'all by a 408')
        list.forEach((it) => it.close())
        return `${list.length} slow bodies: all refused after ${took.toFixed(0)} ms, the limit being 1,500`
    },

    // They ask for megabytes and take nothing: small windows, so that little is under way.
    async slowRead() {
        const count = process.env.WOK_SANITIZE ? 100 : 1000
        const request = get('/aggregate?mode=join&' + Array(400).fill('source=a:0').join('&')).repeat(24)
        const before = pss()
        const begin = now()
        const list = []
        while (list.length < count) {
            list.push(...open(50).map((it) => (it.socket.pause(), it.send(request))))
            await pause(100) // it is not the rush that is tried
        }
        // Until the server has stopped to answer, and then until it gives them up.
        let answered = -1
        const still = await eventually(async () => {
            const seen = (await figures()).server.requests
            const same = seen - answered < 50 && seen > count // the prober's go on
            answered = seen
            await pause(250)
            return same
        }, 60000)
        // What the requests needed while they ran is given back within seconds, and others go on to ask meanwhile.
        let held
        const fits = await eventually(() => (held = (pss() - before) / list.length / 1024) <= 64, 25000)
        check(still && list.every((it) => !it.ended), 'all of them are stuck, and none is given up yet')
        check(process.env.WOK_SANITIZE || fits, 'each costs at most 64 KiB of the process, what the heap keeps included', `${held} KiB`)
        const look = setInterval(() => list.forEach((it) => it.ended || it.send('x')), 250) // a paused socket learns of a reset by writing
        await all(list, (it) => it.ended, 'a client that does not read ends', 40000)
        clearInterval(look)
        check(list.every((it) => it.ended === 'reset'), 'all by a reset')
        return `${list.length} clients that read nothing: ${held.toFixed(1)} KiB of the process each, ` +
            `the last one reset after ${(now() - begin).toFixed(0)} ms`
    },

    // Simultaneous connects, each with a request.
    async connects() {
        const begin = now()
        const list = open(3000)
        list.forEach((it) => it.send(get('/healthz')))
        await all(list, (it) => it.ended || it.received.includes('ok\n'), 'each is served', 20000)
        const served = list.filter((it) => it.received.includes('ok\n')).length
        check(served === list.length, 'all are served', `${served}`)
        const took = now() - begin
        list.forEach((it) => it.close())
        return `3,000 simultaneous connects: all served in ${took.toFixed(0)} ms`
    },

    async resets() {
        const requests = [
            post('/aggregate', 'x'.repeat(5000)).slice(0, -2000),
            'GET /hea',
            get('/sleep?ms=60000&on=task'),
            get('/aggregate?' + Array(100).fill('source=a:60000').join('&')),
            get('/aggregate?mode=join&' + Array(400).fill('source=a:0').join('&')).repeat(16),
        ]
        const before = await figures()
        for (let round = 0; round < 4 * big; round++) {
            const list = open(250)
            list.forEach((it, i) => it.send(requests[i % requests.length]))
            await eventually(async () => (await figures()).server.requests_running >= 100, 3000)
            list.forEach((it) => it.reset())
        }
        const begin = now()
        const left = async () => (await figures()).tasks.live
        const gone = await eventually(async () => (await left()) <= before.tasks.live, 5000)
        check(gone, 'no task outlives them', `${await left()} and ${before.tasks.live} before`)
        return `${1000 * big} resets in mid-request and mid-answer: the last task ended ${(now() - begin).toFixed(0)} ms after`
    },

    // Each has had a request, so that what an idle one keeps is what a used one keeps.
    async idle() {
        const count = process.env.WOK_SANITIZE ? 2000 : 12000
        const round = async (size) => {
            const list = []
            while (list.length < size) {
                const some = open(Math.min(500, size - list.length)).map((it) => it.send(get('/healthz')))
                await all(some, (it) => it.ended || it.received.includes('ok\n'), 'each is served', 20000)
                list.push(...some)
            }
            return list
        }
        // What the first connections make grow once is there in both measurements.
        for (const it of await round(1000)) it.close()
        await eventually(async () => (await figures()).server.connections_open === 1, 5000)
        const before = pss()
        const list = await round(count)
        check(list.every((it) => it.received.includes('ok\n') && !it.ended), 'all are served and kept')
        const at_rest = await eventually(async () => (await figures()).server.requests_running <= 1, 5000)
        check(at_rest, 'nothing runs')
        const each = (pss() - before) / (count - 1000) // the places of the first are used again
        const memory = (await figures()).memory
        check(process.env.WOK_SANITIZE || each <= 512, `${count} idle connections: at most 512 bytes each`, `${each} bytes`)
        list.forEach((it) => it.close())
        return `${count} idle connections: ${each.toFixed(0)} bytes each of the process, of which the task's slab ` +
            `${memory.bytes_per_live_task}`
    },
}

await main(async () => {
    await exchange(get('/healthz'))
    const before = { descriptors: descriptors(), figures: await figures(), pss: pss() }
    const stop = prober()
    const figure = await floods[args[0]]()
    const probed = await stop()
    console.log(`     ${figure}; meanwhile ${probed.served} other requests, the longest ${probed.longest.toFixed(0)} ms`)
    check(probed.served > 0 && probed.refused === 0, 'a well-behaved client is served meanwhile', probed)
    check(probed.longest < 3000 * slow, 'and does not wait long', probed)

    let after
    const settled = await eventually(async () => {
        after = { descriptors: descriptors(), figures: await figures() }
        return after.figures.tasks.live <= before.figures.tasks.live && after.figures.server.connections_open <= 1 &&
            after.descriptors <= before.descriptors + 1
    }, 15000)
    check(settled, 'descriptors, tasks and connections are as before',
        { before: before.descriptors, after: after.descriptors, tasks: after.figures.tasks.live, server: after.figures.server })
    // The heap is given back some seconds after it was last needed.
    const memory_after = pss()
    const given_back = await eventually(() => pss() <= before.pss + (8 << 20), 20000)
    check(process.env.WOK_SANITIZE || given_back, 'and memory, but for 8 MiB', `${before.pss} and ${pss()} bytes`)
    console.log(`     memory: ${(before.pss / 1024).toFixed(0)} KiB before, ${(memory_after / 1024).toFixed(0)} at once after, ` +
        `${(pss() / 1024).toFixed(0)} then`)
})
