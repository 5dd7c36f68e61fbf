// client.mjs - what the node clients of the end-to-end tests share: raw connections and verdicts.
//
// Usage of a client: node CLIENT PORT CLIENT [ARG...].  It prints 'ok CLAIM' or 'FAIL CLAIM: seen' per
// check and exits with 0; tests/e2e/common counts the lines.  Bytes go out and come in as they are
// (latin1), because most of what is tried here no HTTP library would send.  Every wait has a deadline.
// WOK_E2E_TRANSPORT says what the bytes travel over: tcp (the default) or tls, whose certificate is not
// looked at.
import net from 'node:net'
import tls from 'node:tls'

export const port = Number(process.argv[2])
export const args = process.argv.slice(4)
// Sanitizers make the server about ten times slower.
export const slow = process.env.WOK_SANITIZE || process.env.WOK_E2E_SLOW ? 8 : 1

const transports = {
    tcp: (tcp) => tcp,
    tls: (tcp) => tls.connect({ socket: tcp, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }),
}
export const transport = process.env.WOK_E2E_TRANSPORT || 'tcp'
if (!(transport in transports)) throw new Error(`WOK_E2E_TRANSPORT=${transport}: neither tcp nor tls`)

export function check(good, claim, seen = '') {
    const detail = typeof seen === 'string' ? seen : JSON.stringify(seen)
    console.log(good ? `ok   ${claim}` : `FAIL ${claim}: ${JSON.stringify(detail.slice(0, 500))}`)
    return good
}

export const now = () => Number(process.hrtime.bigint() / 1000n) / 1000 // milliseconds

export function withDeadline(promise, ms, what) {
    let timer
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms)
    })
    return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

// Tries until `probe` gives something true, or the time is over; then gives what it gave last.
export async function eventually(probe, ms) {
    const until = now() + ms * slow
    for (;;) {
        const seen = await probe()
        if (seen || now() > until) return seen
        await new Promise((resolve) => setTimeout(resolve, 10))
    }
}

// One raw connection.  `ended` is 'fin' or 'reset' once the server is done with it.
export class Connection {
    constructor() {
        this.received = ''
        this.ended = ''
        this.waiters = []
        this.tcp = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
        this.socket = transports[transport](this.tcp)
        this.socket.setEncoding('latin1')
        this.socket.on('data', (text) => this.#note(() => (this.received += text)))
        this.socket.on('end', () => this.#note(() => (this.ended ||= 'fin')))
        this.socket.on('error', ({ code }) =>
            this.#note(() => (this.ended ||= code === 'ECONNREFUSED' ? 'refused' : 'reset')))
        this.socket.on('close', () => this.#note(() => (this.ended ||= 'fin')))
    }

    #note(change) {
        change()
        this.waiters.forEach((look) => look())
    }

    // Resolves when `found` is true of this connection, rejects at the deadline.
    until(found, what, ms = 10000) {
        const wait = new Promise((resolve) => {
            const look = () => {
                if (!found(this)) return
                this.waiters = this.waiters.filter((other) => other !== look)
                resolve(this)
            }
            this.waiters.push(look)
            look()
        })
        return withDeadline(wait, ms * slow, what)
    }

    send(bytes) {
        this.socket.write(bytes, 'latin1')
        return this
    }

    halfClose() {
        this.socket.end()
        return this
    }

    reset() {
        this.tcp.resetAndDestroy()
    }

    close() {
        this.socket.destroy()
    }

    // The next whole responses, cut off from what was received.
    async responses(count, { head = false, ms = 10000 } = {}) {
        const list = []
        while (list.length < count) {
            const what = `response ${list.length + 1} of ${count}`
            await this.until((c) => c.ended || parse(c.received, head), what, ms)
            const response = parse(this.received, head)
            if (!response) break
            this.received = this.received.slice(response.size)
            list.push(response)
        }
        return list
    }

    async response(options) {
        return (await this.responses(1, options))[0]
    }
}

// The response at the start of `text`, or undefined while it is not complete.
export function parse(text, isHead = false) {
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const [line, ...lines] = text.slice(0, end).split('\r\n')
    const match = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(line)
    if (!match) throw new Error(`no status line: ${JSON.stringify(line)}`)
    const status = Number(match[1])
    const headers = {}
    for (const each of lines) {
        const colon = each.indexOf(':')
        headers[each.slice(0, colon).toLowerCase()] = each.slice(colon + 1).trim()
    }
    const bodyless = isHead || status < 200 || status === 204 || status === 304
    if (headers['transfer-encoding'] === 'chunked') {
        const whole = bodyless ? { body: '', size: 0 } : chunks(text.slice(end + 4))
        if (!whole) return undefined
        const bytes = Buffer.from(whole.body, 'latin1')
        return { status, headers, bytes, body: bytes.toString(), size: end + 4 + whole.size }
    }
    const length = bodyless ? 0 : Number(headers['content-length'])
    if (Number.isNaN(length)) throw new Error(`no Content-Length: ${JSON.stringify(text.slice(0, 300))}`)
    const size = end + 4 + length
    if (text.length < size) return undefined
    const bytes = Buffer.from(text.slice(end + 4, size), 'latin1')
    return { status, headers, bytes, body: bytes.toString(), size }
}

// The chunks at the start of `text`, read strictly: their content, and their size with the framing; or undefined.
export function chunks(text) {
    let at = 0, body = ''
    for (;;) {
        const line = text.indexOf('\r\n', at)
        if (line < 0) return undefined
        const digits = text.slice(at, line)
        if (!/^(0|[1-9a-f][0-9a-f]*)$/.test(digits)) throw new Error(`no size of a chunk: ${JSON.stringify(digits)}`)
        const size = parseInt(digits, 16), end = line + 2 + size
        if (text.length < end + 2) return undefined
        if (text.slice(end, end + 2) !== '\r\n') throw new Error('no end of a chunk')
        body += text.slice(line + 2, end)
        at = end + 2
        if (size === 0) return { body, size: at }
    }
}

// Sends bytes on a new connection and gives the first response; undefined if there was none.
export async function exchange(bytes, options) {
    const connection = new Connection()
    connection.send(bytes)
    const response = await connection.response(options)
    connection.close()
    return response
}

export const get = (path, ...lines) =>
    `GET ${path} HTTP/1.1\r\nHost: h\r\n${lines.map((line) => line + '\r\n').join('')}\r\n`

export const post = (path, body, ...lines) =>
    `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n` +
    `${lines.map((line) => line + '\r\n').join('')}\r\n${body}`

export async function figures() {
    return JSON.parse((await exchange(get('/runtime'))).body)
}

// True for a problem document of this status (RFC 9457).
export function isProblem(response, status = response?.status) {
    try {
        const it = JSON.parse(response.body)
        return (
            response.status === status &&
            response.headers['content-type'] === 'application/problem+json' &&
            response.body.endsWith('}\n') &&
            it.status === status &&
            it.detail.length > 10
        )
    } catch {
        return false
    }
}

// Runs the client's checks; a wait that came to nothing is a failure.
export async function main(checks) {
    try {
        await checks()
    } catch (error) {
        check(false, 'the client came to its end', error.stack)
    }
    process.exit(0)
}
