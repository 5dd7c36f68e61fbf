// starve.mjs - large bodies at a server that may map 8 MiB more: each gets an answer or a close, and it lives.
import { Connection, args, check, main, post } from './client.mjs'

await main(async () => {
    const body = `{"sources": [${Array.from({ length: 900 }, () => '{"name": "a", "delay_ms": 300}').join()}], "x": "${'y'.repeat(900000)}"}`
    const wide = `{"sources": [${Array.from({ length: 900 }, () => '{"name": "a", "delay_ms": 300}').join()}]}`
    const list = Array.from({ length: 200 }, (_, i) => new Connection().send(post('/aggregate', i % 2 ? body : wide)))
    await Promise.all(list.map((it) => it.until((c) => c.ended || /\r\n\r\n./.test(c.received), 'an answer or a close', 20000)))
    const counts = {}
    for (const it of list) {
        const what = /^HTTP\/1\.1 (\d+)/.exec(it.received)?.[1] ?? it.ended
        counts[what] = (counts[what] ?? 0) + 1
        it.close()
    }
    check(!counts.refused, '200 large requests without memory: each is answered or closed', counts)
    console.log(`     without memory: ${JSON.stringify(counts)}`)
})
