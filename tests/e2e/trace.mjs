// trace.mjs - every answer has an id, whatever the request is.
import { Connection, check, exchange, get, main } from './client.mjs'

const made = /^[0-9a-f]{24}$/

async function idOf(bytes) {
    const response = await exchange(bytes)
    return response?.headers['x-request-id']
}

await main(async () => {
    const seen = new Set()
    const refused = {
        'no version': 'GET /healthz\r\n\r\n',
        'another version': 'GET /healthz HTTP/3.0\r\n\r\n',
        noise: '\x16\x03\x01\x02\x00\r\n\r\n',
        'an unknown method': 'BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n',
        'no Host': 'GET /healthz HTTP/1.1\r\n\r\n',
        'a long target': get('/' + 'x'.repeat(9000)),
        'a large head': get('/healthz', 'A: ' + 'x'.repeat(40000)),
        'two lengths': 'POST /aggregate HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
        'a large body': 'POST /aggregate HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n',
        'a bad escape': get('/%zz'),
    }
    for (const [what, bytes] of Object.entries(refused)) {
        const id = await idOf(bytes)
        check(made.test(id) && !seen.has(id), `a new id where the request is refused: ${what}`, String(id))
        seen.add(id)
    }
    const sane = { short: 'a', long: 'x'.repeat(128), punctuation: '!"#$%&/()=?[]{}~' }
    for (const [what, id] of Object.entries(sane))
        check((await idOf(get('/healthz', `X-Request-Id: ${id}`))) === id, `the client's id is kept: ${what}`)
    const others = { empty: '', 'too long': 'x'.repeat(129), 'with a blank': 'a b', 'not ASCII': 'a\xe4b' }
    for (const [what, id] of Object.entries(others)) {
        const answered = await idOf(get('/healthz', `X-Request-Id: ${id}`))
        check(made.test(answered), `the client's id is replaced: ${what}`, String(answered))
    }
    const connection = new Connection()
    connection.send([...Array(300).keys()].map((n) => get(`/healthz?n=${n}`)).join(''))
    const list = await connection.responses(300)
    check(new Set(list.map((it) => it.headers['x-request-id'])).size === 300, '300 pipelined requests have 300 ids')
    connection.close()
})
