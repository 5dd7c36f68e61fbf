// flow.mjs - what takes several steps: Expect, pipelines, half-closes, splits, and clients that go on
// sending.  Each step is a case of its own, and ends with a probe like all others.
import { Connection, check, eventually, exchange, figures, get, isProblem, now, post, slow } from '../client.mjs'
import { chunk, chunked, head, host, json, marked, send } from './bytes.mjs'

const statuses = (answers) => answers.map((each) => each?.status).join()

// The connection still answers a request by that request's answer, and says nothing else.
async function goesOn(connection) {
    const answer = await connection.send(marked('probe')).response()
    return answer?.status === 200 && answer.headers['x-request-id'] === 'probe' && connection.received === ''
}

// It is closed, without a reset, and what was sent last was not answered.
async function isClosed(connection, code = 'fin') {
    await connection.until((c) => c.ended, 'the close')
    return connection.ended === code && connection.received === ''
}

// ---- Expect -------------------------------------------------------------------------------------

const expecting = (...lines) => send('Expect: 100-continue', ...lines)
const sized = `Content-Length: ${json.length}`

// Asks for permission, gets it, sends the body.
async function permitted(begin, body) {
    const connection = new Connection().send(begin)
    const go = await connection.response()
    const answer = await connection.send(body).response()
    const good = go?.status === 100 && answer?.status === 200 && await goesOn(connection)
    connection.close()
    return good || { go, answer }
}

// Everything in one go: no 100 is needed, one before the answer is allowed.
async function atOnce(bytes, ...wanted) {
    const connection = new Connection().send(bytes)
    const answers = []
    while (answers.length < wanted.length) {
        const answer = await connection.response()
        if (answer?.status !== 100) answers.push(answer)
    }
    const good = statuses(answers) === wanted.join() && await goesOn(connection)
    connection.close()
    return good || answers
}

// The answer comes without a 100, which would have come at once: behind the head if there is a body.
async function unasked(begin, body, wanted) {
    const connection = new Connection().send(begin)
    if (body !== '') {
        await new Promise((resolve) => setTimeout(resolve, 50))
        connection.send(body)
    }
    const answer = await connection.response()
    const good = answer?.status === wanted && await goesOn(connection)
    connection.close()
    return good || answer
}

// No 100, but this; then the close.
async function turnedAway(begin, status, head = false) {
    const connection = new Connection().send(begin)
    const answer = await connection.response({ head })
    connection.send(marked('smuggled'))
    const good = answer?.status === status && answer.headers.connection === 'close' && await isClosed(connection)
    connection.close()
    return good || answer
}

const expectations = {
    'a client that waits is told to go on': () => permitted(expecting(sized), json),
    'a client that waits to send chunks is told to go on': () =>
        permitted(expecting('Transfer-Encoding: chunked'), chunk(json) + '0\r\n\r\n'),
    '100-CONTINUE': () => permitted(send('Expect: 100-CONTINUE', sized), json),
    '100-continue in a list': () => permitted(send('Expect: , 100-continue\t,', sized), json),
    '100-continue twice': () => permitted(expecting('Expect: 100-continue', sized), json),
    'a client that waits behind another request': async () => {
        const connection = new Connection().send(get('/sleep?ms=50') + expecting(sized))
        const seen = await connection.responses(2)
        connection.send(json)
        seen.push(await connection.response())
        const good = statuses(seen) === '200,100,200' && await goesOn(connection)
        connection.close()
        return good || seen
    },
    'a client that does not wait': () => atOnce(expecting(sized) + json, 200),
    'a client that does not wait, with chunks': () => atOnce(expecting('Transfer-Encoding: chunked') + chunk(json) + '0\r\n\r\n', 200),
    'a client that does not wait, with a request behind': () => atOnce(expecting(sized) + json + head(), 200, 200),
    'no 100 without a body': () => unasked(head('Expect: 100-continue'), '', 200),
    'no 100 for an empty body': () => unasked(head('Expect: 100-continue', 'Content-Length: 0'), '', 200),
    'no 100 to 1.0': () => unasked('POST /aggregate HTTP/1.0\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n' +
        `Expect: 100-continue\r\n${sized}\r\n\r\n`, json, 200),
    '413 in place of 100': () => turnedAway(expecting('Content-Length: 2000000'), 413),
    '404 in place of 100': () => turnedAway(`POST /nope HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`, 404),
    '405 in place of 100': () => turnedAway(`POST /healthz HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`, 405),
    '400 for the target in place of 100': () =>
        turnedAway(`POST /%zz HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`, 400),
    '400 for the Host in place of 100': () =>
        turnedAway('POST /aggregate HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n', 400),
    '501 in place of 100': () => turnedAway(expecting('Transfer-Encoding: gzip'), 501),
    '417': () => turnedAway(send('Expect: miracles', sized), 417),
    '417 with 100-continue beside it': () => turnedAway(expecting('Expect: miracles', sized), 417),
    '417 without a body': () => turnedAway(head('Expect: 200-ok'), 417),
    '417 for 100-continue with more': () => turnedAway(send('Expect: 100-continue;x', sized), 417),
    '404 for a body that is there keeps the connection': () =>
        atOnce(`POST /nope HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`, 404),
}

