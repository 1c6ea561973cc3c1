import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'

/**
 * What is spoken on every connection, in both directions: TLS 1.2 and 1.3 with the suites that ANSSI's TLS guide recommends (forward secrecy and
 * authenticated encryption), which are those of the DMP's list too, its CBC suite left out. Level 2 also refuses RSA below 2,048 bits. No signature
 * with SHA-1, no renegotiation, no compression, never early data (0-RTT).
 */
export const PROTOCOL = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    '@SECLEVEL=2',
  ].join(':'),
  ecdhCurve: 'X25519:prime256v1:secp384r1',
  // RSA with PKCS#1 v1.5 and SHA-256 is what IGC-Santé signs with, so certificates could not be checked without it.
  sigalgs: [
    'ecdsa_secp256r1_sha256',
    'ecdsa_secp384r1_sha384',
    'rsa_pss_rsae_sha256',
    'rsa_pss_rsae_sha384',
    'rsa_pss_rsae_sha512',
    'rsa_pss_pss_sha256',
    'rsa_pss_pss_sha384',
    'rsa_pss_pss_sha512',
    'rsa_pkcs1_sha256',
    'rsa_pkcs1_sha384',
    'rsa_pkcs1_sha512',
  ].join(':'),
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
} as const satisfies SecureContextOptions
