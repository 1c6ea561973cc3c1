import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addMasterKey, createMasterKeyFile, loadMasterKeys, openVault, removeMasterKey, type TokenKey } from '../../crypto/index.ts'
import { pliWith } from '../support/cli.ts'
import { has, tool } from '../support/tools.ts'

/** Debian has the token (softhsm2) and the engine (libengine-pkcs11-openssl); elsewhere these tests are left out. */
const MODULE = ['/usr/lib/softhsm/libsofthsm2.so', '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so'].find(existsSync) ?? ''
const hasEngine = has('openssl') && spawnSync(tool('openssl'), ['engine', 'pkcs11']).status === 0
const PIN = '73501846'

let folder: string
let tokens: string
let token: TokenKey
let confBefore: string | undefined

describe.skipIf(!has('softhsm2-util') || MODULE === '' || !hasEngine)('master keys sealed for a token', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pli-token-'))
    tokens = join(folder, 'tokens')
    mkdirSync(tokens)
    const conf = join(folder, 'softhsm2.conf')
    writeFileSync(conf, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
    confBefore = process.env.SOFTHSM2_CONF
    process.env.SOFTHSM2_CONF = conf
    softhsm('--init-token', '--free', '--label', 'pli', '--pin', PIN, '--so-pin', '12345678')
    importKey('maitre', '01', 2048)
    importKey('faible', '02', 1024)
    token = { uri: 'pkcs11:token=pli;object=maitre', pin: pinFile('pin', PIN), module: MODULE, through: 'engine' }
  })
  afterAll(() => {
    if (confBefore === undefined) delete process.env.SOFTHSM2_CONF
    else process.env.SOFTHSM2_CONF = confBefore
    rmSync(folder, { recursive: true })
  })

  test('are made, opened, added and removed; the file tells nothing, and opens with nothing else', () => {
    const file = join(folder, 'keys', 'master.keys')
    const old = createMasterKeyFile(file, { pkcs11: token })
    const masters = loadMasterKeys({ file, pkcs11: token })
    const sealed = openVault(masters).seal('letter', Buffer.from('Bonjour'))
    expect(readFileSync(file, 'utf8')).not.toContain(old)
    expect(() => loadMasterKeys({ file })).toThrow('is sealed for a token')

    const added = addMasterKey({ file, pkcs11: token })
    expect(masters.reload()).toBe(true)
    expect(masters.ids).toEqual([added, old])
    expect(openVault(masters).open('letter', sealed).toString()).toBe('Bonjour')
    removeMasterKey({ file, pkcs11: token }, old)
    expect(loadMasterKeys({ file, pkcs11: token }).ids).toEqual([added])
    expect(readdirSync(join(folder, 'keys'))).toEqual(['master.keys'])
  })

  test('that lay open are taken over', () => {
    const [plain, file] = [join(folder, 'plain.keys'), join(folder, 'taken.keys')]
    const id = createMasterKeyFile(plain)
    expect(() => loadMasterKeys({ file: plain, pkcs11: token })).toThrow('is not sealed for the token')
    expect(createMasterKeyFile(file, { pkcs11: token, from: { file: plain } })).toBe(id)
    expect(loadMasterKeys({ file, pkcs11: token }).ids).toEqual([id])
  })

  test('an altered file does not open, and keys that are in use stay when the token goes away', () => {
    const file = join(folder, 'used.keys')
    const id = createMasterKeyFile(file, { pkcs11: token })
    const whole = readFileSync(file, 'latin1')
    const masters = loadMasterKeys({ file, pkcs11: token })
    writeFileSync(file, whole.replace(/.{8}\n$/, 'AAAAAAAA\n'))
    expect(() => masters.reload()).toThrow('was altered')
    writeFileSync(file, whole.replace(/^pli-token-1 .{8}/m, 'pli-token-1 AAAAAAAA'))
    expect(() => masters.reload()).toThrow('the token of the master keys did not answer')
    expect(masters.current).toBe(id)
  })

  test.each<[string, () => Partial<TokenKey>, string]>([
    ['a wrong PIN', () => ({ pin: pinFile('wrong', '00000000') }), 'the token refused the PIN'],
    ['a token that is away', () => ({ uri: 'pkcs11:token=absent;object=maitre' }), 'the token or its key is not there'],
    ['a key that is not there', () => ({ uri: 'pkcs11:token=pli;object=absent' }), 'the token or its key is not there'],
    ['a module that is not there', () => ({ module: join(folder, 'absent.so') }), 'cannot be loaded'],
    ['a provider that is not there', () => ({ through: 'provider' }), 'did not answer'],
    ['a PIN with an end of line', () => ({ pin: pinFile('line', `${PIN}\n`) }), 'with no end of line'],
    ['a PIN that others can read', () => ({ pin: pinFile('open', PIN, 0o644) }), 'chmod 600'],
    ['a PIN in the address', () => ({ uri: `pkcs11:token=pli;object=maitre;pin-value=${PIN}` }), 'without type, PIN and module'],
  ])('%s: nothing opens, and the sentence says why', (_, change, sentence) => {
    const file = join(folder, 'closed.keys')
    rmSync(file, { force: true })
    createMasterKeyFile(file, { pkcs11: token })
    const open = () => loadMasterKeys({ file, pkcs11: { ...token, ...change() } })
    expect(open).toThrow(sentence)
    expect(open).not.toThrow(PIN)
  })

  test('a key that is too short is not sealed for, and no file is left', () => {
    const file = join(folder, 'weak.keys')
    expect(() => createMasterKeyFile(file, { pkcs11: { ...token, uri: 'pkcs11:token=pli;object=faible' } })).toThrow(
      'is no RSA key of 2048',
    )
    expect(existsSync(file)).toBe(false)
  })

  test('pli keys create --pkcs11 makes such a file', async () => {
    const file = join(folder, 'cli.keys')
    const args = ['--pkcs11', token.uri, '--pin', token.pin, '--module', MODULE, '--engine']
    const { status, stdout, stderr } = await pliWith({}, 'keys', 'create', file, ...args)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(loadMasterKeys({ file, pkcs11: token }).current)
  })
})

function softhsm(...args: string[]): void {
  const { status, stderr } = spawnSync(tool('softhsm2-util'), args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
}

function importKey(label: string, id: string, modulusLength: number): void {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength })
  const file = join(folder, `${label}.pem`)
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  softhsm('--import', file, '--token', 'pli', '--label', label, '--id', id, '--pin', PIN)
  rmSync(file)
}

function pinFile(name: string, text: string, mode = 0o600): string {
  const file = join(folder, name)
  writeFileSync(file, text, { mode })
  return file
}