// ---- pipelines ----------------------------------------------------------------------------------

// All of `requests` in one write: their answers, in their order.
async function inOrder(requests, wanted) {
    const connection = new Connection().send(requests.join(''))
    const answers = await connection.responses(wanted.length)
    const good = statuses(answers) === wanted.join() && await goesOn(connection)
    connection.close()
    return good || answers
}

const ids = (count, path) => Array.from({ length: count }, (_, i) => get(path, `X-Request-Id: r${i}`))

async function inOrderOfIds(count, path) {
    const connection = new Connection().send(ids(count, path).join(''))
    const answers = await connection.responses(count)
    const good = answers.every((answer, i) => answer.status === 200 && answer.headers['x-request-id'] === `r${i}`) &&
        await goesOn(connection)
    connection.close()
    return good || answers.map((a) => a.headers['x-request-id'])
}

const pipelines = {
    'errors, panics and answers in their order': () => inOrder(
        [head(), get('/panic'), get('/nope'), get('/%zz'), post('/aggregate', '{'), post('/aggregate', json), get('/panic'), head()],
        [200, 500, 404, 400, 400, 200, 500, 200]),
    'a slow one first': () => inOrder([get('/sleep?ms=100'), head(), get('/sleep?ms=20'), get('/nope'), head()],
        [200, 200, 200, 404, 200]),
    'sized and chunked bodies': () => inOrder([post('/aggregate', json), chunked(chunk(json), '0\r\n\r\n'), head(),
        chunked(chunk(json), '0\r\nX: y\r\n\r\n'), post('/aggregate', json)], [200, 200, 200, 200, 200]),
    'they run at the same time': async () => {
        const begin = now()
        const good = await inOrder(Array(10).fill(get('/sleep?ms=100')), Array(10).fill(200))
        return good === true && now() - begin < 500 * slow || `took ${now() - begin} ms`
    },
    'a thousand answers in their order': () => inOrderOfIds(1000, '/healthz'),
    'more than may run at once': () => inOrderOfIds(40, '/sleep?ms=5'),
    'a hundred thousand in one go': async () => {
        const count = slow > 1 ? 10000 : 100000
        const connection = new Connection()
        const request = marked('x')
        for (let i = 0; i < count / 1000; i++) connection.send(request.repeat(1000))
        let seen = 0
        const answer = /HTTP\/1\.1 200 OK\r\n[^]*?X-Request-Id: x\r\n\r\nok\n/g
        connection.send(marked('probe'))
        const take = (c) => {
            // Whole answers are counted and cut off; a part of one stays.
            const cut = c.received.lastIndexOf('HTTP/1.1 ')
            if (cut > 0) {
                seen += c.received.slice(0, cut).match(answer)?.length ?? 0
                c.received = c.received.slice(cut)
            }
            return c.ended || (seen >= count && c.received.endsWith('probe\r\n\r\nok\n'))
        }
        await connection.until(take, `${count} answers`, 30000)
        connection.close()
        return (seen === count && connection.ended === '') || `${seen} answers, ${connection.ended}`
    },
    'nothing is answered behind Connection: close': async () => {
        const connection = new Connection().send(get('/sleep?ms=30') + head('Connection: close') + marked('smuggled').repeat(50))
        const answers = await connection.responses(2)
        const good = statuses(answers) === '200,200' && answers[1].headers.connection === 'close' && await isClosed(connection)
        connection.close()
        return good || answers
    },
    'nothing is answered behind a malformed request': async () => {
        const connection = new Connection().send(get('/sleep?ms=30') + head() + 'GET / HTTP/9.9\r\n\r\n' + marked('smuggled').repeat(50))
        const answers = await connection.responses(3)
        const good = statuses(answers) === '200,200,505' && answers[2].headers.connection === 'close' && await isClosed(connection)
        connection.close()
        return good || answers
    },
    'a body that breaks off in the middle of a pipeline': async () => {
        const connection = new Connection().send(head() + chunked(chunk(json), 'x\r\n') + marked('smuggled'))
        const answers = await connection.responses(2)
        const good = statuses(answers) === '200,400' && await isClosed(connection)
        connection.close()
        return good || answers
    },
}

