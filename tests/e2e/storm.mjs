// storm.mjs - requests in clear while others begin handshakes as fast as they can.
//
//   node storm.mjs PORT storm.mjs CLEAR_PORT [SECONDS [BOUND_MS]]
//
// Each of 200 connections sends the same ClientHello, which costs it nothing, takes the server's first bytes,
// for which that had to sign, and begins anew.  They run in a thread of their own, so that what is measured
// is the server and not this client.
import net from 'node:net'
import tls from 'node:tls'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { args, check, main, now, port, slow } from './client.mjs'

const [clearPort, seconds = 3, bound = 10] = args.map(Number)
const request = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'

function hello() {
    return new Promise((resolve) => {
        const server = net.createServer((socket) => socket.once('data', (bytes) => {
            resolve(bytes)
            socket.destroy()
            server.close()
        }))
        server.listen(0, '127.0.0.1', () => {
            tls.connect({ port: server.address().port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {})
        })
    })
}

let signed = 0

function storm({ port, bytes }) {
    const socket = net.connect({ port, host: '127.0.0.1' }, () => socket.write(bytes))
    socket.once('data', () => {
        signed++
        socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => storm({ port, bytes }))
}

function ask(socket) {
    return new Promise((resolve) => {
        const began = now()
        socket.once('data', () => resolve(now() - began))
        socket.write(request)
    })
}

async function latencies(ms) {
    const socket = net.connect({ port: clearPort, host: '127.0.0.1', noDelay: true })
    const times = []
    for (const until = now() + ms; now() < until;) {
        times.push(await ask(socket))
        await new Promise((resolve) => setTimeout(resolve, 1))
    }
    socket.destroy()
    return times.sort((a, b) => a - b)
}

const shown = (times) => [0.5, 0.9, 0.99].map((q) => times[Math.floor(times.length * q)].toFixed(2)).join(' / ')

async function measure() {
    const bytes = await hello()
    console.log(`     calm: p50 / p90 / p99 ${shown(await latencies(500))} ms`)
    const storming = new Worker(new URL(import.meta.url), { workerData: { port, bytes } })
    storming.on('message', (count) => (signed = count))
    await new Promise((resolve) => setTimeout(resolve, 300))
    const times = await latencies(seconds * 1000)
    await storming.terminate()
    console.log(`     storm: p50 / p90 / p99 ${shown(times)} ms, ${Math.round(signed / (seconds + 0.3))} signatures a second`)
    check(signed > 100 && times[times.length >> 1] < bound * slow, 'a storm of handshakes lets requests in clear pass', shown(times))
}

if (isMainThread) {
    await main(measure)
} else {
    for (let i = 0; i < 200; i++) storm(workerData)
    setInterval(() => parentPort.postMessage(signed), 100)
}
