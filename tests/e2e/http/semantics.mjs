// semantics.mjs - Connection, targets, methods, HEAD, Upgrade, 1.0, and limits at their edges.
import { chunk, chunked, head, host, json, kept, last, line, many, refused, send } from './bytes.mjs'

const close = { status: 200, connection: 'close' }
const announced = { status: 200, connection: 'keep-alive' }
const old = (...lines) => `GET /healthz HTTP/1.0\r\n${lines.map((each) => each + '\r\n').join('')}\r\n`
const oldPost = (...lines) => `POST /aggregate HTTP/1.0\r\nContent-Type: application/json\r\n` +
    lines.map((each) => each + '\r\n').join('') + '\r\n'

export const connection = [
    last('Connection: close', head('Connection: close'), close),
    last('Connection: CLOSE', head('CONNECTION: CLOSE'), close),
    last('close with a tab in front', head('Connection: \tclose'), close),
    last('close with a tab behind', head('Connection: close\t'), close),
    last('close among others', head('Connection: x, close, y'), close),
    last('close among others, with tabs', head('Connection: x,\tclose\t, y'), close),
    last('close behind keep-alive', head('Connection: keep-alive, close'), close),
    last('close before keep-alive', head('Connection: close, keep-alive'), close),
    last('close behind empty members', head('Connection: ,, ,close'), close),
    last('close behind upgrade', head('Connection: Upgrade, close', 'Upgrade: h2c'), close),
    last('close on a second line', head('Connection: x', 'Connection: close'), close),
    last('close on a first line', head('Connection: close', 'Connection: keep-alive'), close),
    last('close behind a body', send('Connection: close', `Content-Length: ${json.length}`) + json, close),
    last('close behind a chunked body', send('Connection: close', 'Transfer-Encoding: chunked') + chunk(json) + '0\r\n\r\n', close),
    last('close with a request that is refused', `GET /%zz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
        { status: 400, connection: 'close' }),
    last('close with a panic', `GET /panic HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, { status: 500, connection: 'close' }),
    last('close behind another request', head() + head('Connection: close'), { status: 200, connection: undefined }, close),
    kept('keep-alive is not announced to 1.1', head('Connection: keep-alive'), { status: 200, connection: undefined }),
    ...['', 'x', 'closed', 'xclose', 'close-x', 'clo se', '"close"', 'close;q=1', 'close=1', 'TE, x'].map((value) =>
        kept(`Connection: ${value}`, head(`Connection: ${value}`), 200)),
    kept('an upgrade to h2c', head('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'), 200),
    kept('an upgrade to WebSocket', head('Connection: upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'), 200),
    kept('an upgrade with a body', send('Connection: upgrade', 'Upgrade: h2c', `Content-Length: ${json.length}`) + json, 200),
    kept('an upgrade with a chunked body', send('Connection: upgrade', 'Upgrade: h2c', 'Transfer-Encoding: chunked') +
        chunk(json) + '0\r\n\r\n', 200),
    kept('an upgrade that nothing connects', head('Upgrade: h2c'), 200),

    last('1.0', old(), close),
    last('1.0 with close', old('Connection: close'), close),
    last('1.0 with keep-alive and close', old('Connection: keep-alive, close'), close),
    last('1.0 with keep-alive and close on two lines', old('Connection: keep-alive', 'Connection: close'), close),
    last('1.0 with something else', old('Connection: x'), close),
    last('1.0 with a body and no length', oldPost(), { status: 400, connection: 'close' }),
    last('1.0 for nobody', 'GET /nope HTTP/1.0\r\n\r\n', { status: 404, connection: 'close' }),
    last('1.0 behind 1.1', head() + old(), 200, close),
    kept('1.0 with keep-alive', old('Connection: keep-alive'), announced),
    kept('1.0 with Keep-Alive', old('Connection: Keep-Alive'), announced),
    kept('1.0 with keep-alive among others', old('Connection: x,\tkeep-alive\t'), announced),
    kept('1.0 with keep-alive on a second line', old('Connection: x', 'Connection: keep-alive'), announced),
    kept('1.0 with keep-alive and a body', oldPost('Connection: keep-alive', `Content-Length: ${json.length}`) + json, announced),
    kept('1.0 with keep-alive for nobody', 'GET /nope HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
        { status: 404, connection: 'keep-alive' }),
    kept('1.0 with an unknown expectation', old('Connection: keep-alive', 'Expect: miracles'), announced),
]

const target = (text, ...answers) => kept(`target ${JSON.stringify(text)}`, line(`GET ${text} HTTP/1.1`), ...answers)
const badTarget = (text) => refused(`target ${JSON.stringify(text)}`, line(`GET ${text} HTTP/1.1`), 400)
const names = (text) => ({ status: 404, text })

