import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ACTIVITY_HEADER, activityLine } from '../world/libre-acces.ts'
import { activitiesAt } from './directory-extract.ts'

const BATCH = 2000

/** Writes a Personne_activite text as large as the real one: two practices for each professional of the generated extract, and as many others. */
export async function writeActivities(file: string, lines: number): Promise<void> {
  await pipeline(Readable.from(batches(lines)), createWriteStream(file))
}

function* batches(lines: number): Generator<Buffer> {
  yield Buffer.from(`${ACTIVITY_HEADER}\n`)
  for (let from = 0; from < lines * 2; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, lines * 2 - from) }, (_, at) => from + at)
    yield Buffer.from(`${numbers.flatMap(activitiesAt).map(activityLine).join('\n')}\n`)
  }
}
