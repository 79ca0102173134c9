// Three feeds, one transformation, one store. The feeds are real records: what the packages in a node_modules folder say about
// themselves. The store is slow, and everything before it is held back: that is printed while it runs.
//
//     releases ─┐
//     readmes  ─┼─▶ transformation ─▶ store
//     licenses ─┘
//
//     npx tsx social-media.ts [folder of packages]
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { consumer, producer, producerConsumer, supervisor, System, type ProducerDefinition } from 'millrace/stage'

interface Post {
  readonly feed: string
  readonly author: string
  readonly text: string
}

interface CleanPost extends Post {
  readonly words: number
  readonly tags: readonly string[]
}

const folder = resolve(process.argv[2] ?? 'node_modules')
const packages = readdirSync(folder)
  .flatMap((name) => (name.startsWith('@') ? readdirSync(join(folder, name)).map((part) => `${name}/${part}`) : [name]))
  .filter((name) => !name.startsWith('.'))
  .slice(0, 60)

/** The text of a package's file; undefined where it has none. */
function read(name: string, pattern: RegExp): string | undefined {
  const file = readdirSync(join(folder, name)).find((entry) => pattern.test(entry))
  return file === undefined ? undefined : readFileSync(join(folder, name, file), 'utf8')
}

/** A feed goes through the packages, and reads a file only when somebody wants a post. */
function feed(name: string, postOf: (author: string) => string | undefined): ProducerDefinition<Post> {
  return producer<Post>((self) => {
    let next = 0
    return {
      handleDemand: (demand) => {
        const posts: Post[] = []
        while (posts.length < demand && next < packages.length) {
          const author = packages[next++] ?? ''
          const text = postOf(author)
          if (text !== undefined) posts.push({ feed: name, author, text })
        }
        if (next === packages.length) self.ref.asyncInfo('read')
        return posts
      },
      handleInfo: () => self.stop(),
    }
  })
}

const releases = feed('releases', (name) => {
  const { version, description } = JSON.parse(read(name, /^package\.json$/) ?? '{}') as Record<string, string>
  return version === undefined ? undefined : `${name} ${version} is out: ${description ?? ''} #release`
})
const readmes = feed('readmes', (name) =>
  read(name, /^readme/i)
    ?.split('\n\n')
    .find((part) => /^[A-Z]/.test(part)),
)
const licenses = feed('licenses', (name) => {
  const license = read(name, /^licen[cs]e/i)
    ?.split('\n')[0]
    ?.trim()
  return license === undefined || license === '' ? undefined : `${license} #license`
})

const transformation = producerConsumer<Post, CleanPost>(() => ({
  // One subscription for each feed, each with a demand of its own.
  subscribeTo: [releases, readmes, licenses].map((to) => ({ to, maxDemand: 8, cancel: 'temporary' as const })),
  handleEvents: (posts) =>
    posts.map((post) => {
      const text = post.text.replace(/\s+/g, ' ').trim()
      return { ...post, text, words: text.split(' ').length, tags: text.match(/#[a-z]+/g) ?? [] }
    }),
}))

const database = new DatabaseSync(':memory:')
database.exec('create table posts (feed text, author text, body text, words integer, tags text)')
const store = consumer<CleanPost>(() => {
  const insert = database.prepare('insert into posts values (?, ?, ?, ?, ?)')
  return {
    subscribeTo: [{ to: transformation, maxDemand: 4, minDemand: 0 }],
    handleEvents: async (posts) => {
      await new Promise((done) => setTimeout(done, 10)) // a slow disk
      for (const { feed, author, text, words, tags } of posts) insert.run(feed, author, text, words, tags.join(' '))
    },
  }
})

const system = new System()
await system.start(
  supervisor({
    strategy: 'restForOne',
    children: [
      { id: 'releases', start: releases, restart: 'transient' },
      { id: 'readmes', start: readmes, restart: 'transient' },
      { id: 'licenses', start: licenses, restart: 'transient' },
      { id: 'transformation', start: transformation },
      { id: 'store', start: store },
    ],
  }),
)

// Every 50 ms: how far the feeds are ahead of the store.
let furthestAhead = 0
const stored = () => Number((database.prepare('select count(*) as count from posts').get() as { count: number }).count)
const report = setInterval(() => {
  const stages = system.inspect().stages
  const read = stages.filter(({ kind }) => kind === 'producerConsumer').flatMap(({ subscriptions }) => subscriptions)
  const taken = read.reduce((sum, { received }) => sum + received, 0)
  const rows = stored()
  if (read.length === 3) furthestAhead = Math.max(furthestAhead, taken - rows)
  console.log(`back-pressure: ${read.length} feeds open, ${taken} posts taken from them, ${rows} stored`)
}, 50)
await system.idle()
clearInterval(report)

const feeds = database.prepare('select feed, count(*) as posts from posts group by feed order by feed').all()
console.log(`every package was released: ${JSON.stringify(feeds).includes(`"releases","posts":${packages.length}}`)}`)
// Eight of each feed are under way, four at the store, and what one message of a feed brings beyond what the store asked for.
console.log(`never further ahead than demand: ${furthestAhead > 0 && furthestAhead <= 3 * 8 + 4 + 8}`)
await system.stop()
database.close()
// prints: every package was released: true
// prints: never further ahead than demand: true
