// bytes.mjs - what the cases of HTTP/1 are made of: pieces of requests, and the three kinds of cases.
//
//   refused(what, bytes, statuses)  malformed: one problem document, Connection: close, the close, and
//                                   nothing that came behind is taken for a request
//   kept(what, bytes, ...answers)   well framed: these answers, and the connection goes on
//   last(what, bytes, ...answers)   well framed: these answers, and the connection is closed
//
// An answer is a status, or { status, head, text, connection, header } where more is to be said: it
// answers a HEAD, its body holds the text, its Connection says so, it has this header.
import { get } from '../client.mjs'

export const host = 'Host: h\r\n'
export const json = '{"sources": [{"name": "a"}]}'

// The head of a GET, of a POST; of a POST the type of its body as well.
export const head = (...lines) =>
    `GET /healthz HTTP/1.1\r\n${host}${lines.map((line) => line + '\r\n').join('')}\r\n`
export const send = (...lines) => `POST /aggregate HTTP/1.1\r\n${host}Content-Type: application/json\r\n` +
    lines.map((line) => line + '\r\n').join('') + '\r\n'
export const line = (text, lines = host) => `${text}\r\n${lines}\r\n`

export const chunked = (...parts) => send('Transfer-Encoding: chunked') + parts.join('')
export const chunk = (text, size = text.length.toString(16)) => `${size}\r\n${text}\r\n`
export const many = (count) => Array.from({ length: count }, (_, i) => `X-${i}: ${i}`)

// A request that can be told from all others, by its answer.
export const marked = (id, ...lines) => get('/healthz', `X-Request-Id: ${id}`, ...lines)

export const refused = (what, bytes, statuses, about = {}) =>
    ({ kind: 'refused', what, bytes, statuses: [statuses].flat(), ...about })
export const kept = (what, bytes, ...answers) => ({ kind: 'kept', what, bytes, answers: answers.map(full) })
export const last = (what, bytes, ...answers) => ({ kind: 'last', what, bytes, answers: answers.map(full) })

function full(answer) {
    return typeof answer === 'number' ? { status: answer } : answer
}