export const targets = [
    ...['h', 'h:80', '?', '#', '\\healthz', 'healthz', '/\x01', '/\x1f', '/\x7f', '/\x80', '/\xc3\xa9', '/a\0b', '://h/', 'http//h', '@h'].map(badTarget),
    ...['/healthz?', '/healthz?x=1', '/healthz?%20', '/%68ealthz', '/%68%65%61%6C%74%68%7a', 'http://h/healthz', 'HTTP://h/healthz',
        'https://h/healthz', 'http://h:8080/healthz?x', 'http://[::1]:80/healthz', 'http://other.example/healthz',
    ].map((text) => target(text, { status: 200, text: 'ok\n' })),
    ...['/%', '/%4', '/%zz', '/%4g', '/%g4', '/healthz%', '/healthz%00', '/%00', '/healthz?a=%', '/healthz?%00', '/healthz?a=%zz',
        '/.', '/..', '/./healthz', '/a/../healthz', '/a/..', '/%2e%2e/healthz', '/a/%2E./healthz', '/a/.%2e', '/../../etc/passwd',
        '/healthz#', '/healthz#x', '/healthz?a#b', 'http://h/healthz#x', 'http:///healthz', 'http://:80/', 'http://u@h/healthz',
        'http://h:99999/', 'http://h:x/', 'http://h/../healthz', 'ftp://h/healthz', 'http://', 'http://h,g/', '*',
    ].map((text) => target(text, 400)),
    target('/healthz/', names('/healthz/')), target('//healthz', names('//healthz')), target('/HEALTHZ', names('/HEALTHZ')),
    target('/healthz%2F', names('/healthz%2F')), target('/healthz%3Fx', names('/healthz%3Fx')), target('/...', names('/...')),
    target('/%2e%2e%2fhealthz', names('/..%2Fhealthz')), target('/a;b', names('/a;b')), target('/%25', names('/%25')),
    target('http://h', 200), target('http://h?x', 200),
    target('/aggregate?source=a%20b:0', { status: 200, text: 'a b' }), target('/aggregate?source=a+b:0', { status: 200, text: 'a b' }),
    target('/aggregate?nonsense=1', { status: 400, text: 'nonsense' }),
    kept('an absolute target on 1.0', 'GET http://h/healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 200),
    kept('"*" for POST', line('POST * HTTP/1.1'), 400),
    kept('"*" for OPTIONS with more', line('OPTIONS *x HTTP/1.1'), 400),
    kept('OPTIONS *', line('OPTIONS * HTTP/1.1'), { status: 204, header: ['allow', 'GET, HEAD, POST, DELETE, OPTIONS'] }),
]

const headOf = (path, status = 200) =>
    kept(`HEAD ${path}`, line(`HEAD ${path} HTTP/1.1`), { status, head: true, length: line(`GET ${path} HTTP/1.1`) })
const lacks = (name, path = '/healthz', allow = 'GET, HEAD, OPTIONS') =>
    kept(`${name} ${path}`, line(`${name} ${path} HTTP/1.1`), { status: 405, header: ['allow', allow] })

export const methods = [
    ...['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'PURGE', 'M-SEARCH'].map((name) => lacks(name)),
    lacks('PUT', '/aggregate', 'GET, HEAD, POST, OPTIONS'), lacks('DELETE', '/', 'GET, HEAD, OPTIONS'),
    kept('TRACE tells nothing back', line('TRACE /healthz HTTP/1.1', host + 'Cookie: secret\r\n'), { status: 405, lacks: 'secret' }),
    kept('POST for nobody', line('POST /nope HTTP/1.1'), 404),
    kept('OPTIONS /healthz', line('OPTIONS /healthz HTTP/1.1'), { status: 204, header: ['allow', 'GET, HEAD, OPTIONS'] }),
    kept('OPTIONS /aggregate', line('OPTIONS /aggregate HTTP/1.1'), { status: 204, header: ['allow', 'GET, HEAD, POST, OPTIONS'] }),
    kept('OPTIONS with a body', line('OPTIONS /healthz HTTP/1.1', host + 'Content-Length: 5\r\n') + 'hello', 204),
    kept('OPTIONS for nobody', line('OPTIONS /nope HTTP/1.1'), 404),

    ...['/', '/healthz', '/readyz', '/version', '/aggregate?source=a:0', '/fetch?source=a', '/sleep?ms=0'].map((path) => headOf(path)),
    headOf('/nope', 404), headOf('/panic', 500), headOf('/%zz', 400), headOf('/aggregate?x=1', 400), headOf('/fetch?source=a&outcome=error', 502),
    kept('HEAD /runtime', line('HEAD /runtime HTTP/1.1'), { status: 200, head: true }),
    kept('HEAD with a body', line('HEAD /healthz HTTP/1.1', host + 'Content-Length: 5\r\n') + 'hello', { status: 200, head: true }),
    kept('HEAD of 1.0', 'HEAD /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', { status: 200, head: true, connection: 'keep-alive' }),
    kept('HEAD between others', head() + line('HEAD /version HTTP/1.1') + head(), 200, { status: 200, head: true }, 200),
    last('HEAD with Connection: close', line('HEAD /healthz HTTP/1.1', host + 'Connection: close\r\n'),
        { status: 200, head: true, connection: 'close' }),
    last('HEAD of 1.0 without keep-alive', 'HEAD /nope HTTP/1.0\r\n\r\n', { status: 404, head: true, connection: 'close' }),
    refused('HEAD without a Host', 'HEAD /healthz HTTP/1.1\r\n\r\n', 400, { head: true }),
    refused('HEAD with a bad header', line('HEAD /healthz HTTP/1.1', host + 'X : y\r\n'), 400, { head: true }),
    refused('HEAD of 2.0', line('HEAD /healthz HTTP/2.0'), 505, { head: true }),
    refused('HEAD with a target that is too long', line(`HEAD /${'a'.repeat(9000)} HTTP/1.1`), 414, { head: true }),
    refused('HEAD with an unknown expectation', line('HEAD / HTTP/1.1', host + 'Expect: x\r\n'), 417, { head: true }),
    refused('HEAD with chunks that are none', line('HEAD / HTTP/1.1', host + 'Transfer-Encoding: chunked\r\n') + 'x\r\n', 400, { head: true }),
    refused('a method that begins with HEAD', line('HEADER / HTTP/1.1'), 501),
]

// A head of this many bytes in all, by one long value.
function headOfSize(size) {
    const rest = head('X: ').length
    return head('X: ' + 'a'.repeat(size - rest))
}
const targetOfSize = (size) => '/' + 'a'.repeat(size - 1)
const MiB = 1 << 20
const sized = (size) => send(`Content-Length: ${size}`) + ' '.repeat(size - json.length) + json
const extended = (size) => chunk(json, '1c;' + 'x'.repeat(size - 1))
const trailers = (size) => `0\r\nX: ${'y'.repeat(size - 5)}\r\n\r\n`
const piece = chunk(' '.repeat(65536))

export const limits = [
    kept('a target of 8,192 bytes', line(`GET ${targetOfSize(8192)} HTTP/1.1`), 404),
    refused('a target of 8,193 bytes', line(`GET ${targetOfSize(8193)} HTTP/1.1`), 414),
    refused('a target without end', 'GET ' + targetOfSize(200000), 414),
    kept('a query up to 8,192 bytes', line(`GET /healthz?${'a'.repeat(8183)} HTTP/1.1`), 200),
    refused('a query beyond 8,192 bytes', line(`GET /healthz?${'a'.repeat(8184)} HTTP/1.1`), 414),
    kept('a head of 32,768 bytes', headOfSize(32768), 200),
    refused('a head of 32,769 bytes', headOfSize(32769), 431),
    kept('a head of 32,768 bytes behind a blank line', '\r\n' + headOfSize(32768), 200),
    refused('a value without end', `GET / HTTP/1.1\r\n${host}X: ${'a'.repeat(200000)}`, 431),
    refused('blanks without end in front of a value', `GET / HTTP/1.1\r\n${host}X:${' '.repeat(200000)}`, 431),
    refused('a name without end', `GET / HTTP/1.1\r\n${host}${'a'.repeat(200000)}`, 431),
    refused('spaces without end behind the target', `GET /${' '.repeat(200000)}`, [400, 431]),
    kept('100 headers', head(...many(99)), 200),
    refused('101 headers', head(...many(100)), 431),
    refused('thousands of headers', head(...many(5000)), 431),
    kept('a body of 1 MiB', sized(MiB), 200),
    refused('a body of 1 MiB and a byte', send(`Content-Length: ${MiB + 1}`), 413),
    refused('a body of 1 MiB and a byte that is there', sized(MiB + 1), 413),
    kept('chunks of 1 MiB', chunked(...Array(15).fill(piece), chunk(' '.repeat(65536 - json.length) + json), '0\r\n\r\n'), 200),
    refused('chunks of 1 MiB and a byte', chunked(...Array(16).fill(piece), '1\r\n'), 413),
    refused('a chunk of 1 MiB and a byte', chunked('100001\r\n'), 413),
    kept('4,096 bytes of chunk extensions', chunked(extended(4096), '0\r\n\r\n'), 200),
    refused('4,097 bytes of chunk extensions', chunked(extended(4097), '0\r\n\r\n'), 400),
    refused('chunk extensions that add up', chunked(...Array(300).fill('1;abcdefghijklmnop\r\nx\r\n')), 400),
    refused('a chunk extension without end', chunked('1;' + 'a'.repeat(100000)), 400),
    refused('zeros without end in a chunk size', chunked('0'.repeat(100000)), 400),
    kept('4,096 bytes of trailers', chunked(chunk(json), trailers(4096)), 200),
    refused('4,097 bytes of trailers', chunked(chunk(json), trailers(4097)), 400),
    refused('trailers without end', chunked(chunk(json), '0\r\n' + 'X: y\r\n'.repeat(20000)), 400),
    kept('65,536 chunks', chunked(chunk(' ').repeat(65536 - json.length), ...[...json].map((c) => chunk(c)), '0\r\n\r\n'), 200),
    refused('65,537 chunks', chunked(chunk(' ').repeat(65537), '0\r\n\r\n'), 400),
]
