// gzip.mjs - compressed answers in a pipeline, and beside others.
import net from 'node:net'
import zlib from 'node:zlib'

import { Connection, check, get, main, now, parse, port, slow } from './client.mjs'

const sources = (count) => [...Array(count).keys()].map((n) => `source=s${n}:0`).join('&')

await main(async () => {
    // Bodies as bytes: responses() would read them as text.
    const socket = net.connect({ port, host: '127.0.0.1' })
    const chunks = []
    socket.on('data', (chunk) => chunks.push(chunk))
    const ended = new Promise((resolve) => socket.on('close', resolve))
    for (let n = 1; n <= 20; n++)
        socket.write(get(`/aggregate?${sources(n * 20)}`, 'Accept-Encoding: gzip'), 'latin1')
    socket.write(get('/healthz', 'Connection: close'), 'latin1')
    await ended
    let rest = Buffer.concat(chunks)
    let good = 0
    for (let n = 1; n <= 20; n++) {
        const end = rest.indexOf('\r\n\r\n')
        const head = rest.subarray(0, end).toString('latin1')
        const length = Number(/content-length: (\d+)/i.exec(head)[1])
        const body = rest.subarray(end + 4, end + 4 + length)
        const text = /content-encoding: gzip/i.test(head) ? zlib.gunzipSync(body) : body
        good += JSON.parse(text).results.length === n * 20
        rest = rest.subarray(end + 4 + length)
    }
    check(good === 20, '20 pipelined answers of growing size are whole and in their order', String(good))
    check(parse(rest.toString('latin1'))?.body === 'ok\n', 'what follows them is answered')

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
