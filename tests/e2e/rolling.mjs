// rolling.mjs - load on a Unix socket by kept connections, until its standard input ends; then the figures.
//
//   node rolling.mjs SOCKET CONNECTIONS
//
// Each connection asks one thing after the other: what fans out, what has a body, what is answered at once.
// Whatever is not a whole answer of 200 is a failure, and so is an error of the connection: nobody tries again.
import http from 'node:http'

const [socketPath, connections] = [process.argv[2], Number(process.argv[3])]
const body = JSON.stringify({ sources: [{ name: 'a', delay_ms: 10 }, { name: 'b', delay_ms: 5 }] })
const kinds = [
    { method: 'GET', path: '/healthz' },
    { method: 'GET', path: '/aggregate?source=a:30&source=b:10' },
    { method: 'POST', path: '/aggregate', headers: { 'Content-Type': 'application/json', 'Content-Length': body.length } },
]
const failures = []
let answered = 0, reused = 0, stopping = false

function ask(agent, kind) {
    return new Promise((done) => {
        const fail = (why) => { failures.push(`${kind.method} ${kind.path}: ${why}`); done() }
        const request = http.request({ ...kind, socketPath, agent, timeout: 20000 }, (answer) => {
            let text = ''
            answer.setEncoding('utf8')
            answer.on('data', (piece) => (text += piece))
            answer.on('error', (error) => fail(error.code))
            answer.on('end', () => {
                if (answer.statusCode !== 200 || !answer.complete || !text.endsWith('\n'))
                    return fail(`${answer.statusCode} ${text.slice(0, 80)}`)
                answered++
                reused += request.reusedSocket
                done()
            })
        })
        request.on('error', (error) => fail(error.code ?? error.message))
        request.on('timeout', () => request.destroy(new Error('no answer within 20 s')))
        request.end(kind.method === 'POST' ? body : undefined)
    })
}

process.stdin.on('end', () => (stopping = true)).resume()
await Promise.all(Array.from({ length: connections }, async (_, i) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    for (let n = i; !stopping; n++) await ask(agent, kinds[n % kinds.length])
    agent.destroy()
}))
console.log(`answered ${answered} reused ${reused} failed ${failures.length}`)
for (const failure of failures.slice(0, 10)) console.log(`failure ${failure}`)
