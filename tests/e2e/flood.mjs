// flood.mjs - garbage, from a seed, and more clients than there are descriptors.
//
// Arguments: 'bytes' [SEED] or 'descriptors' with the server's process id.  Whatever comes in, each
// answer is a well formed one, nothing is answered by a 500, and the server is there afterwards.
import fs from 'node:fs'
import { Connection, args, check, eventually, exchange, figures, get, isProblem, main, parse, post, slow }
    from './client.mjs'

// mulberry32, a generator of 32 bits of state that is good enough to spread inputs.
function generator(seed) {
    let state = seed >>> 0
    return (below) => {
        state = (state + 0x6d2b79f5) >>> 0
        let t = Math.imul(state ^ (state >>> 15), 1 | state)
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
        return ((t ^ (t >>> 14)) >>> 0) % below
    }
}

const json = JSON.stringify({ mode: 'join', require: 1, timeout_ms: 9, sources: [{ name: 'a' }, { name: 'b é' }] })
const seeds = [
    get('/healthz'),
    get('/aggregate?source=a:0&source=b%20c:1:error&require=any&mode=join'),
    get('/fetch?source=a&outcome=hang&timeout_ms=5', 'X-Request-Id: abc'),
    post('/aggregate', json, 'Expect: 100-continue', 'Connection: keep-alive'),
    `POST /aggregate HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n` +
        `${json.length.toString(16)};x="y"\r\n${Buffer.from(json).toString('latin1')}\r\n0\r\nT: u\r\n\r\n`,
    `OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\nHEAD / HTTP/1.0\r\n\r\n`,
]
const splinters = ['\r\n', '\n', '\r', '\0', ' ', '\t', ':', ';', ',', '%', '%00', '"', '{', '[', '\xff', '\x80', '0', '9',
    '-1', '999999999999', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: x\r\n', 'Connection: close\r\n',
    'Expect: 100-continue\r\n', 'HTTP/1.1', 'HTTP/1.0', '../', '\r\n\r\n', 'ffffffff\r\n', 'Upgrade: h2c\r\n', 'a'.repeat(9000)]

function noise(rand) {
    return Array.from({ length: 1 + rand(600) }, () => String.fromCharCode(rand(256))).join('')
}

function mutate(rand, text) {
    for (let times = 1 + rand(4); times > 0; times--) {
        const at = rand(text.length + 1)
        const size = rand(12)
        const piece = [
            () => String.fromCharCode(rand(256)),
            () => splinters[rand(splinters.length)],
            () => '',
            () => text.slice(at, at + size).repeat(2 + rand(3)),
        ][rand(4)]()
        text = text.slice(0, at) + piece + text.slice(at + (rand(2) ? size : 0))
        if (rand(20) === 0) text = text.slice(0, rand(text.length + 1))
    }
    return text
}

// Sends one input and gives the statuses; throws if what comes back is no HTTP.
async function send(bytes, split) {
    const connection = new Connection()
    connection.send(bytes.slice(0, split))
    connection.send(bytes.slice(split)).halfClose()
    // A mutated number can be a delay of a minute: those are left alone after a while.
    await connection.until((c) => c.ended, 'the end', 1500).catch(() => {})
    const statuses = []
    // Who does not know which request was a HEAD cannot tell where its answer ends: the first is read.
    const hasHead = bytes.includes('HEAD')
    for (let rest = connection.received; rest !== '';) {
        const response = parse(rest, hasHead)
        if (!response) throw new Error(`not a whole answer: ${rest}`)
        if (response.headers['content-type'] === 'application/problem+json' && !hasHead &&
            !isProblem(response)) throw new Error(`not a problem document: ${response.body}`)
        statuses.push(response.status)
        rest = hasHead ? '' : rest.slice(response.size)
    }
    const ended = connection.ended
    if (!ended) connection.reset()
    else connection.close()
    return { statuses, ended }
}

async function bytes() {
    const seed = Number(args[1] ?? process.env.WOK_TEST_SEED ?? Date.now() % 1e9)
    console.log(`     seed ${seed} (WOK_TEST_SEED=${seed} replays it)`)
    const rand = generator(seed)
    const inputs = []
    const many = process.env.WOK_FLOOD === 'big' ? 20000 : 2000
    for (let i = 0; i < many; i++) inputs.push(i % 4 === 0 ? noise(rand) : mutate(rand, seeds[rand(seeds.length)]))
    const splits = inputs.map((input) => rand(input.length + 1))

    const before = await figures()
    const counts = {}
    const wrong = []
    let next = 0
    async function worker() {
        while (next < inputs.length) {
            const i = next++
            try {
                const { statuses, ended } = await send(inputs[i], splits[i])
                for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1
                if (statuses.length === 0) counts[ended || 'waits'] = (counts[ended || 'waits'] ?? 0) + 1
                if (statuses.includes(500)) throw new Error('a 500')
                if (ended === 'refused') throw new Error('the server is gone')
            } catch (error) {
                wrong.push(`input ${i} ${JSON.stringify(inputs[i].slice(0, 400))}: ${error.message}`)
            }
        }
    }
    await Promise.all(Array.from({ length: 32 }, worker))
    check(wrong.length === 0, `${many} inputs of noise and mutations are answered well or closed`, wrong[0])
    console.log(`     answers: ${JSON.stringify(counts)}`)

    let after
    const settled = await eventually(async () => {
        after = await figures()
        return after.tasks.live === before.tasks.live && after.server.connections_open === 1
    }, 5000)
    check(settled, 'no task and no connection is left over', after)
    await documents(rand)
}

