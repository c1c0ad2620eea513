/** A certificate for this machine, signed by itself: written in DER by hand, for Node makes keys but no certificates. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface Certificate {
  /** PEM; it is its own authority. */
  certificate: string;
  /** PEM. */
  key: string;
}

/** Valid from yesterday for a year, for `localhost`, 127.0.0.1 and ::1. */
export function createCertificate(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(objectIdentifier(42, 134, 72, 206, 61, 4, 3, 2));
  const name = sequence(set(sequence(objectIdentifier(85, 4, 3), tagged(0x0c, Buffer.from('sandbox')))));
  const day = 24 * 60 * 60 * 1000;
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    name,
    sequence(time(Date.now() - day), time(Date.now() + 365 * day)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(basicConstraints(), subjectAlternativeNames())),
  );
  const signature = bitString(sign('sha256', toBeSigned, privateKey));
  const base64 = sequence(toBeSigned, algorithm, signature).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return {
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function basicConstraints(): Buffer {
  return sequence(
    objectIdentifier(85, 29, 19),
    tagged(0x01, Buffer.from([0xff])),
    octets(sequence(tagged(0x01, Buffer.from([0xff])))),
  );
}

function subjectAlternativeNames(): Buffer {
  const names = [
    tagged(0x82, Buffer.from('localhost')),
    tagged(0x87, Buffer.from([127, 0, 0, 1])),
    tagged(0x87, Buffer.from([...Array<number>(15).fill(0), 1])),
  ];
  return sequence(objectIdentifier(85, 29, 17), octets(sequence(...names)));
}

function tagged(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...contents: Buffer[]): Buffer {
  return tagged(0x30, ...contents);
}

function set(...contents: Buffer[]): Buffer {
  return tagged(0x31, ...contents);
}

function octets(content: Buffer): Buffer {
  return tagged(0x04, content);
}

function bitString(content: Buffer): Buffer {
  return tagged(0x03, Buffer.from([0]), content);
}

/** @param bytes - the identifier in the encoding of DER */
function objectIdentifier(...bytes: number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes));
}

function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return tagged(0x18, Buffer.from(digits));
}
