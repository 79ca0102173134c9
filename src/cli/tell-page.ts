/** What follows a page of jobs. */

import type { JobList } from '../index.ts'
import type { Terminal } from './output/terminal.ts'

/** Says how to see the next page, and what a search did not look at. */
export function tellPage(terminal: Terminal, { next, searched }: Pick<JobList<unknown>, 'next' | 'searched'>): void {
  if (terminal.isJson) return
  if (searched?.complete === false) {
    terminal.say(
      `only the newest ${searched.jobs} matching jobs were searched; narrow it with --queue, --name or --state`,
    )
  }
  if (next !== undefined) terminal.say(`there are more: add --after ${next}`)
}