// JSON that is too much of something.
async function documents(rand) {
    const many = 1000000
    const cases = [
        ['a million brackets', '['.repeat(many)],
        ['a million braces', '{"a":'.repeat(many / 5)],
        ['brackets of both kinds', '[{"a":'.repeat(many / 8)],
        ['brackets in a string', `"${'['.repeat(many)}"`],
        ['brackets behind an escaped quote', `{"mode": "\\"${'['.repeat(1000)}"}`],
        ['a long number', '9'.repeat(many)],
        ['a long fraction', `{"timeout_ms": 1.${'1'.repeat(1000)}}`],
        ['an exponent', '{"timeout_ms": 1e400}'],
        ['a large exponent', '{"timeout_ms": 1e99999999999}'],
        ['a small exponent', '{"timeout_ms": 1e-99999}'],
        ['minus nothing', '{"timeout_ms": -0}'],
        ['the largest number', '{"timeout_ms": 9223372036854775807}'],
        ['one more', '{"timeout_ms": 9223372036854775808}'],
        ['no number', '{"timeout_ms": NaN}'],
        ['a leading zero', '{"timeout_ms": 007}'],
        ['a long string', `{"mode": "${'a'.repeat(many)}"}`],
        ['a long name', `{"sources": [{"name": "${'a'.repeat(many)}"}]}`],
        ['half a surrogate', '{"mode": "\\ud800"}'],
        ['a NUL', '{"mode": "\\u0000"}'],
        ['a raw NUL', '{"mode": "\0"}'],
        ['bytes that are no UTF-8', '{"mode": "\xc3\x28"}'],
        ['a byte order mark', '\xef\xbb\xbf{}x'],
        ['many members', `{${Array.from({ length: 30000 }, (_, i) => `"m${i}": ${i}`).join()}}`],
        ['more than a request may hold',
            `{${Array.from({ length: 50000 }, (_, i) => `"m${i}": ${i}`).join()}}`, [413]],
        ['a comment', '/* no */ {}'],
        ['a comma too many', '{"sources": [],}'],
        ['nothing but spaces', ' '.repeat(many)],
    ]
    for (const [what, text, statuses = [400, 422]] of cases) {
        const request = `POST /aggregate HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n` +
            `Content-Length: ${text.length}\r\n\r\n${text}`
        const connection = new Connection().send(request)
        const response = await connection.response()
        check(isProblem(response) && statuses.includes(response.status),
            `${what}: is refused in words`, { status: response?.status, body: response?.body.slice(0, 300) })
        const next = await connection.send(get('/healthz')).response()
        check(next?.status === 200, `${what}: the connection goes on`)
        connection.close()
    }

    const wrong = []
    for (let i = 0; i < 500; i++) {
        const text = mutate(rand, Buffer.from(json).toString('latin1'))
        const response = await exchange(`POST /aggregate HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n` +
            `Content-Length: ${text.length}\r\n\r\n${text}`)
        if (response?.status !== 200 && !isProblem(response)) wrong.push(`${text}: ${JSON.stringify(response)}`)
    }
    check(wrong.length === 0, '500 mutated documents are answered or refused in words', wrong[0])
}

// 200 clients where there are 64 descriptors: those that find no place wait for one, and nothing spins.
async function descriptors(pid) {
    const ticks = () => {
        const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
        return Number(fields[11]) + Number(fields[12])
    }
    const clients = Array.from({ length: 200 }, () => new Connection().send(get('/healthz')))
    const served = () => clients.filter((c) => c.received !== '').length
    check(await eventually(() => served() >= 8, 10000), 'some are served', `${served()}`)

    const [seen, before] = [served(), ticks()]
    await new Promise((resolve) => setTimeout(resolve, 1000)) // what is measured: a second of a full house
    const used = (ticks() - before) * 10
    check(served() < 64, 'as many as there are descriptors for', `${served()}`)
    check(used <= 100 * slow, 'the others wait without using the processor', `${used} ms of CPU in a second`)
    console.log(`     ${seen} of 200 served at once; ${used} ms of CPU in the second after`)

    // Each one that was served makes place for another.
    const left = new Set(clients)
    const done = await eventually(() => {
        for (const client of left) {
            if (client.received === '') continue
            client.close()
            left.delete(client)
        }
        return left.size === 0
    }, 20000)
    check(done, 'all are served in the end', `${left.size} are not`)
    check(clients.every((c) => c.received.startsWith('HTTP/1.1 200')), 'all are served well')
    check((await exchange(get('/healthz')))?.status === 200, 'and then others as ever')
}

await main(() => (args[0] === 'bytes' ? bytes() : descriptors(Number(args[1]))))
