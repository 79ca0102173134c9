/** Where contenders keep their jobs: a server that the bench starts for itself in a temporary folder, or just a folder. */

export interface Server {
  /** Product, version and settings, for the report. */
  readonly description: string
  /** An empty place for one run. */
  freshPlace(): Promise<Place>
  stop(): Promise<void>
}

/** An empty database, file or Redis. */
export interface Place {
  readonly url: string
  /** Answers the one number that the query asks for. */
  count(query: string): Promise<number>
  /** What a server does between being filled and being measured. */
  settle(): Promise<void>
  /** CPU time that the server's processes have used so far, in milliseconds; 0 when there is no server. */
  cpuMs(): number
  /** Removes what was stored. */
  drop(): Promise<void>
}