// ---- half-closes --------------------------------------------------------------------------------

async function halfClosed(bytes, wanted, { optional = false } = {}) {
    const connection = new Connection().send(bytes).halfClose()
    await connection.until((c) => c.ended, 'the close')
    const answers = []
    for (let next; (next = await connection.response()) !== undefined;) if (next.status !== 102) answers.push(next)
    const closed = connection.ended === 'fin' && connection.received === ''
    return closed && (statuses(answers) === wanted.join() || (optional && answers.length === 0)) || { answers, end: connection.ended }
}

const body = send('Content-Length: 50') + '{}'

const halfCloses = {
    'a request': () => halfClosed(head(), [200]),
    'a request that takes a while': () => halfClosed(get('/sleep?ms=200'), [200]),
    'a pipeline': () => halfClosed(get('/sleep?ms=200') + get('/nope') + head().repeat(30), [200, 404, ...Array(30).fill(200)]),
    'a request of 1.0': () => halfClosed('GET /sleep?ms=200 HTTP/1.0\r\n\r\n', [200]),
    'nothing': () => halfClosed('', []),
    'blank lines': () => halfClosed('\r\n\r\n', []),
    'half a method': () => halfClosed('GE', [400], { optional: true }),
    'half a request line': () => halfClosed('GET / HTTP/1.', [400], { optional: true }),
    'half a header': () => halfClosed('GET /healthz HTTP/1.1\r\nHos', [400], { optional: true }),
    'a head without its empty line': () => halfClosed(`GET /healthz HTTP/1.1\r\n${host}`, [400], { optional: true }),
    'half a body': () => halfClosed(body, [400], { optional: true }),
    'half a chunk size': () => halfClosed(chunked('1'), [400], { optional: true }),
    'half a chunk': () => halfClosed(chunked('1c\r\n{'), [400], { optional: true }),
    'chunks without the last': () => halfClosed(chunked(chunk(json)), [400], { optional: true }),
    'a last chunk without its empty line': () => halfClosed(chunked(chunk(json), '0\r\n'), [400], { optional: true }),
    'half a trailer': () => halfClosed(chunked(chunk(json), '0\r\nX: '), [400], { optional: true }),
    'half a request behind a whole one': () => halfClosed(head() + body, [200, 400]),
}

// ---- splits -------------------------------------------------------------------------------------

// [what, bytes, the statuses, whether the connection goes on]
const representative = [
    ['a GET', head('X: y'), [200], true],
    ['a blank line and a HEAD behind', '\r\n' + head('Connection: x,\tkeep-alive'), [200], true],
    ['a body with a length', send(sized) + json, [200], true],
    ['chunks with extensions and trailers', chunked(chunk(json.slice(0, 9), '9;a="b"'), chunk(json.slice(9)), '0;z\r\nX: y\r\n\r\n'), [200], true],
    ['a pipeline', head() + chunked(chunk(json), '0\r\n\r\n') + get('/%zz'), [200, 200, 400], true],
    ['Connection: close', head('Connection: close'), [200], false],
    ['a folded header', head('X: a\r\n b'), [400], false],
    ['a version', `GET / HTTP/2.0\r\n${host}\r\n`, [505], false],
    ['a chunk that is too long', chunked('3\r\nhello\r\n0\r\n\r\n'), [400], false],
]

