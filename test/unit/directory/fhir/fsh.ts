import { readFileSync } from 'node:fs'

type Json = Record<string, unknown>

/** Elements that repeat, which FSH need not say. */
const LISTS = new Set(['identifier', 'given', 'telecom', 'extension', 'tag'])

/**
 * Reads the instances of a FSH file that sets one value a line (`* telecom[=].value = "…"`): enough for the published examples of boxes, without
 * their postal addresses.
 * @returns each as the JSON that a server would send
 */
export function fshInstances(file: string): Json[] {
  const texts = readFileSync(file, 'utf8').split(/^Instance: /m)
  return texts.slice(1).map(text => {
    const resourceType = /^InstanceOf: \w*?(Organization|PractitionerRole|Practitioner)/m.exec(text)?.[1]
    const instance: Json = { resourceType, id: /^\S+/.exec(text)?.[0] }
    const lists = new Set([...LISTS, ...(resourceType === 'Organization' ? [] : ['name'])])
    const last = new Map<string, number>()
    for (const [, path = '', value = ''] of text.matchAll(/^\* (?!address|alias|meta\.profile)(\S+) = (.+?)\s*$/gm)) {
      place(instance, path.split('.'), parsed(path, value), lists, last)
    }
    return instance
  })
}

/** Soft indices: `+` is the next one, `=` the same, a name another slice. */
function place(root: Json, steps: readonly string[], value: unknown, lists: ReadonlySet<string>, last: Map<string, number>): void {
  let here: Json | unknown[] = root
  let seen = ''
  const next = (): unknown[] | Json => ({})
  steps.forEach((step, turn) => {
    const [, name = '', index = '0'] = /^(\w+)(?:\[([^\]]+)\])?$/.exec(step) ?? []
    const isLast = turn === steps.length - 1
    const owner = here as Json
    seen += `.${name}`
    if (!lists.has(name)) {
      owner[name] = isLast ? value : (owner[name] ?? next())
      here = owner[name] as Json
      return
    }
    const list = (owner[name] as unknown[] | undefined) ?? []
    owner[name] = list
    const known = last.get(seen) ?? -1
    const at = { '+': known + 1, '=': known, finess: 1, idNatSt: 0 }[index] ?? Number(index)
    if (at !== known) for (const key of last.keys()) if (key.startsWith(`${seen}[${at}]`)) last.delete(key)
    last.set(seen, at)
    seen += `[${at}]`
    list[at] = isLast ? value : (list[at] ?? next())
    here = list[at] as Json
  })
}

function parsed(path: string, text: string): unknown {
  const [, system, code] = /^(https?:\S+)#(\S+)$/.exec(text) ?? []
  if (code !== undefined) return /(?:valueCodeableConcept|\.type)$/.test(path) ? { coding: [{ system, code }] } : { system, code }
  if (text.startsWith('#')) return text.slice(1)
  return JSON.parse(text)
}
