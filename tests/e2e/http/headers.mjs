// headers.mjs - header lines: their characters, their ends, folding; and Host.
import { head, host, kept, last, line, many, refused, send } from './bytes.mjs'

const hex = (text) => [...text].map((c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join(' ')
const badHost = (value) => refused(`Host ${JSON.stringify(value)}`, `GET /healthz HTTP/1.1\r\nHost: ${value}\r\n\r\n`, 400)
const goodHost = (value) => kept(`Host ${JSON.stringify(value)}`, `GET /healthz HTTP/1.1\r\nHost: ${value}\r\n\r\n`, 200)

export const headers = [
    ...[...'\0\x01\x07\x08\x0b\x0c\x0e\x1b\x1f\x7f'].map((c) =>
        refused(`byte ${hex(c)} in a value`, head(`X: a${c}b`), 400)),
    ...[...'\0\x01\x0b\x7f\x80\xff"(),/;<=>?@[\\]{}'].map((c) =>
        refused(`byte ${hex(c)} in a name`, head(`X${c}Y: a`), 400)),
    refused('a space before the colon', head('X : a'), 400),
    refused('a tab before the colon', head('X\t: a'), 400),
    refused('a space before the colon of Content-Length', send('Content-Length : 5') + 'hello', 400),
    refused('a space before the colon of Transfer-Encoding', send('Transfer-Encoding : chunked') + '0\r\n\r\n', 400),
    refused('a space in a name', head('X Y: a'), 400),
    refused('no name', head(': a'), 400),
    refused('a colon alone', head(':'), 400),
    refused('no colon', head('nothing'), 400),
    refused('no colon in the last line', `GET / HTTP/1.1\r\n${host}nothing\r\n`, 400),
    refused('a method where a header is due', `GET / HTTP/1.1\r\nGET / HTTP/1.1\r\n${host}\r\n`, 400),

    refused('a value folded with a space', head('X: a\r\n b'), 400),
    refused('a value folded with a tab', head('X: a\r\n\tb'), 400),
    refused('an empty value that is folded', head('X:\r\n b'), 400),
    refused('a value folded into nothing', head('X: a\r\n '), 400),
    refused('an empty value folded into nothing', head('X: \r\n \t'), 400),
    refused('a value folded twice', head('X: a\r\n b\r\n c'), 400),
    refused('a folded Host', line('GET / HTTP/1.1', 'Host:\r\n h\r\n'), 400),
    refused('a folded Content-Length', send('Content-Length:\r\n 5') + 'hello', 400),
    refused('a Content-Length folded behind its number', send('Content-Length: 5\r\n 0') + 'hello', 400),
    refused('a folded Transfer-Encoding', send('Transfer-Encoding:\r\n chunked') + '0\r\n\r\n', [400, 501]),
    refused('a Transfer-Encoding folded behind its token', send('Transfer-Encoding: chunked\r\n , x') + '0\r\n\r\n', [400, 501]),
    refused('a folded Connection', head('Connection: x,\r\n close'), 400),
    refused('a header folded behind the request line', `GET / HTTP/1.1\r\n ${host}\r\n`, 400),
    refused('a tab behind the request line', `GET / HTTP/1.1\r\n\t${host}\r\n`, 400),
    refused('a space for the empty line', `GET / HTTP/1.1\r\n${host} \r\n\r\n`, 400),

    refused('a LF behind a header', 'GET / HTTP/1.1\r\nHost: h\n\r\n', 400),
    refused('a LF behind the last header', head('X: y\n'), 400),
    refused('a LF in a value', head('X: a\nY: b'), 400),
    refused('a LF in a name', head('X\nY: b'), 400),
    refused('a LF for the empty line', `GET / HTTP/1.1\r\n${host}\n`, 400),
    refused('LFs alone', 'GET / HTTP/1.1\nHost: h\n\n', 400),
    refused('a CR alone in a value', head('X: a\rb'), 400),
    refused('a CR in front of a value', head('X:\ra'), 400),
    refused('a CR behind a value', head('X: a\r'), 400),
    refused('a CR in a name', head('X\rY: b'), 400),
    refused('a CR alone for a line end', 'GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n', 400),
    refused('a CR that hides a Transfer-Encoding', head('X: a\rTransfer-Encoding: chunked'), 400),
    refused('a CR behind an empty value that hides a Transfer-Encoding', head('X:\rTransfer-Encoding: chunked'), 400),
    refused('a CR for the empty line', `GET / HTTP/1.1\r\n${host}\rX`, 400),
    refused('CR, CR, LF for the empty line', `GET / HTTP/1.1\r\n${host}\r\r\n`, 400),
    refused('LF, CR for a line end', 'GET / HTTP/1.1\r\nHost: h\n\rX: y\r\n\r\n', 400),

    kept('a header without a value', head('X:'), 200),
    kept('a value of blanks', head('X: \t \t '), 200),
    kept('spaces and tabs around a value', head('X: \t a \t '), 200),
    kept('no space behind the colon', head('X:a'), 200),
    kept('a colon in a value', head('X: a:b:c'), 200),
    kept('all bytes that a value may hold',
        head(`X: ${Array.from({ length: 256 }, (_, i) => i).filter((i) => i === 9 || (i >= 32 && i !== 127))
            .map((i) => String.fromCharCode(i)).join('')}x`), 200),
    kept('all characters that a name may hold', head("!#$%&'*+-.^_`|~09azAZ: x"), 200),
    kept('a quoted value', head('X: "a\\"b, c"'), 200),
    kept('the same header twice', head('X: a', 'X: b'), 200),
    kept('a name of 200 bytes', head('a'.repeat(200) + ': x'), 200),
    kept('a hundred headers', head(...many(99)), 200),
    // Each of them looks like a header that would frame a body.
    ...['Content_Length: 40', 'Content-Length_: 40', 'ContentLength: 40', 'X-Content-Length: 40',
        'Transfer_Encoding: chunked', 'Transfer-Encodings: chunked', 'X-Transfer-Encoding: chunked',
        'TE: chunked', 'Content-Encoding: chunked', 'Trailer: X', 'Content-Range: bytes 0-4/5',
        'Keep-Alive: timeout=1, max=1', 'Proxy-Connection: close', 'X-HTTP-Method-Override: DELETE',
    ].map((each) => kept(`"${each}" frames nothing`, head(each), { status: 200, text: 'ok\n' })),

    kept('an id of the client', head('X-Request-Id: a-1'), { status: 200, header: ['x-request-id', 'a-1'] }),
    kept('an id that is none', head('X-Request-Id: a b'), { status: 200, header: ['x-request-id', /^[0-9a-f]+$/] }),
    kept('an id above 127', head('X-Request-Id: \xe9'), { status: 200, header: ['x-request-id', /^[0-9a-f]+$/] }),
    kept('an id that is too long', head(`X-Request-Id: ${'a'.repeat(129)}`),
        { status: 200, header: ['x-request-id', /^[0-9a-f]+$/] }),
]

export const hosts = [
    refused('no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400),
    refused('no Host beside an absolute target', 'GET http://h/healthz HTTP/1.1\r\n\r\n', 400),
    refused('two Hosts', head('Host: a'), 400),
    refused('two equal Hosts', head('Host: h'), 400),
    refused('two Hosts of different spelling', head('hOST: a'), 400),
    refused('a second, empty Host', head('Host:'), 400),
    refused('two Hosts on 1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n', 400),
    refused('a bad Host on 1.0', 'GET / HTTP/1.0\r\nHost: a b\r\n\r\n', 400),
    refused('a bad Host beside an absolute target', line('GET http://h/healthz HTTP/1.1', 'Host: a b\r\n'), 400),
    ...['h/x', 'h?x', 'h#x', 'http://h', 'u@h', 'u:p@h', 'a b', 'a\tb', 'a, b', 'a,b', 'h:99999', 'h:65536', 'h:-1', 'h:+80',
        'h:80x', 'h:8 0', 'h: 80', 'h:0x50', 'h:000080', 'h:1:2', ':80', ':', '[::1', '::1', '[]', '[::1]x', '[::1]:x',
        '[fe80::1%25eth0]', 'a\\b', '"h"', '<h>', 'h%', 'h%4', 'h%zz', 'h\xe9', 'h|x', 'h^'].map(badHost),
    ...['h', 'H.Example', 'h:8080', 'h:65535', 'h:0', 'h:', 'h.', '127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:8080',
        '[::ffff:1.2.3.4]', 'a_b', '*:80', 'a-b.c', 'h%41', '', ' \t h \t '].map(goodHost),
    last('no Host on 1.0', 'GET /healthz HTTP/1.0\r\n\r\n', 200),
    last('a Host on 1.0', `GET /healthz HTTP/1.0\r\n${host}\r\n`, 200),
]