// In two pieces, with a pause that lets the server read the first; the cut moves over every byte.
async function cutInTwo(bytes, wanted, kept) {
    const cuts = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)
    const failures = []
    const tryOne = async (at) => {
        const connection = new Connection()
        await new Promise((done) => connection.socket.write(bytes.slice(0, at), 'latin1', done))
        await new Promise((resolve) => setTimeout(resolve, 2))
        connection.send(bytes.slice(at) + (kept ? '' : marked('smuggled')))
        const answers = await connection.responses(wanted.length)
        const good = statuses(answers) === wanted.join() && await (kept ? goesOn(connection) : isClosed(connection))
        connection.close()
        if (!good) failures.push(at)
    }
    while (cuts.length) await Promise.all(cuts.splice(0, 50).map(tryOne))
    return failures.length === 0 || `cut at ${failures}`
}

// Each byte leaves on its own: the writes are awaited, and Nagle is off.
async function byteByByte(bytes, wanted, kept) {
    const connection = new Connection()
    for (const byte of bytes) await new Promise((done) => connection.socket.write(byte, 'latin1', done))
    const answers = await connection.responses(wanted.length)
    const good = statuses(answers) === wanted.join() && await (kept ? goesOn(connection) : isClosed(connection))
    connection.close()
    return good || answers
}

const splits = Object.fromEntries(representative.flatMap(([what, bytes, wanted, kept]) => [
    [`${what}, cut at each byte`, () => cutInTwo(bytes, wanted, kept)],
    [`${what}, byte by byte`, () => byteByByte(bytes, wanted, kept)],
]))

// ---- clients that go on -------------------------------------------------------------------------

// Refused, and the client goes on with megabytes before it reads: the answer survives.
async function goesOnSending(begin, status, megabytes) {
    const connection = new Connection()
    connection.socket.pause()
    connection.send(begin)
    const part = ' '.repeat(1 << 16)
    for (let i = 0; i < megabytes * 16; i++) {
        if (!await new Promise((done) => connection.socket.write(part, 'latin1', (error) => done(!error)))) break
    }
    connection.socket.resume()
    const answer = await connection.response()
    const good = answer?.status === status && isProblem(answer) && await isClosed(connection)
    connection.close()
    return good || { answer, end: connection.ended }
}

const lingering = {
    'a body that is too large': () => goesOnSending(send('Content-Length: 16777216'), 413, 8),
    'chunks that are too large': () => goesOnSending(chunked('1000000\r\n'), 413, 8),
    'a head that is too large': () => goesOnSending(`GET / HTTP/1.1\r\n${host}X: `, 431, 2),
    'a malformed head': () => goesOnSending(head('X : y'), 400, 8),
    'a client that never reads': async () => {
        const connection = new Connection()
        connection.socket.pause()
        const flood = get('/version').repeat(1000)
        const until = now() + 3000 * slow
        while (connection.socket.writableLength < 4e6 && now() < until) {
            connection.send(flood)
            await new Promise(setImmediate)
        }
        const { server } = await figures()
        connection.reset()
        return server.requests_running <= 17 && (await exchange(head()))?.status === 200 || server
    },
    'a client that never reads and is refused': async () => {
        const connection = new Connection()
        connection.socket.pause()
        connection.send(get('/nope').repeat(20000) + 'x\r\n\r\n')
        const alive = (await exchange(head()))?.status === 200
        connection.socket.resume()
        const answers = await connection.responses(20001)
        const good = alive && answers.slice(0, 20000).every((a) => a.status === 404) && answers[20000]?.status === 400 &&
            await isClosed(connection)
        connection.close()
        return good || `${answers.length} answers`
    },
}

export const steps = Object.entries({ 'Expect': expectations, 'pipelined': pipelines, 'half-closed': halfCloses, 'split': splits,
    'goes on': lingering }).flatMap(([group, list]) => Object.entries(list).map(([what, run]) => ({ what: `${group}: ${what}`, run })))
