/** A server that the bench can start: ours, or Postfix. */
export interface Contender {
  readonly name: string
  /** Starts it with an empty queue, relaying everything to the sink. */
  start(options: { folder: string; sinkPort: number }): Promise<Running>
}

export interface Running {
  /** Port where clients submit, with STARTTLS. */
  port: number
  /** Root of its processes. */
  pid: number
  /** What it wrote about its work. */
  log: string
  stop(): Promise<void>
}
