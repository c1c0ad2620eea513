import { test } from 'tap';

import { formatAddress, parseListenAddress } from '../../src/config/address.ts';

test('reads addresses as Go writes them', (t) => {
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

test('takes nothing else for an address', (t) => {
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

test('writes an address as URLs have it', (t) => {
  t.equal(formatAddress({ address: '::1', port: 80 }), '[::1]:80');
  t.equal(formatAddress({ address: '127.0.0.1', port: 80 }), '127.0.0.1:80');
  t.end();
});
