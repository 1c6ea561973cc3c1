import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBoxes } from '../../../gateway/data.ts'
import { pli } from '../../support/cli.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { Submission } from '../../support/submission.ts'
import { until } from '../../support/until.ts'
import {
  type AnnuaireSimulator,
  boxTelecom,
  organization,
  practitioner,
  practitionerRole,
  type Resource,
  startAnnuaireSimulator,
} from '../../world/annuaire-simulator/index.ts'
import { OPERATORS } from '../../world/operator.ts'
import { buildPeople, type FictionalBox } from '../../world/people.ts'
import type { Pki } from '../../world/pki.ts'
import { HOSPITALS } from '../../world/places.ts'

const API_KEY = 'fictional-key'
const PROFESSIONALS = 4
const APP = 'laboratoire.nouveau@beta.mssante.example'
const HIDDEN = 'liste.rouge@beta.mssante.example'

let stage: Stage
let annuaire: AnnuaireSimulator
let keys: string

beforeAll(async () => {
  keys = mkdtempSync(join(tmpdir(), 'pli-annuaire-'))
  writeFileSync(join(keys, 'api.key'), `${API_KEY}\n`, { mode: 0o600 })
  const alpha: Record<string, unknown> = {}
  const prepare = async (pki: Pki) => {
    annuaire = await startAnnuaire(pki)
    const fhir = {
      url: annuaire.url,
      apiKey: join(keys, 'api.key'),
      anchors: ['../pki/root.pem', '../pki/organisations.pem'],
      publish: true,
    }
    alpha.directory = { file: '../lists/directory.sqlite', fhir }
    return []
  }
  stage = await openStage({ professionals: PROFESSIONALS, extra: { alpha }, prepare })
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await annuaire.close()
  rmSync(keys, { recursive: true })
})

async function startAnnuaire(pki: Pki): Promise<AnnuaireSimulator> {
  const request = {
    kind: 'server',
    commonName: 'annuaire.pli.example',
    organization: 'ANNUAIRE SIMULE',
    structure: OPERATORS.beta.structure,
  } as const
  const tls = { ...(await pki.issue(request)), chainPem: pki.authorities.slice(1) }
  const hospital = organization(HOSPITALS[0]!)
  hospital.telecom.push(boxTelecom(APP, { type: 'APP' }), boxTelecom(HIDDEN, { type: 'ORG', listeRouge: true }))
  const ours = buildPeople({ count: PROFESSIONALS }).filter(({ operator }) => operator === 'alpha')
  return startAnnuaireSimulator({ tls, apiKey: API_KEY, fictional: /\.mssante\.example$/, resources: [hospital, ...resourcesOf(ours)] })
}

/** The persons, structures and work situations of these boxes; none has a box yet. */
function resourcesOf(boxes: readonly FictionalBox[]): Resource[] {
  const places = new Map(boxes.map(({ place }) => [place.idNatStruct, organization(place)]))
  const people = boxes.filter(({ person }) => person)
  const roles = people.map(box => [box, practitioner(box), places.get(box.place.idNatStruct)!] as const)
  return [...places.values(), ...roles.flatMap(([box, who, where]) => [who, practitionerRole(box, who, where)])]
}

/** @returns the replies of alpha to these recipients, asked by its doctor */
async function rcpt(...addresses: string[]): Promise<string[]> {
  const { accounts, operators, shared } = stage.world
  const tls = { ca: shared.anchors.map(file => readFileSync(file)), servername: OPERATORS.alpha.host }
  const { dialogue } = await Submission.open(operators.alpha.ports.submissions, accounts.sender, tls)
  await dialogue.say(`MAIL FROM:<${accounts.sender.address}>`)
  const replies = []
  for (const address of addresses) replies.push(await dialogue.say(`RCPT TO:<${address}>`))
  await dialogue.say('QUIT')
  return replies
}

test('the boxes of an operator are published by themselves, and the command shows where', async () => {
  const { configuration, domain } = stage.world.operators.alpha
  const shown = async () => {
    const { stdout } = await pli('directory', 'publication', '-c', configuration, '--json')
    const { isOn, publications } = JSON.parse(stdout) as {
      isOn: boolean
      publications: { address: string; state: string; fault?: string }[]
    }
    expect(isOn).toBe(true)
    return publications.every(({ state }) => state !== 'waiting') && publications
  }
  const publications = await until('every box is published', shown, 100_000)
  expect(publications.filter(({ state }) => state !== 'published').map(({ address, fault }) => [address, fault])).toEqual([
    [`postmaster@${domain}`, 'nobody-has-this-identifier'],
  ])
  const boxes = stage.world.people.filter(({ operator }) => operator === 'alpha')
  expect(boxes.map(({ address }) => annuaire.holders(address).length)).toEqual(boxes.map(() => 1))
  expect(annuaire.calls.filter(({ status }) => status === 429)).toEqual([])
})

test('a box put on the red list while the gateway runs leaves the annuaire', async () => {
  const { address } = stage.world.accounts.sender
  await openBoxes(await stage.rows('alpha'), Date.now).change(address, { redListed: true }, 'test')
  await until('the box is gone', () => annuaire.holders(address).length === 0)
})

test('recipients whom the extract does not know are asked of the Annuaire Santé; the red list is no hindrance', async () => {
  const { recipient } = stage.world.accounts
  const replies = await rcpt(recipient.address, APP, HIDDEN, 'personne.nouveau@beta.mssante.example')
  expect(replies.map(reply => reply.slice(0, 9))).toEqual(['250 2.1.5', '250 2.1.5', '250 2.1.5', '550 5.1.1'])
})

test('while it is down, whoever is known may be written to, and of the others it is neither yes nor no', async () => {
  annuaire.setFault('down')
  const { recipient } = stage.world.accounts
  const replies = await rcpt(recipient.address, APP, 'autre.nouveau@beta.mssante.example')
  expect(replies.map(reply => reply.slice(0, 9))).toEqual(['250 2.1.5', '250 2.1.5', '451 4.4.3'])
})
