// tls.mjs - what a TLS client may ask for, what it is refused, and what half a handshake costs others.
//
//   node tls.mjs PORT tls.mjs CLEAR_PORT HANDSHAKE_MS
import net from 'node:net'
import tls from 'node:tls'
import { args, check, eventually, main, now, port, slow, withDeadline } from './client.mjs'

const [clearPort, handshakeMs] = args.map(Number)
const oneRequest = (path, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

// Connects and goes as far as it can: what was agreed on, or the error; `socket` stays open.
function handshake(options = {}) {
    return withDeadline(new Promise((resolve) => {
        const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
        const seen = { socket, text: '', sessions: [] }
        socket.setEncoding('latin1')
        socket.on('session', (session) => seen.sessions.push(session))
        socket.on('data', (text) => (seen.text += text))
        socket.on('end', () => (seen.ended = 'fin'))
        socket.on('secureConnect', () => resolve(Object.assign(seen, { protocol: socket.getProtocol(),
            alpn: socket.alpnProtocol, name: socket.getPeerCertificate().subject?.CN,
            cipher: socket.getCipher().name, resumed: socket.isSessionReused() })))
        socket.on('error', (error) => resolve(Object.assign(seen, { error: error.code, ended: 'error' })))
        socket.on('close', () => resolve(Object.assign(seen, { error: seen.error ?? 'closed' })))
    }), 10000 * slow, 'a handshake')
}

async function ask(seen, path = '/healthz', more = '') {
    seen.text = ''
    seen.socket.write(oneRequest(path, more))
    await eventually(() => /\r\n\r\n[^]*\n$/.test(seen.text) || seen.ended, 10000)
    return seen.text
}

async function once(options, path) {
    const seen = await handshake(options)
    if (!seen.error) await ask(seen, path)
    seen.socket.destroy()
    return seen
}

const isOk = (text) => text.startsWith('HTTP/1.1 200 OK\r\n')

// A raw connection to the encrypted port, and how it ended.
function raw(bytes) {
    const started = now()
    const seen = { text: '' }
    seen.socket = net.connect({ port, host: '127.0.0.1' }, () => bytes && seen.socket.write(bytes, 'latin1'))
    seen.socket.setEncoding('latin1')
    seen.socket.on('data', (text) => (seen.text += text))
    seen.socket.on('error', () => {})
    seen.closed = new Promise((resolve) => seen.socket.on('close', () => resolve(Object.assign(seen, { ms: now() - started }))))
    return seen
}

// The first bytes that a client sends.
function hello() {
    return new Promise((resolve) => {
        const server = net.createServer((socket) => socket.once('data', (bytes) => {
            resolve(bytes.toString('latin1'))
            socket.destroy()
            server.close()
        }))
        server.listen(0, '127.0.0.1', () => {
            tls.connect({ port: server.address().port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {})
        })
    })
}

// The server's figures, asked in clear.
async function figures() {
    const answer = await fetch(`http://127.0.0.1:${clearPort}/runtime`, { headers: { Connection: 'close' } })
    return answer.json()
}
const nobodyIsLeft = () => eventually(async () => (await figures()).server.connections_open <= 1, 10000)

async function agreements() {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
        const seen = await once({ minVersion: version, maxVersion: version })
        check(seen.protocol === version && isOk(seen.text), `${version} is spoken`, { ...seen, socket: 0 })
        check(/GCM|CHACHA20/.test(seen.cipher), `${version}: with authenticated encryption`, seen.cipher)
    }
    for (const version of ['TLSv1', 'TLSv1.1']) {
        const seen = await once({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' })
        check(/ALERT_PROTOCOL_VERSION/.test(seen.error), `${version} is refused with an alert`, seen.error)
    }
    for (const cipher of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256', 'AES256-SHA', 'DHE-RSA-AES128-GCM-SHA256']) {
        const seen = await once({ maxVersion: 'TLSv1.2', ciphers: `${cipher}:@SECLEVEL=0` })
        check(/HANDSHAKE_FAILURE/.test(seen.error), `${cipher} is refused`, seen.error)
    }
    const both = await once({ ALPNProtocols: ['h2', 'http/1.1'] })
    check(both.alpn === 'http/1.1' && isOk(both.text), 'of h2 and http/1.1 it takes http/1.1', both.alpn)
    const h2 = await once({ ALPNProtocols: ['h2'] })
    check(/NO_APPLICATION_PROTOCOL/.test(h2.error), 'h2 alone is refused with an alert', h2.error)
    for (const [host, name] of [['one.example', 'one'], ['two.example', 'two'], ['other.example', 'one'], ['', 'one']]) {
        const seen = await once({ servername: host })
        check(seen.name === name && isOk(seen.text), `to '${host}' it shows the certificate ${name}`, seen.name)
    }
}

async function resumption() {
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
        for (const servername of ['one.example', 'two.example']) {
            const options = { minVersion: version, maxVersion: version, servername }
            const first = await once(options)
            const second = await once({ ...options, session: first.sessions.at(-1) })
            check(!first.resumed && second.resumed && isOk(second.text), `${version}, ${servername}: a session is resumed`,
                { tickets: first.sessions.length, resumed: second.resumed })
        }
    }
}

async function ends() {
    const seen = await handshake()
    await ask(seen, '/healthz', 'Connection: close\r\n')
    await eventually(() => seen.ended, 5000)
    check(isOk(seen.text) && seen.ended === 'fin', 'it ends with a close_notify: no error at the client', seen.ended)
    seen.socket.destroy()

    const half = await handshake({ allowHalfOpen: true })
    half.socket.end(oneRequest('/sleep?ms=300'))
    await eventually(() => half.ended, 5000)
    check(half.text.includes('"slept_ms"'), 'a client that has ended its direction gets its answer', half.text)
    half.socket.destroy()
}

async function strangers() {
    const plain = await raw(oneRequest('/healthz')).closed
    check(plain.text.startsWith('HTTP/1.1 400 ') && plain.text.includes('https://'), 'a request in clear is told why it is refused', plain.text)
    const garbage = Array.from({ length: 200 }, (_, i) => {
        const bytes = Buffer.from(Array.from({ length: 1 + i }, (_, at) => (i * 7919 + at * 104729) % 251))
        return raw((i % 2 ? '\x16\x03\x01\x00\x20' : '') + bytes.toString('latin1')).closed
    })
    const texts = (await Promise.all(garbage)).map((each) => each.text)
    check(texts.every((text) => text.length <= 7 || /^HTTP\/1.1 400 /.test(text)), 'garbage is answered with an alert at most', texts)
    check(isOk((await once()).text), 'after garbage others are served')
}

async function deadlines(first) {
    const bound = handshakeMs + 700 * slow
    for (const [bytes, what] of [['', 'a silent client'], [first.slice(0, 60), 'half a ClientHello'], [first, 'a ClientHello and no more']]) {
        const seen = await raw(bytes).closed
        check(seen.ms >= handshakeMs - 5 && seen.ms < bound, `${what} is closed at the deadline`, `${seen.ms} ms`)
    }
}

async function halfOpen(first) {
    const open = Array.from({ length: 300 }, (_, i) => raw(first.slice(0, [0, 100, first.length][i % 3])))
    await eventually(async () => (await figures()).server.connections_open >= 300, 5000)
    const times = []
    for (let i = 0; i < 20; i++) {
        const began = now()
        const seen = await once()
        times.push(now() - began)
        if (!isOk(seen.text)) times.push(Infinity)
    }
    times.sort((a, b) => a - b)
    check(times[10] < 500 * slow, `behind 300 half-open handshakes others are served: median ${times[10].toFixed(1)} ms`, times)
    await Promise.all(open.map((each) => each.closed))
    check(await nobodyIsLeft(), 'the 300 are gone after their deadline')
}

async function resets(first) {
    for (let round = 0; round < 10; round++) {
        const open = Array.from({ length: 50 }, (_, i) => raw(first.slice(0, (i * first.length) / 49)))
        await new Promise((resolve) => setTimeout(resolve, round * 2))
        open.forEach(({ socket }) => socket.resetAndDestroy())
        await Promise.all(open.map((each) => each.closed))
    }
    check(await nobodyIsLeft(), '500 resets in the handshake leave no connection')
    check(isOk((await once()).text), 'after the resets others are served')
}

await main(async () => {
    const first = await hello()
    const before = await figures()
    await agreements()
    await resumption()
    await ends()
    await strangers()
    await deadlines(first)
    await halfOpen(first)
    await resets(first)
    const settled = await eventually(async () => (await figures()).tasks.live <= before.tasks.live, 10000)
    check(settled, 'no task is left over', { before: before.tasks, after: (await figures()).tasks })
})
