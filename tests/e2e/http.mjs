// http.mjs - bytes as they come from clients, proxies, slips and attackers, and what is answered.
//
// A refused message gets a problem document and a close: where the next request begins is not known.
// A message that is well framed keeps its connection, whatever is wrong with its content.  After each
// case the server is asked, on the same connection or on a new one, whether it is still there.
import { Connection, check, eventually, exchange, figures, get, isProblem, main, now, post, slow }
    from './client.mjs'

const host = 'Host: h\r\n'
const head = (...lines) => `GET /healthz HTTP/1.1\r\n${host}${lines.map((l) => l + '\r\n').join('')}\r\n`
const send = (...lines) => `POST /aggregate HTTP/1.1\r\n${host}Content-Type: application/json\r\n` +
    lines.map((line) => line + '\r\n').join('') + '\r\n'
const json = '{"sources": [{"name": "a"}]}'
const chunked = (...parts) => send('Transfer-Encoding: chunked') + parts.join('')
const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`
const many = (count) => Array.from({ length: count }, (_, i) => `X-${i}: ${i}`)

// Messages after which the connection has to close: [what, bytes, the statuses that may be answered].
const refused = [
    ['noise', 'hello\r\n\r\n', [400, 501]],
    ['a TLS client', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03', [400]],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505, 501]],
    ['a lower-case method', `get / HTTP/1.1\r\n${host}\r\n`, [400, 501]],
    ['an unknown method', `BREW / HTTP/1.1\r\n${host}\r\n`, [501]],
    ['an endless method', 'A'.repeat(100) + ` / HTTP/1.1\r\n${host}\r\n`, [400, 501]],
    ['CONNECT', `CONNECT h:1 HTTP/1.1\r\n${host}\r\n`, [400, 501, 405]],
    ['no target', `GET HTTP/1.1\r\n${host}\r\n`, [400]],
    ['two spaces before the target', `GET  / HTTP/1.1\r\n${host}\r\n`, [400]],
    ['two spaces after the target', `GET /  HTTP/1.1\r\n${host}\r\n`, [400]],
    ['a space in front', ` GET / HTTP/1.1\r\n${host}\r\n`, [400]],
    ['a tab for a space', `GET\t/ HTTP/1.1\r\n${host}\r\n`, [400, 501]],
    ['a control byte in the target', `GET /\x01 HTTP/1.1\r\n${host}\r\n`, [400]],
    ['a byte above 127 in the target', `GET /\xe9 HTTP/1.1\r\n${host}\r\n`, [400]],
    ['HTTP/0.9', 'GET /\r\n\r\n', [400, 505]],
    ['HTTP/1.2', `GET / HTTP/1.2\r\n${host}\r\n`, [505]],
    ['HTTP/2.0', `GET / HTTP/2.0\r\n${host}\r\n`, [505]],
    ['HTTP/1.10', `GET / HTTP/1.10\r\n${host}\r\n`, [400, 505]],
    ['http/1.1 in lower case', `GET / http/1.1\r\n${host}\r\n`, [400]],
    ['RTSP', `GET / RTSP/1.0\r\n${host}\r\n`, [400, 505]],
    ['a LF behind the version', `GET / HTTP/1.1\n${host}\r\n`, [400]],
    ['a LF behind a header', `GET / HTTP/1.1\r\nHost: h\n\r\n`, [400]],
    ['a LF for the empty line', `GET / HTTP/1.1\r\n${host}\n`, [400]],
    ['a CR alone in a value', head('X: a\rb'), [400]],
    ['a CR alone for a line end', `GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n`, [400]],
    ['a NUL in a value', head('X: a\0b'), [400]],
    ['a control byte in a value', head('X: a\x02b'), [400]],
    ['a space before the colon', head('X : a'), [400]],
    ['a space in a name', head('X Y: a'), [400]],
    ['a bracket in a name', head('X[1]: a'), [400]],
    ['no name', head(': a'), [400]],
    ['no colon', head('nothing'), [400]],
    ['a folded value', head('X: a\r\n b'), [400]],
    ['a folded empty value', head('X:\r\n b'), [400]],
    ['a header that starts with a space', `GET / HTTP/1.1\r\n Host: h\r\n\r\n`, [400]],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', [400]],
    ['two Hosts', head('Host: h'), [400]],
    ['two Hosts on 1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n', [400]],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: h/x\r\n\r\n', [400]],
    ['a Host with a user', 'GET / HTTP/1.1\r\nHost: u@h\r\n\r\n', [400]],
    ['a list of Hosts', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', [400]],
    ['a Host with a bad port', 'GET / HTTP/1.1\r\nHost: h:99999\r\n\r\n', [400]],
    ['Content-Length and Transfer-Encoding', send('Content-Length: 5', 'Transfer-Encoding: chunked') +
        '0\r\n\r\n', [400]],
    ['Transfer-Encoding and Content-Length', send('Transfer-Encoding: chunked', 'Content-Length: 5') +
        '0\r\n\r\n', [400]],
    ['two different Content-Lengths', send('Content-Length: 5', 'Content-Length: 6') + 'hello', [400]],
    ['two equal Content-Lengths', send('Content-Length: 5', 'Content-Length: 5') + 'hello', [400]],
    ['a list of Content-Lengths', send('Content-Length: 5, 5') + 'hello', [400]],
    ['a negative Content-Length', send('Content-Length: -5'), [400]],
    ['a signed Content-Length', send('Content-Length: +5') + 'hello', [400]],
    ['a hexadecimal Content-Length', send('Content-Length: 0x5') + 'hello', [400]],
    ['an empty Content-Length', send('Content-Length: '), [400]],
    ['a Content-Length beyond 64 bits', send('Content-Length: 99999999999999999999999'), [400, 413]],
    ['a Content-Length over the limit', send('Content-Length: 1048577'), [413]],
    ['an empty Transfer-Encoding', send('Transfer-Encoding: '), [400]],
    ['an unknown coding', send('Transfer-Encoding: gzip'), [400, 501]],
    ['gzip, then chunked', send('Transfer-Encoding: gzip, chunked') + '0\r\n\r\n', [501]],
    ['chunked, then gzip', send('Transfer-Encoding: chunked, gzip') + '0\r\n\r\n', [400, 501]],
    ['chunked twice', send('Transfer-Encoding: chunked, chunked') + '0\r\n\r\n', [400]],
    ['two Transfer-Encodings', send('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') +
        '0\r\n\r\n', [400]],
    ['a coding with a vertical tab', send('Transfer-Encoding: \x0bchunked') + '0\r\n\r\n', [400]],
    ['Transfer-Encoding on 1.0', 'POST /aggregate HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        [400]],
    ['a chunk size that is no number', chunked('g\r\n'), [400]],
    ['a negative chunk size', chunked('-1\r\n'), [400]],
    ['a chunk size with 0x', chunked('0x5\r\nhello\r\n0\r\n\r\n'), [400]],
    ['a chunk size that overflows', chunked('fffffffffffffffff\r\n'), [400]],
    ['a chunk size over the limit', chunked('100001\r\n'), [413]],
    ['a chunk size with a LF', chunked('5\nhello\r\n0\r\n\r\n'), [400]],
    ['a chunk that is longer than it says', chunked('3\r\nhello\r\n0\r\n\r\n'), [400]],
    ['a chunk that ends with a LF', chunked('5\r\nhello\n0\r\n\r\n'), [400]],
    ['a folded trailer', chunked(chunk(json), '0\r\nX: a\r\n b\r\n\r\n'), [400]],
    ['a malformed trailer', chunked(chunk(json), '0\r\nX y\r\n\r\n'), [400]],
    ['a target that is too long', get('/' + 'a'.repeat(9000)), [414]],
    ['headers that are too large', head('X: ' + 'a'.repeat(40000)), [431]],
    ['a header name that is too large', head('a'.repeat(40000) + ': x'), [431]],
    ['too many headers', head(...many(101)), [431]],
    ['thousands of headers', head(...many(5000)), [431]],
    ['chunk extensions that are too long', chunked(`5;${'a'.repeat(5000)}\r\n`), [400]],
    ['chunk extensions that add up', chunked(...Array(300).fill('1;abcdefghijklmnop\r\nx\r\n')), [400]],
    ['trailers that are too long', chunked(chunk(json), '0\r\n', `X: ${'a'.repeat(5000)}\r\n\r\n`), [400]],
    ['a body that grows over the limit', chunked(...Array(17).fill(chunk(' '.repeat(65536)))), [413]],
    ['blank lines without end', '\r\n'.repeat(5000) + head(), [400]],
    ['an unknown expectation', send('Expect: miracles', 'Content-Length: 5') + 'hello', [417]],
]

// Well framed messages: the connection goes on.  [what, bytes, the statuses, in order]
const kept = [
    ['a blank line in front', '\r\n' + head(), [200]],
    ['a header without a value', head('X:'), [200]],
    ['spaces and tabs around a value', head('X: \t a \t '), [200]],
    ['a hundred headers', head(...many(99)), [200]],
    ['a target of 8,000 bytes', get('/' + 'a'.repeat(7999)), [404]],
    ['a target with a host', `GET http://h/healthz HTTP/1.1\r\n${host}\r\n`, [200]],
    ['a Host with a port', 'GET /healthz HTTP/1.1\r\nHost: h:8080\r\n\r\n', [200]],
    ['a Host that is an address', 'GET /healthz HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n', [200]],
    ['an empty Host', 'GET /healthz HTTP/1.1\r\nHost:\r\n\r\n', [200]],
    ['"*" with GET', `GET * HTTP/1.1\r\n${host}\r\n`, [400]],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${host}\r\n`, [204]],
    ['a fragment', get('/healthz#x'), [400]],
    ['dot segments', get('/a/../healthz'), [400]],
    ['escaped dot segments', get('/a/%2e%2e/healthz'), [400]],
    ['a bad escape', get('/%zz'), [400]],
    ['an escaped NUL', get('/healthz%00'), [400]],
    ['an escaped letter', get('/%68ealthz'), [200]],
    ['a query on a route without parameters', get('/healthz?x=1'), [200]],
    ['GET with a body', `GET /healthz HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`, [200]],
    ['an upgrade that is not taken', head('Connection: Upgrade', 'Upgrade: h2c'), [200]],
    ['a body with a Content-Length', post('/aggregate', json), [200]],
    ['a Content-Length with leading zeros', send('Content-Length: 00028') + json, [200]],
    ['a body that is refused', post('/aggregate', '{"nonsense": 1}') + head(), [400, 200]],
    ['a panic', get('/panic') + head(), [500, 200]],
    ['a body in one chunk', chunked(chunk(json), '0\r\n\r\n'), [200]],
    ['a body in chunks of one byte', chunked(...[...json].map(chunk), '0\r\n\r\n'), [200]],
    ['chunks with extensions and trailers', chunked(`1c;a="b";c=d\r\n${json}\r\n`, '0;z\r\nX: y\r\n\r\n'),
        [200]],
    ['a chunk size with zeros', chunked(`0001C\r\n${json}\r\n`, '000\r\n\r\n'), [200]],
    ['a body of 1 MiB', post('/aggregate', ' '.repeat(1048576 - json.length) + json), [200]],
    ['Transfer-Encoding in capitals', send('Transfer-Encoding: CHUNKED') + chunk(json) + '0\r\n\r\n', [200]],
    ['Connection: keep-alive on 1.0', 'GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', [200]],
    ['three at once', head() + get('/nope') + head(), [200, 404, 200]],
    ['two chunked bodies in a row', chunked(chunk(json), '0\r\n\r\n').repeat(2), [200, 200]],
]

// Well framed messages after which the server closes.
const last = [
    ['Connection: close', head('Connection: close'), 200],
    ['close among others, with a tab', head('Connection: x,\tclose\t, y'), 200],
    ['close on a second line', head('Connection: x', 'Connection: CLOSE'), 200],
    ['HTTP/1.0', 'GET /healthz HTTP/1.0\r\n\r\n', 200],
    ['HTTP/1.0 with a Host', `GET /healthz HTTP/1.0\r\n${host}\r\n`, 200],
]

async function isAlive() {
    return (await exchange(head()))?.status === 200
}

async function tryRefused([what, bytes, statuses]) {
    const connection = new Connection().send(bytes)
    const response = await connection.response()
    const ends = await connection.until((c) => c.ended, 'the close').then((c) => c.ended, () => 'open')
    check(statuses.includes(response?.status) && isProblem(response) && ends === 'fin',
        `${what}: ${statuses.join(' or ')}, and a close`, { ends, response })
    check(response?.headers.connection === 'close' && connection.received === '',
        `${what}: the close is announced, and nothing follows`, connection.received)
    connection.close()
    check(await isAlive(), `${what}: others are served`)
}

async function tryKept([what, bytes, statuses]) {
    const connection = new Connection().send(bytes)
    const responses = await connection.responses(statuses.length)
    const seen = responses.map((response) => response.status)
    check(seen.join() === statuses.join(), `${what}: ${statuses.join(', ')}`, { seen, responses })
    const probe = await connection.send(head()).response()
    check(probe?.status === 200, `${what}: the connection goes on`, connection.ended)
    connection.close()
}

async function tryLast([what, bytes, status]) {
    const connection = new Connection().send(bytes + head())
    const response = await connection.response()
    await connection.until((c) => c.ended, 'the close')
    check(response?.status === status && response.headers.connection === 'close' &&
        connection.ended === 'fin' && connection.received === '',
        `${what}: is the last on its connection`, { response, rest: connection.received })
    connection.close()
    check(await isAlive(), `${what}: others are served`)
}

// ---- more than one step ---------------------------------------------------------------------------

async function pipelining() {
    const connection = new Connection()
    connection.send(get('/sleep?ms=200') + head() + get('/sleep?ms=100') + get('/nope') + head())
    const begin = now()
    const answers = await connection.responses(5)
    const took = now() - begin
    check(answers.map((a) => a.status).join() === '200,200,200,404,200' &&
        answers[0].body.includes('"asked_ms": 200') && answers[2].body.includes('"asked_ms": 100'),
        'pipelined: the answers come in the order of the requests, a slow one first', answers)
    check(took < 300 * slow, 'pipelined: they run at the same time', `took ${took} ms`)

    const count = 2000
    connection.send(head(`X-Request-Id: first`) + head().repeat(count - 2) + head('X-Request-Id: last'))
    const all = await connection.responses(count)
    check(all.length === count && all.every((answer) => answer.status === 200) &&
        all[0].headers['x-request-id'] === 'first' && all[count - 1].headers['x-request-id'] === 'last',
        `pipelined: ${count} in one go are all answered`, `${all.length}`)

    connection.send(Array.from({ length: 40 }, (_, i) => get('/sleep?ms=20', `X-Request-Id: r${i}`)).join(''))
    const slept = await connection.responses(40)
    check(slept.every((answer, i) => answer.headers['x-request-id'] === `r${i}`),
        'pipelined: more than may run at once wait their turn', slept.map((a) => a.headers['x-request-id']))
    connection.close()

    const mixed = new Connection().send(head() + 'GET / HTTP/9.9\r\n\r\n' + head())
    const two = await mixed.responses(2)
    await mixed.until((c) => c.ended, 'the close')
    check(two.map((a) => a.status).join() === '200,505' && mixed.received === '',
        'pipelined: what comes before a malformed request is answered, what comes after is not', two)
    mixed.close()
}

async function splits() {
    const text = post('/aggregate', json) + chunked(chunk(json), '0\r\nX: y\r\n\r\n') + head()
    const connection = new Connection()
    // Each byte leaves on its own: the writes are awaited, and Nagle is off.
    for (const byte of text) await new Promise((done) => connection.socket.write(byte, 'latin1', done))
    const answers = await connection.responses(3)
    check(answers.map((a) => a.status).join() === '200,200,200', 'requests that come byte by byte', answers)
    connection.close()
}

async function halfClose() {
    const connection = new Connection().send(head()).halfClose()
    const response = await connection.response()
    await connection.until((c) => c.ended, 'the close')
    check(response?.status === 200 && connection.ended === 'fin', 'a half-closed client gets its answer')

    const waiting = new Connection().send(get('/sleep?ms=300') + get('/sleep?ms=10')).halfClose()
    const answers = (await waiting.responses(3)).filter((answer) => answer.status !== 102)
    const rest = answers.length < 2 ? await waiting.responses(2 - answers.length) : []
    check([...answers, ...rest].map((a) => a.status).join() === '200,200',
        'a half-closed client gets the answers to all that it asked', answers)

    const cut = new Connection().send(send('Content-Length: 50') + '{}').halfClose()
    const refusal = await cut.response()
    check(refusal === undefined || refusal.status === 400, 'a body that is cut off is never run', refusal)
    const half = new Connection().send('GET /healthz HTTP/1.1\r\nHos').halfClose()
    const answer = await half.response()
    check(answer === undefined || answer.status === 400, 'a head that is cut off is never run', answer)
    const empty = new Connection().halfClose()
    await empty.until((c) => c.ended, 'the close')
    check(empty.received === '', 'a connection without a request is closed without an answer', empty.received)
    check(await isAlive(), 'half-closed clients: others are served')
}

async function expectContinue() {
    const begin = send('Expect: 100-continue', `Content-Length: ${json.length}`)
    const connection = new Connection().send(begin)
    const go = await connection.response()
    check(go?.status === 100, 'Expect: 100-continue is told to go on', go)
    const response = await connection.send(json).response()
    check(response?.status === 200, 'Expect: 100-continue: the body is read', response)

    const atOnce = await connection.send(begin + json).response()
    check(atOnce?.status === 200, 'Expect: 100-continue with its body at once needs no 100', atOnce)
    connection.send(head('Expect: 100-continue'))
    check((await connection.response())?.status === 200, 'Expect: 100-continue without a body is ignored')
    connection.close()

    const large = await exchange(send('Expect: 100-continue', 'Content-Length: 2000000'))
    check(large?.status === 413, 'Expect: 100-continue with a body too large is refused at once', large)
    const old = await exchange('POST /aggregate HTTP/1.0\r\nContent-Type: application/json\r\n' +
        `Expect: 100-continue\r\nContent-Length: ${json.length}\r\n\r\n${json}`)
    check(old?.status === 200, 'HTTP/1.0 is sent no 100', old)
}

async function heads() {
    for (const path of ['/healthz', '/version', '/aggregate?source=a:0', '/nope']) {
        const connection = new Connection().send(`HEAD ${path} HTTP/1.1\r\n${host}\r\n`)
        const answer = await connection.response({ head: true })
        connection.send(head())
        const next = await connection.response()
        check(answer.status === (path === '/nope' ? 404 : 200) && Number(answer.headers['content-length']) > 0 &&
            next?.status === 200, `HEAD ${path} has a length and no body`, { answer, next })
        connection.close()
    }
    const answer = await exchange('GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    check(answer.headers.connection === 'keep-alive', 'HTTP/1.0 is told that the connection is kept', answer)
    const none = await exchange(`OPTIONS /healthz HTTP/1.1\r\n${host}\r\n`)
    check(none.status === 204 && none.headers['content-length'] === undefined &&
        none.headers['transfer-encoding'] === undefined, '204 has neither a body nor a length', none)
}

// A client that sends and never reads: the server stops reading too, and frees all at the close.
async function neverReads() {
    const connection = new Connection()
    connection.socket.pause()
    const flood = get('/version').repeat(1000)
    const until = now() + 3000 * slow
    while (connection.socket.writableLength < 4e6 && now() < until) {
        connection.send(flood)
        await new Promise(setImmediate)
    }
    check(await isAlive(), 'a client that never reads: others are served')
    const { server } = await figures()
    check(server.requests_running <= 17, 'a client that never reads does not pile up requests', server)
    connection.reset()
}

await main(async () => {
    const before = await figures()
    for (const each of refused) await tryRefused(each)
    for (const each of kept) await tryKept(each)
    for (const each of last) await tryLast(each)
    for (const step of [pipelining, splits, halfClose, expectContinue, heads, neverReads]) {
        await step().catch((error) => check(false, `${step.name} comes to its end`, error.stack))
    }
    let after
    const settled = await eventually(async () => {
        after = await figures()
        return after.tasks.live === before.tasks.live && after.server.connections_open === 1
    }, 5000)
    check(settled, 'no task and no connection is left over', { before: before.tasks, after: after.tasks,
        open: after.server.connections_open })
})
