/** The guides for web frameworks: their programs run as the guides say, in development and in production. */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { describe, expect, it, onTestFinished } from 'vitest'

import { root } from '../../package/package-files.ts'
import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { blocksOf, filesIn, readDocument } from './documents.ts'
import { userProject, type RunningProgram, type UserProject } from './user-project.ts'

const TSX = pathToFileURL(join(root, 'node_modules/tsx/dist/loader.mjs')).href
const NOBODY = '00000000-0000-4000-8000-000000000000'
const USER = { name: 'Ada', email: 'ada@example.org' }
const WELCOME = { state: 'completed', result: { to: 'ada@example.org', subject: 'Welcome, Ada' } }

/** A folder with all files of a guide. */
function projectOf(guide: string): UserProject {
  const project = userProject()
  onTestFinished(() => project.remove())
  const blocks = blocksOf(readDocument(`docs/guides/${guide}.md`)).filter(({ language }) => language === 'ts')
  for (const { name, text } of blocks.flatMap(filesIn)) project.write(name, text)
  project.write('next-server.mjs', NEXT_SERVER)
  return project
}

/** Starts a program of the project; it is killed when the test has ended. */
function start(project: UserProject, args: readonly string[], env: Readonly<Record<string, string>>): RunningProgram {
  const program = project.start(process.execPath, args, { DATABASE_URL: 'sqlite:./millrace.db', ...env })
  onTestFinished(async () => {
    program.child.kill('SIGKILL')
    await program.ended
  })
  return program
}

async function startWorker(project: UserProject, env: Readonly<Record<string, string>>): Promise<RunningProgram> {
  const worker = start(project, [join(root, 'dist/cli/main.js'), 'start'], env)
  await worker.saw(/queues/)
  return worker
}

/** What a client sees of a server at `base`: it signs up, and asks until the job has ended. */
interface Client {
  signUp(): Promise<{ readonly status: number; readonly job: string }>
  job(id: string): Promise<{ readonly status: number; readonly body: unknown }>
  health(): Promise<{ readonly status: number; readonly body: unknown }>
}

