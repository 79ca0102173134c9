/** What became of each job, from what workers tell and when they are killed. Pure: times come in from outside. */

/** A kill and the jobs that it cut off. */
interface Kill {
  readonly at: number
  readonly waiting: Set<string>
  slowestMs: number
}

/** Told when all jobs of a killed worker run again. */
export interface Recovered {
  readonly jobs: number
  readonly slowestMs: number
}

/** See the head of this file. */
export class KillTally {
  /** The jobs that run now, by the process that runs them. */
  readonly #running = new Map<number, Set<string>>()
  readonly #completed = new Map<string, number>()
  readonly #kills: (Kill & { readonly jobs: number })[] = []
  #ranAgain = 0
  #slowestMs = 0

  /** A job starts; answers the kills that it was the last to recover from. */
  started(pid: number, id: string, now: number): readonly Recovered[] {
    this.#runningIn(pid).add(id)
    const recovered: Recovered[] = []
    for (const kill of this.#kills) {
      if (!kill.waiting.delete(id)) continue
      this.#ranAgain += 1
      kill.slowestMs = now - kill.at
      this.#slowestMs = Math.max(this.#slowestMs, kill.slowestMs)
      if (kill.waiting.size === 0) recovered.push({ jobs: kill.jobs, slowestMs: kill.slowestMs })
    }
    return recovered
  }

  /** The store has taken the end of a job from this process. */
  completed(pid: number, id: string): void {
    this.#runningIn(pid).delete(id)
    this.#completed.set(id, (this.#completed.get(id) ?? 0) + 1)
  }

  /** A process was killed; answers how many jobs it was running. */
  killed(pid: number, now: number): number {
    const waiting = this.#runningIn(pid)
    this.#running.delete(pid)
    this.#kills.push({ at: now, waiting, slowestMs: 0, jobs: waiting.size })
    return waiting.size
  }

  get kills(): number {
    return this.#kills.length
  }

  /** How many jobs had to start again, and how long the slowest of them took from the kill to that. */
  get ranAgain(): { readonly jobs: number; readonly slowestMs: number } {
    return { jobs: this.#ranAgain, slowestMs: this.#slowestMs }
  }

  /** How many jobs ended more than once. */
  get endedTwice(): number {
    return [...this.#completed.values()].filter((count) => count > 1).length
  }

  #runningIn(pid: number): Set<string> {
    const jobs = this.#running.get(pid) ?? new Set<string>()
    this.#running.set(pid, jobs)
    return jobs
  }
}
