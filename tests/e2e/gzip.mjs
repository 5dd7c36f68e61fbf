// gzip.mjs - compressed answers in a pipeline, and beside others.
import zlib from 'node:zlib'

import { Connection, check, get, main, now, parse, slow } from './client.mjs'

const sources = (count) => [...Array(count).keys()].map((n) => `source=s${n}:0`).join('&')

await main(async () => {
    const pipeline = new Connection()
    for (let n = 1; n <= 20; n++) pipeline.send(get(`/aggregate?${sources(n * 20)}`, 'Accept-Encoding: gzip'))
    pipeline.send(get('/healthz'))
    let good = 0, chunked = 0
    for (const [n, answer] of (await pipeline.responses(20, { ms: 30000 })).entries()) {
        const packed = answer.headers['content-encoding'] === 'gzip'
        const text = packed ? zlib.gunzipSync(answer.bytes) : answer.body
        good += JSON.parse(text).results.length === (n + 1) * 20
        chunked += answer.headers['transfer-encoding'] === 'chunked'
    }
    check(good === 20, '20 pipelined answers of growing size are whole and in their order', String(good))
    check(chunked > 5, 'the larger ones come in chunks', String(chunked))
    check((await pipeline.response())?.body === 'ok\n', 'what follows them is answered')
    pipeline.close()

    // Twenty clients ask for large answers all the time; another one asks for a small one.
    let going = true
    const busy = [...Array(20)].map(async () => {
        const connection = new Connection()
        connection.socket.setEncoding('binary')
        while (going) {
            connection.send(get(`/aggregate?${sources(300)}`, 'Accept-Encoding: gzip'))
            await connection.until((it) => it.ended || parse(it.received), 'a large answer', 30000)
            if (connection.ended) break
            connection.received = ''
        }
        connection.close()
    })
    const times = []
    const connection = new Connection()
    for (let n = 0; n < 50; n++) {
        const begin = now()
        connection.send(get('/healthz'))
        await connection.response()
        times.push(now() - begin)
    }
    going = false
    await Promise.all(busy)
    connection.close()
    times.sort((a, b) => a - b)
    console.log(`beside twenty clients of large answers: median ${times[25].toFixed(1)} ms, worst ${times[49].toFixed(1)} ms`)
    check(times[25] < 250 * slow, 'small answers beside large compressed ones: half of them within 250 ms', String(times[25]))
})