function clientOf(base: string): Client {
  const get = async (path: string): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${base}${path}`)
    return { status: response.status, body: await response.json() }
  }
  return {
    signUp: async () => {
      const response = await fetch(`${base}/signup`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(USER),
      })
      // What the guides' handlers answer.
      const { job } = (await response.json()) as { readonly job: string }
      return { status: response.status, job }
    },
    job: (id) => get(`/jobs/${id}`),
    health: () => get('/health'),
  }
}

async function expectWelcome(client: Client): Promise<void> {
  const { status, job } = await client.signUp()
  expect(status).toBe(202)
  await expectEnd(client, job)
}

async function expectEnd(client: Client, job: string): Promise<void> {
  const ended = await eventually(async () => {
    const { body } = await client.job(job)
    return (body as { readonly state: string }).state === 'completed' && body
  })
  expect(ended).toEqual(WELCOME)
}

/** Calls the files of the guide as Next does: `register` once, then each handler with a Request. */
const NEXT_SERVER = `
import { createServer } from 'node:http'
process.env.NEXT_RUNTIME = 'nodejs'
const { register } = await import('./instrumentation.ts')
await register()
const { POST } = await import('./app/api/signup/route.ts')
const { GET: job } = await import('./app/api/jobs/[id]/route.ts')
const { GET: health } = await import('./app/api/health/route.ts')
const { signUp } = await import('./app/actions.ts')

async function answer(request) {
  const [, what, id] = new URL(request.url).pathname.split('/')
  if (what === 'signup') return POST(request)
  if (what === 'jobs') return job(request, { params: Promise.resolve({ id }) })
  if (what === 'action') return Response.json(await signUp(await request.formData()))
  return health()
}
const server = createServer(async (incoming, outgoing) => {
  const { method, headers, url } = incoming
  const body = method === 'GET' ? {} : { body: incoming, duplex: 'half' }
  const response = await answer(new Request('http://127.0.0.1' + url, { method, headers, ...body }))
  outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text())
})
server.listen(0, '127.0.0.1', () => console.log('listening on http://127.0.0.1:' + server.address().port))
process.once('SIGTERM', () => server.close(() => process.exit(0)))
`

describe.each([
  // Nest ends its process with the signal that it got.
  { guide: 'express', main: 'server.ts', end: { code: 0, signal: null } },
  { guide: 'nest', main: 'main.ts', end: { code: null, signal: 'SIGTERM' } },
  { guide: 'next', main: 'next-server.mjs', end: { code: 0, signal: null } },
])('the guide for $guide', ({ guide, main, end }) => {
  const serve = async (project: UserProject, env: Readonly<Record<string, string>>) => {
    const server = start(project, ['--import', TSX, main], { PORT: '0', ...env })
    const [, base = ''] = await server.saw(/listening on (http:\S+)/)
    return { server, client: clientOf(base) }
  }

  it('serves and works in one process in development, and stops in good order', async () => {
    const { server, client } = await serve(projectOf(guide), {})
    expect(await client.health()).toEqual({ status: 200, body: { ok: true } })
    await expectWelcome(client)
    expect((await client.job(NOBODY)).status).toBe(404)
    server.child.kill('SIGTERM')
    const { code, signal, stderr } = await server.ended
    expect({ code, signal, stderr }).toEqual({ ...end, stderr: '' })
  })

  it.each([
    ['SQLite', async () => 'sqlite:./millrace.db'],
    ['PostgreSQL', async () => (await postgresDatabase()).url],
  ])('only enqueues in production on %s, and a worker does the work', async (_, databaseUrl) => {
    const project = projectOf(guide)
    const env = { NODE_ENV: 'production', DATABASE_URL: await databaseUrl() }
    const { server, client } = await serve(project, env)
    const { job } = await client.signUp()
    expect((await client.job(job)).body).toMatchObject({ state: 'queued' })
    const worker = await startWorker(project, env)
    await expectEnd(client, job)
    await expectWelcome(client)
    for (const program of [worker, server]) program.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    expect(await server.ended).toMatchObject(end)
  })

  it('is not healthy without its database', async () => {
    const project = projectOf(guide)
    const env = { NODE_ENV: 'production', DATABASE_URL: 'sqlite:./absent/millrace.db' }
    const { client } = await serve(project, env)
    expect((await client.health()).status).toBe(503)
  })
})

describe('the guide for next', () => {
  it('enqueues from a server action, and keeps one runner when its file is loaded again', async () => {
    const project = projectOf('next')
    project.write(
      'again.mjs',
      `const one = await import('./millrace.config.ts')
       const other = await import('./millrace.config.ts?again')
       console.log(one !== other, one.default === other.default)`,
    )
    expect((await project.tsx('again.mjs')).stdout).toBe('true true\n')
    const server = start(project, ['--import', TSX, 'next-server.mjs'], {})
    const [, base = ''] = await server.saw(/listening on (http:\S+)/)
    const form = new FormData()
    for (const [name, value] of Object.entries(USER)) form.set(name, value)
    const response = await fetch(`${base}/action`, { method: 'POST', body: form })
    // What the guide's action answers.
    const { job } = (await response.json()) as { readonly job: string }
    await expectEnd(clientOf(base), job)
  })
})

describe('the guide for express', () => {
  it('stores the customer and the job, both or neither', async () => {
    const project = projectOf('express')
    project.write(
      'twice.mjs',
      `import pg from 'pg'
       import runner from './millrace.config.ts'
       import { signUp } from './signup.ts'
       await runner.migrate()
       const client = new pg.Client({ connectionString: process.env.DATABASE_URL })
       await client.connect()
       await client.query('create table customer (email text primary key)')
       const user = { name: 'Ada', email: 'ada@example.org' }
       const id = await signUp(user)
       const refused = await signUp(user).catch((error) => error.code)
       const { rowCount } = await client.query('select from customer')
       const { jobs } = await runner.list()
       console.log(JSON.stringify({ refused, rowCount, isTheJob: jobs.length === 1 && jobs[0].id === id }))
       process.exit()`,
    )
    const { url } = await postgresDatabase()
    const { stdout, stderr } = await start(project, ['--import', TSX, 'twice.mjs'], { DATABASE_URL: url }).ended
    expect({ stdout, stderr }).toEqual({ stdout: '{"refused":"23505","rowCount":1,"isTheJob":true}\n', stderr: '' })
  })
})
