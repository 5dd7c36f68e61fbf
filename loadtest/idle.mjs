// idle.mjs - opens the connections of loadtest/idle, and reads the server's memory.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'

const options = { connections: 10000, burst: 10, settle: 15, limit: 1024, server: 'build/release/bin/wok-server' }
for (let i = 2; i < process.argv.length; i += 2) {
    const name = process.argv[i].replace(/^--/, '')
    const value = process.argv[i + 1]
    if (!(name in options) || value === undefined || (name !== 'server' && !(Number(value) > 0))) {
        console.error(`idle: ${process.argv[i]} ${value ?? ''}: there is no such option, or it needs a number`)
        process.exit(2)
    }
    options[name] = name === 'server' ? value : Number(value)
}
if (!fs.existsSync(options.server)) {
    console.error(`idle: ${options.server} is missing; ./dev build builds it`)
    process.exit(69)
}

const request = 'GET /aggregate?source=a:0&source=b:0&source=c:0 HTTP/1.1\r\nHost: h\r\n\r\n'
const parallel = 500 // connections that are opened at the same time; the listener's queue is bounded

// No answer for that long is a failure, not a reason to wait on.
const watchdog = setTimeout(() => fail('nothing within two minutes'), 120000)

const server = spawn(options.server, ['--listen', '127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] })
server.on('error', (error) => fail(error.message))
let ending = false
server.on('exit', (code) => ending || fail(`the server ended with ${code}`))
process.on('exit', () => server.kill('SIGKILL'))

function fail(why) {
    console.error(`idle: FAILED: ${why}`)
    process.exit(1)
}

const port = await new Promise((resolve) => {
    let text = ''
    server.stderr.setEncoding('utf8').on('data', (more) => {
        text += more
        const match = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(text)
        if (match) resolve(Number(match[1]))
    })
})

// Proportional set size: what the process has for itself, and its share of what it has with others.
function memory() {
    const text = fs.readFileSync(`/proc/${server.pid}/smaps_rollup`, 'utf8')
    return Number(/^Pss: +(\d+) kB/m.exec(text)[1]) * 1024
}

let busy = true // until the connections are closed by us
function open() {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => resolve(socket))
        socket.setNoDelay(true)
        socket.on('error', (error) => fail(`a connection failed: ${error.message}`))
        socket.on('close', () => busy && fail('the server closed a connection'))
    })
}

function ask(socket) {
    return new Promise((resolve) => {
        let text = ''
        socket.on('data', function look(more) {
            text += more
            if (!text.endsWith('}\n')) return
            socket.off('data', look)
            if (!text.startsWith('HTTP/1.1 200') || !text.includes('"status": "complete"')) fail(`a wrong answer: ${text}`)
            resolve()
        })
        socket.write(request)
    })
}

const before = memory() // with no connection yet: growth counts everything that serving has warmed up

const sockets = []
for (let first = 0; first < options.connections; first += parallel) {
    const count = Math.min(parallel, options.connections - first)
    const opened = await Promise.all(Array.from({ length: count }, open))
    await Promise.all(opened.map(ask))
    sockets.push(...opened)
}
const served = memory()
await Promise.all(sockets.map(async (socket) => {
    for (let i = 0; i < options.burst; i++) await ask(socket)
}))
const burst = memory()
clearTimeout(watchdog)

// What is measured is the memory after this time, so it is a wait for the time itself.
await new Promise((resolve) => setTimeout(resolve, options.settle * 1000))
const after = memory()
const each = (bytes) => ((bytes - before) / options.connections).toFixed(0)
await ask(sockets[options.connections - 1]) // they are still connections, all of them
const good = (after - before) / options.connections <= options.limit
console.log(`${options.connections} idle connections, ${options.connections * options.burst} requests of burst`)
console.log(`PSS KiB: ${before / 1024} before, ${served / 1024} served, ${burst / 1024} after the burst, ` +
    `${after / 1024} after ${options.settle} s`)
console.log(`bytes per connection: ${each(served)} served, ${each(burst)} after the burst, ` +
    `${each(after)} after ${options.settle} s; limit ${options.limit}: ${good ? 'ok' : 'FAILED'}`)
busy = false
ending = true
server.kill('SIGTERM')
server.on('exit', (code) => process.exit(good && code === 0 ? 0 : 1))
setTimeout(() => fail('the server does not stop'), 10000)
