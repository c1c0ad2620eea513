import t from 'tap';

import { formatAddress, parseHost, parseListenAddress } from '../../src/config/address.ts';

t.test('reads addresses as Go writes them', (t) => {
  for (const [text, host, port] of [
    [':8080', '', 8080],
    [':0', '', 0],
    ['localhost:65535', 'localhost', 65535],
    ['0.0.0.0:80', '0.0.0.0', 80],
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['my-host.example.com:1', 'my-host.example.com', 1],
    ['[::1]:8080', '::1', 8080],
    ['[::]:0', '::', 0],
  ] as const) {
    t.strictSame(parseListenAddress(text), { host, port }, text);
  }
  t.end();
});

t.test('takes nothing else for an address', (t) => {
  for (const text of [
    '',
    '8080',
    ':',
    'host',
    'host:',
    ':65536',
    ':-1',
    ':http',
    '::1:8080',
    '[::1]',
    '[127.0.0.1]:80',
    '[]:80',
    '[host]:80',
    'a b:80',
    'http://host:80',
    ' :8080',
    ':8080 ',
    ':8080/',
    'host:080000',
    '*:80',
  ]) {
    t.equal(parseListenAddress(text), undefined, JSON.stringify(text));
  }
  t.end();
});

t.test('takes host names and IP addresses for other hosts, and keeps them as they are written', (t) => {
  const label = 'a'.repeat(63);
  const hosts = ['localhost', 'Node-1.example.org', '1.example', 'xn--bcher-kva.example', `${label}.${label}`];
  const addresses = ['10.0.0.1', '2001:db8::7', '::1', '::ffff:10.0.0.1', '10.0.0.0', '1::'];
  for (const text of [...hosts, ...addresses]) t.equal(parseHost(text), text, text);
  t.end();
});

t.test('takes nothing else for a host', (t) => {
  for (const text of [
    '',
    'http://host',
    'host:80',
    'host/',
    '[::1]',
    '[::1]:80',
    'a b',
    ' host',
    'host ',
    'host.',
    '.host',
    'a..b',
    '-a',
    'a-',
    'a_b',
    'ä.example',
    '*.example',
    '10.0.0',
    '10.0.0.256',
    'example.1',
    '0.0.0.0',
    '::',
    'fe80::1%eth0',
    'a'.repeat(64),
    Array(65).fill('abc').join('.'),
  ]) {
    t.equal(parseHost(text), undefined, JSON.stringify(text));
  }
  t.end();
});

t.test('writes an address as URLs have it', (t) => {
  t.equal(formatAddress({ address: '::1', port: 80 }), '[::1]:80');
  t.equal(formatAddress({ address: '127.0.0.1', port: 80 }), '127.0.0.1:80');
  t.end();
});
