// limits.mjs - one limit of the server, set low by test_limits.sh, met at its edge.  Its first argument says
// which.  Times have a lower bound that is exact and an upper one that is only a net.
import { Connection, args, check, eventually, exchange, get, isProblem, main, now, post } from './client.mjs'

const sleep = (ms) => get(`/sleep?ms=${ms}&on=task`)

function refused(response, status, claim) {
    check(isProblem(response, status), claim, `${response?.status} ${response?.body}`)
}

// The connection ends by itself, not before this time.
async function endsAfter(connection, begin, ms, claim) {
    await connection.until((c) => c.ended, claim)
    const took = now() - begin
    check(took >= ms, `${claim}, not before ${ms} ms`, `${took} ms`)
}

async function answersAfter(connection, begin, status, ms, claim) {
    const response = await connection.response()
    const took = now() - begin
    refused(response, status, `${claim}: ${status}`)
    check(took >= ms, `${claim}: not before ${ms} ms`, `${took} ms`)
    connection.close()
}

const checks = {
    async sizes() {
        const target = (size) => exchange(get('/' + 'a'.repeat(size - 1)))
        check((await target(64)).status === 404, 'a target of 64 bytes is looked for')
        refused(await target(65), 414, 'a target of 65 bytes')

        const without = get('/healthz', 'X: ').length
        const head = (size) => exchange(get('/healthz', 'X: ' + 'a'.repeat(size - without)))
        check((await head(300)).status === 200, 'a head of 300 bytes is served')
        refused(await head(301), 431, 'a head of 301 bytes')

        const headers = (count) => exchange(get('/healthz', ...Array(count - 1).fill('X: y')))
        check((await headers(4)).status === 200, '4 headers are served')
        refused(await headers(5), 431, '5 headers')

        const body = (size) => exchange(post('/aggregate', '{' + ' '.repeat(size - 2) + '}'))
        check((await body(20)).status === 200, 'a body of 20 bytes is read')
        refused(await body(21), 413, 'a body of 21 bytes')
    },

    async none() {
        check((await exchange(get('/healthz'))).status === 200, 'a request without a body is served')
        refused(await exchange(post('/aggregate', 'x')), 413, 'a body of one byte, where none is taken')
    },

    async chunks() {
        const chunked = (line, trailers) => exchange('POST /aggregate HTTP/1.1\r\nHost: h\r\nContent-Type: ' +
            `application/json\r\nTransfer-Encoding: chunked\r\n\r\n2${line}\r\n{}\r\n0\r\n${trailers}\r\n`)
        check((await chunked(';a=bc', '')).status === 200, '5 bytes of chunk extensions are read')
        refused(await chunked(';a=bcd', ''), 400, '6 bytes of chunk extensions')
        check((await chunked('', 'T: abc\r\n')).status === 200, '8 bytes of trailers are read')
        refused(await chunked('', 'T: abcd\r\n'), 400, '9 bytes of trailers')
    },

    async memory() {
        const objects = '{},'.repeat(20000)
        refused(await exchange(post('/aggregate', `{"sources": [${objects}{}]}`)), 413, 'a tree of 5 MB from 60 KB')
        const many = Array.from({ length: 700 }, () => 'source=a:0').join('&')
        refused(await exchange(get('/aggregate?' + many)), 422, 'a fan-out that takes more than the request may hold')
        check((await exchange(get('/aggregate?source=a:0'))).status === 200, 'a small one is served')
    },

    async width() {
        const asks = (count) => exchange(get('/aggregate?' + Array(count).fill('source=a:0').join('&')))
        check((await asks(3)).status === 200, '3 sources are asked')
        refused(await asks(4), 422, '4 sources')
    },

    async perConnection() {
        const connection = new Connection().send(get('/healthz').repeat(4))
        const responses = await connection.responses(4)
        check(responses.length === 3, 'three requests are answered and no more', responses.length)
        check(responses.every((it, i) => (it.headers.connection === 'close') === (i === 2)), 'the last one says so')
        await connection.until((c) => c.ended === 'fin', 'and then it is closed')
        check(true, 'in order')
    },

    async perAddress() {
        const two = [new Connection(), new Connection()]
        for (const connection of two)
            check((await connection.send(get('/healthz')).response())?.status === 200, 'one of two is served')
        const begin = now()
        const third = new Connection()
        await third.until((c) => c.ended, 'a third one ends')
        check(third.ended === 'reset', 'a third one is reset', third.ended)
        check(now() - begin < 2000, 'at once', `${now() - begin} ms`)
        two[0].close()
        const servedAgain = async () => (await exchange(get('/healthz')))?.status === 200
        check(await eventually(servedAgain, 5000), 'when one has closed, the next is served')
        two[1].close()
    },

    async requests() {
        check((await exchange(get('/version'))).status === 200, 'one request at a time is served')
        let first, last
        const refusedNow = async () => {
            if (first === undefined || first.received !== '') // refused: it came while another one ran
                first = new Connection().send(sleep(60000))
            last = await exchange(get('/version'))
            return last.status === 503
        }
        check(await eventually(refusedNow, 5000), 'a second one beside it is refused', last)
        refused(last, 503, 'the refusal says so')
        check(last.headers['retry-after'] === '1', 'it says when to come again', last.headers)
        check((await exchange(get('/healthz'))).status === 200, 'but health checks are served')
        check((await exchange(get('/readyz'))).status === 200, 'both of them')
        first.reset()
        const servedAgain = async () => (await exchange(get('/version'))).status === 200
        check(await eventually(servedAgain, 5000), 'when the first is gone, the next is served')
    },

    async pipelined() {
        const begin = now()
        const connection = new Connection().send(sleep(300) + sleep(300))
        const responses = await connection.responses(2)
        const took = now() - begin
        check(responses.length === 2 && responses.every((it) => it.status === 200), 'both are answered')
        check(took >= 600, 'one after the other', `${took} ms`)
        connection.close()
    },

    async connections() {
        const first = new Connection().send(get('/healthz'))
        check((await first.response()).status === 200, 'the first connection is served')
        const second = new Connection().send(get('/healthz'))
        const early = await eventually(() => second.received, 300)
        check(!early, 'a second one waits', early)
        first.close()
        check((await second.response()).status === 200, 'and is served when the first has closed')
        second.close()
    },

    async head() {
        const begin = now()
        const connection = new Connection().send('GET /healthz HT')
        await answersAfter(connection, begin, 408, 300, 'half a head')
    },

    async idle() {
        const connection = new Connection().send(get('/healthz'))
        const begin = now() // the connection is idle after this, so the bound is exact
        check((await connection.response()).status === 200, 'the request is served')
        await endsAfter(connection, begin, 300, 'a kept connection is closed')
    },

    async pieces() {
        const begin = now()
        const connection = new Connection().send(post('/aggregate', 'x'.repeat(50)).slice(0, -20))
        await answersAfter(connection, begin, 408, 300, 'a body that stops')
    },

    async body() {
        const begin = now()
        const connection = new Connection().send(post('/aggregate', 'x'.repeat(10000)).slice(0, -9999))
        const drip = setInterval(() => connection.send('x'), 50)
        await answersAfter(connection, begin, 408, 600, 'a body that drips')
        clearInterval(drip)
    },

    // Answers of some 400 KB each, of which the kernel takes some 10 MB and the client nothing.
    async write() {
        const source = { name: 'n'.repeat(128), delay_ms: 0 }
        const request = post('/aggregate', JSON.stringify({ mode: 'join', sources: Array(1000).fill(source) }))
        const one = await exchange(request)
        check(one.status === 200 && one.size > 300000, 'one is answered', `${one.status} ${one.size}`)
        const begin = now()
        const connection = new Connection()
        connection.socket.pause()
        for (let i = 0; i < 100; i++) connection.send(request)
        await endsAfter(connection, begin, 500, 'a client that takes nothing is closed')
        check(connection.ended === 'reset', 'by a reset, so that the kernel keeps nothing', connection.ended)
    },

    // Some four kilobytes in 0.8 s, for more than three deadlines, and then the rest.  The server's kernel tells it of room
    // in steps of some 30 KB, more than a deadline apart: such a client used to be reset.
    async slowly() {
        const sources = Array(1000).fill({ name: 'n'.repeat(128), delay_ms: 0 })
        const connection = new Connection()
        const begin = now()
        let most = 0
        connection.socket.on('data', (text) => {
            most = Math.max(most, text.length)
            if (now() - begin > 7000) return
            connection.socket.pause()
            setTimeout(() => connection.socket.resume(), 800)
        })
        connection.send(post('/aggregate', JSON.stringify({ mode: 'join', sources })))
        const response = await connection.response({ ms: 60000 })
        check(response?.status === 200 && JSON.parse(response.body).results.length === 1000,
            'a client that reads slowly gets all of its answer', `${connection.ended}, ${connection.received.length} bytes`)
        check(now() - begin > 7000 && most < 8192, 'it was slow', `${now() - begin} ms, ${most} bytes at a time`)
        connection.close()
    },

    async request() {
        const begin = now()
        await answersAfter(new Connection().send(sleep(60000)), begin, 504, 300, 'work that is too long')
    },
}

main(checks[args[0]])
