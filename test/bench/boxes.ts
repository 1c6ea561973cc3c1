/** `bal1` to `bal<count>` at one domain. */
export interface Boxes {
  domain: string
  count: number
}

/** @returns the addresses of boxes, in order */
export function* addresses({ domain, count }: Boxes): Generator<string> {
  for (let number = 1; number <= count; number++) yield `bal${number}@${domain}`
}
