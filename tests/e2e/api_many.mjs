// api_many.mjs - 200 requests with 1,000 sources each at once: every answer is complete and in order.
import { Connection, check, main, now, post } from './client.mjs'

const requests = 200
const sources = 1000

await main(async () => {
    const bodies = Array.from({ length: requests }, (_, r) =>
        JSON.stringify({ sources: Array.from({ length: sources }, (_, s) => ({ name: `${r}/${s}`, delay_ms: 100 })) }))
    const connections = bodies.map(() => new Connection())
    const begin = now()
    bodies.forEach((body, r) => connections[r].send(post('/aggregate', body)))
    const answers = await Promise.all(connections.map((connection) => connection.response({ ms: 30000 })))
    const took = now() - begin

    let wrong = ''
    let slowest = 0
    answers.forEach((answer, r) => {
        const it = answer?.status === 200 ? JSON.parse(answer.body) : { results: [] }
        const good =
            it.status === 'complete' &&
            it.tasks_spawned === sources &&
            it.results.length === sources &&
            it.results.every((result, s) => result.data === `Data from ${r}/${s}` && result.elapsed_ms >= 100)
        if (!good) wrong ||= `request ${r}: ${answer?.status} ${answer?.body}`
        slowest = Math.max(slowest, it.total_ms)
    })
    check(wrong === '', `${requests} at once with ${sources} sources each: all are answered correctly`, wrong)
    console.log(`     ${requests * sources} fetches took ${took.toFixed()} ms, the slowest request's total_ms was ${slowest}`)
})
