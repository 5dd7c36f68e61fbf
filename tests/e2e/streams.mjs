// streams.mjs - answers that are written while they are taken: whole, to slow readers, and through a drain, as they are
// and compressed.  Over what WOK_E2E_TRANSPORT says.
//
// Arguments: the case, the server's process id.
import zlib from 'node:zlib'

import { Connection, args, check, eventually, figures, get, main, post, transport } from './client.mjs'

const [which, pid] = [args[0], Number(args[1])]
const name = (n) => `name ${'x'.repeat(n % 50)} "${n}" \u00e9`
const gzip = 'Accept-Encoding: gzip'
const request = (count, ...lines) => {
    const body = JSON.stringify({ mode: 'join', sources: [...Array(count).keys()].map((n) => ({ name: name(n) })) })
    return post('/aggregate', body.replaceAll('\u00e9', '\\u00e9'), ...lines)
}
const short = (count) => '/aggregate?mode=join&' + [...Array(count).keys()].map((n) => `source=s${n}:0`).join('&')

// The next answer, with its text, or undefined at an early end.
async function next(connection, { head = false, ms = 20000 } = {}) {
    const answer = await connection.response({ head, ms })
    if (!answer) return undefined
    const packed = answer.headers['content-encoding'] === 'gzip' && !head
    return { ...answer, text: packed ? zlib.gunzipSync(answer.bytes).toString() : answer.body }
}

// How the server ends a connection on which nothing is said, or refuses it.
async function refusal() {
    const connection = await new Connection().until((c) => c.ended, 'the end', 2000)
    return connection.ended
}

const isWhole = (answer, count) => {
    if (answer?.status !== 200 || !answer.text.endsWith('}\n')) return false
    const { results } = JSON.parse(answer.text)
    return results.length === count && results.every((it, n) => it.source === name(n))
}

const checks = {
    // Around where a stream begins, and where its pieces end.
    async lengths() {
        const counts = [...Array(50).keys()].map((n) => 50 + 2 * n).concat(200, 250, 400, 1000)
        const connection = new Connection()
        let good = 0, compressed = 0, chunked = 0
        for (const count of counts) {
            connection.send(request(count) + request(count, gzip))
            const plain = await next(connection)
            const packed = await next(connection)
            good += isWhole(plain, count) && isWhole(packed, count) && plain.headers['content-encoding'] === undefined &&
                plain.text.replace(/"(total|elapsed)_ms": [0-9.]+/g, '').length ===
                packed.text.replace(/"(total|elapsed)_ms": [0-9.]+/g, '').length
            compressed += packed.headers['content-encoding'] === 'gzip' && packed.bytes.length * 3 < packed.text.length
            chunked += packed.headers['transfer-encoding'] === 'chunked'
        }
        check(good === counts.length, `${transport}: as it is and compressed it is the same answer`, `${good} of ${counts.length}`)
        check(compressed === counts.length, `${transport}: each is compressed`, `${compressed} of ${counts.length}`)
        check(chunked > 5 && chunked < counts.length, `${transport}: the larger ones in chunks`, String(chunked))

        connection.send(get(short(200), gzip).replace('GET', 'HEAD') + get(short(200), gzip) + get('/healthz'))
        const head = await next(connection, { head: true })
        const body = await next(connection)
        const fields = ({ headers }) => ['transfer-encoding', 'content-encoding', 'content-length', 'vary'].map((it) => headers[it])
        check(head?.headers['transfer-encoding'] === 'chunked' && JSON.parse(body.text).results.length === 200 && String(fields(head)) === String(fields(body)),
            `${transport}: HEAD has the same fields`, head?.headers)
        check((await next(connection))?.text === 'ok\n', `${transport}: what is behind them is answered`)
        connection.close()

        const old = new Connection().send(request(200, gzip).replace('HTTP/1.1', 'HTTP/1.0'))
        const plain = await next(old)
        check(isWhole(plain, 200) && Number(plain.headers['content-length']) === plain.bytes.length &&
            plain.headers['content-encoding'] === undefined, `${transport}: to HTTP/1.0 it goes as it is, with its length`, plain?.headers)
        old.close()
    },

    // A few kilobytes in 0.2 s, of answers that are pipelined.
    async slowly() {
        for (const lines of [[], [gzip]]) {
            const connection = new Connection()
            let pauses = 0
            connection.socket.on('data', () => {
                if (++pauses > 12) return
                connection.socket.pause()
                setTimeout(() => connection.socket.resume(), 200)
            })
            connection.send(request(250, ...lines).repeat(12))
            let good = 0
            for (let i = 0; i < 12; i++) good += isWhole(await next(connection, { ms: 60000 }), 250)
            check(good === 12, `${transport}: a slow reader gets all${lines.map((it) => ', ' + it)}`, `${good} of 12, ${connection.ended}`)
            check(pauses > 8, `${transport}: it was slow`, `${pauses} pauses`)
            connection.close()
        }
    },

    // Answers that are half taken when the server is told to stop are taken to their end.
    async drain() {
        const readers = [[], [gzip]].map((lines) => {
            const connection = new Connection()
            connection.socket.pause()
            return connection.send(request(400, ...lines).repeat(40)) // more than the kernel takes, compressed as well
        })
        const waits = async () => (await figures()).server.requests_running === 3 // and this one
        check(await eventually(waits, 5000), `${transport}: the answers wait for who does not read`, (await figures()).server)
        process.kill(pid, 'SIGTERM')
        await eventually(async () => (await refusal()) === 'refused', 5000)
        for (const [i, connection] of readers.entries()) {
            let good = 0, count = 0, answer
            connection.socket.resume()
            while ((answer = await next(connection)) !== undefined) {
                good += isWhole(answer, 400)
                count++
            }
            check(good >= 1 && good === count && connection.received === '' && connection.ended === 'fin',
                `${transport}: a drain sends what was begun to its end${['', ', ' + gzip][i]}`,
                `${good} of ${count}, ${connection.received.length} bytes more, ${connection.ended}, ${connection.received.slice(0, 300)}`)
        }
    },
}

main(checks[which])
