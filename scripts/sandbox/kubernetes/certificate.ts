/** A certificate for this machine, signed by itself. */

export interface Certificate {
  /** PEM; it is its own authority. */
  certificate: string;
  /** PEM. */
  key: string;
}

/** Valid from yesterday for a year, for `localhost`, 127.0.0.1 and ::1. */
export async function createCertificate(): Promise<Certificate> {
  // Takes longer to load than all else here, and few need it.
  const { generate } = await import('selfsigned');
  const day = 24 * 60 * 60 * 1000;
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'sandbox' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - day),
    notAfterDate: new Date(Date.now() + 365 * day),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { certificate: cert, key };
}
