// http.mjs - bytes as they come from clients, proxies, slips and attackers, and what is answered.
//
// A refused message gets a problem document and a close: where the next request begins is not known.
// A message that is well framed keeps its connection, whatever is wrong with its content.  Each case is
// followed by a probe that tells whether server and client agree on where it ended: a request that can
// be told from all others, behind a kept message (in the same write, after the answer, and with a cut in
// the middle), which has to get its own answer and nothing else; and behind a refused one, which must
// never be answered, nor counted as a request by the server.
//
// The cases lie in http/, by subject; docs/http.md says which rule each subject is about.
import { Connection, check, eventually, exchange, figures, isProblem, main } from './client.mjs'
import { head, marked } from './http/bytes.mjs'
import { requestLine } from './http/request_line.mjs'
import { headers, hosts } from './http/headers.mjs'
import { chunks, codings, lengths } from './http/framing.mjs'
import { connection, limits, methods, targets } from './http/semantics.mjs'
import { steps } from './http/flow.mjs'

const CASES_MIN = 250

// Requests that the server has begun so far, this question included.
const requests = async () => (await figures()).server.requests

function matches(answer, wanted) {
    const { headers: seen, body, status } = answer
    const [name, value] = wanted.header ?? []
    return status === wanted.status &&
        seen.date?.endsWith(' GMT') && seen.server?.startsWith('wok/') && seen['x-request-id'] !== undefined &&
        (seen['transfer-encoding'] === undefined) && (status === 204) === (seen['content-length'] === undefined) &&
        (wanted.text === undefined || body.includes(wanted.text)) && !(wanted.lacks && body.includes(wanted.lacks)) &&
        (!('connection' in wanted) || seen.connection === wanted.connection) &&
        (name === undefined || (value instanceof RegExp ? value.test(seen[name]) : seen[name] === value)) &&
        (wanted.asGet === undefined || Math.abs(seen['content-length'] - wanted.asGet) <= 8)
}

// The answers of a case, one by one, because only the case knows which of them answer a HEAD.
async function answersOf(raw, wanted) {
    const answers = []
    for (const { head } of wanted) answers.push(await raw.response({ head }))
    return answers
}

const areAsWanted = (answers, each) => answers.every((answer, i) => answer && matches(answer, each.answers[i]))

// What a case that failed has seen.
function given(raw, seen) {
    raw.close()
    return { ...seen, end: raw.ended, rest: raw.received }
}

// The answer to a HEAD has the length that a GET has, up to the figures in it.
async function learnLengths({ answers }) {
    for (const wanted of answers) {
        if (wanted.length) wanted.asGet = Number((await exchange(wanted.length)).headers['content-length'])
    }
}

const ways = {
    'in one write': (raw, bytes, probe) => raw.send(bytes + probe),
    'after the answer': (raw, bytes) => raw.send(bytes),
    'with a cut in the middle': async (raw, bytes, probe) => {
        await new Promise((done) => raw.socket.write(bytes.slice(0, bytes.length / 2), 'latin1', done))
        raw.send(bytes.slice(bytes.length / 2) + probe)
    },
}

async function tryKept(each, way) {
    const probe = marked('probe')
    const end = marked('end', 'Connection: close') + marked('smuggled')
    const raw = new Connection()
    await ways[way](raw, each.bytes, probe + end)
    const answers = await answersOf(raw, each.answers)
    if (!areAsWanted(answers, each)) return given(raw, { way, answers })
    if (way === 'after the answer') raw.send(probe + end)
    const [second, third] = await raw.responses(2)
    await raw.until((c) => c.ended, 'the close')
    raw.close()
    const own = [second, third].map((a) => a?.headers['x-request-id']).join() === 'probe,end' && second.status === 200
    return own && raw.received === '' || given(raw, { way, answers, second, third })
}

async function tryLast(each, way) {
    const before = await requests()
    const raw = new Connection()
    await ways[way](raw, each.bytes, marked('smuggled'))
    const answers = await answersOf(raw, each.answers)
    if (!areAsWanted(answers, each)) return given(raw, { way, answers })
    if (way === 'after the answer') raw.send(marked('smuggled'))
    await raw.until((c) => c.ended, 'the close')
    raw.close()
    const begun = await requests() - before - 1
    return raw.received === '' && begun === each.answers.length || given(raw, { way, answers, begun })
}

async function tryRefused(each, way) {
    const before = await requests()
    const raw = new Connection()
    await ways[way](raw, each.bytes, marked('smuggled'))
    const answer = await raw.response({ head: each.head })
    if (!each.statuses.includes(answer?.status)) return given(raw, { way, answer })
    if (way === 'after the answer') raw.send(marked('smuggled'))
    await raw.until((c) => c.ended, 'the close')
    raw.close()
    const begun = await requests() - before - 1
    const explained = each.head ? answer?.body === '' && Number(answer.headers['content-length']) > 0 : isProblem(answer)
    return explained && answer.headers.connection === 'close' &&
        matches(answer, { status: answer.status }) && raw.ended === 'fin' && raw.received === '' && begun === 1 ||
        given(raw, { way, answer, begun })
}

const tries = {
    kept: [tryKept, (each) => `${each.answers.map((a) => a.status)}, and the connection goes on`],
    last: [tryLast, (each) => `${each.answers.map((a) => a.status)}, and the connection is closed`],
    refused: [tryRefused, (each) => `${each.statuses.join(' or ')}, a close, and nothing behind it is answered`],
}

async function tryCase(each) {
    const [run, claim] = tries[each.kind]
    let seen = true
    try {
        if (each.kind === 'kept') await learnLengths(each)
        for (const way of Object.keys(ways)) if ((seen = await run(each, way)) !== true) break
    } catch (error) {
        seen = error.message
    }
    check(seen === true, `${each.what}: ${claim(each)}`, seen)
}

await main(async () => {
    const before = await figures()
    const cases = [requestLine, headers, hosts, lengths, codings, chunks, connection, targets, methods, limits].flat()
    for (const each of cases) await tryCase(each)
    for (const { what, run } of steps) {
        const seen = await run().catch((error) => error.message)
        check(seen === true, what, seen)
        check((await exchange(head()))?.status === 200, `${what}: others are served`)
    }
    const names = new Set([...cases, ...steps].map(({ what }) => what))
    check(names.size === cases.length + steps.length, 'no case is counted twice', `${names.size} names`)
    console.log(`     ${names.size} cases`)
    check(names.size >= CASES_MIN, `there are ${CASES_MIN} cases or more`, `${names.size}`)

    let after
    const settled = await eventually(async () => {
        after = await figures()
        return after.tasks.live === before.tasks.live && after.server.connections_open === 1
    }, 10000)
    check(settled, 'no task and no connection is left over', { before: before.tasks, after: after.tasks,
        open: after.server.connections_open })
})
