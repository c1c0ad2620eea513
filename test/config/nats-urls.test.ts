import t from 'tap';
import { NatsUrlError, parseNatsUrls } from '../../src/config/nats-urls.ts';

await t.test('takes', (t) => {
  const cases: [sentence: string, value: string, servers: ReturnType<typeof parseNatsUrls>][] = [
    ['one URL', 'nats://nats:4333', { servers: ['nats:4333'] }],
    ['a URL without a port', 'nats://nats/', { servers: ['nats:4222'] }],
    ['an IPv6 address', 'nats://[::1]:4222', { servers: ['[::1]:4222'] }],
    ['a list, each server once', 'nats://a, nats://b:1,nats://a:4222', { servers: ['a:4222', 'b:1'] }],
    ['user and password', 'nats://me:s%40cret%2C@a', { servers: ['a:4222'], user: 'me', password: 's@cret,' }],
    ['a token', 'nats://t0ken@a', { servers: ['a:4222'], token: 't0ken' }],
    [
      'a sign-in that one of the list has',
      'nats://a,nats://t0ken@b',
      { servers: ['a:4222', 'b:4222'], token: 't0ken' },
    ],
    ['TLS', 'tls://a', { servers: ['a:4222'], tls: {} }],
    [
      'files for TLS',
      'tls://a?ca=/ca.pem&cert=/c.pem&key=/k.pem,tls://b',
      { servers: ['a:4222', 'b:4222'], tls: { caFile: '/ca.pem', certFile: '/c.pem', keyFile: '/k.pem' } },
    ],
    [
      'the TLS handshake first',
      'tls://a?tls_first=true&ca=/ca.pem,tls://b',
      { servers: ['a:4222', 'b:4222'], tls: { caFile: '/ca.pem', handshakeFirst: true } },
    ],
    [
      'the TLS handshake where it belongs',
      'tls://a?tls_first=false',
      { servers: ['a:4222'], tls: { handshakeFirst: false } },
    ],
    [
      'files for TLS that only some of a list have',
      'tls://a?ca=/ca.pem,tls://b?cert=/c.pem&key=/k.pem',
      { servers: ['a:4222', 'b:4222'], tls: { caFile: '/ca.pem', certFile: '/c.pem', keyFile: '/k.pem' } },
    ],
    [
      'a credentials file',
      'nats://a?credentials=/etc/nats%20dir/user.creds',
      { servers: ['a:4222'], credentialsFile: '/etc/nats dir/user.creds' },
    ],
  ];
  for (const [sentence, value, servers] of cases) t.strictSame(parseNatsUrls(value), servers, sentence);
  t.end();
});

await t.test('names every problem, and no secret', (t) => {
  const cases: [value: string, problems: string[]][] = [
    ['', ['is empty']],
    ['localhost:4222', ['is not a URL such as nats://host:4222']],
    ['nope', ['is not a URL such as nats://host:4222']],
    ['nats://', ['has no valid host']],
    ['nats://:4222', ['is not a URL such as nats://host:4222']],
    ['nats://a:99999', ['is not a URL such as nats://host:4222']],
    ['nats://a:0', ['has port 0']],
    ['http://a/path#x', ['must begin with nats:// or tls://', 'must not have a path', 'must not have a fragment']],
    ['nats://sec%ret:s@a', ['has a user, password or token that is not percent-encoded as it must be']],
    ['nats://a?secret=1', ['has an unknown parameter; credentials, ca, cert, key, tls_first are allowed']],
    ['nats://a?credentials=', ['must have one path for the parameter credentials']],
    ['nats://a?ca=/ca.pem', ['has parameters for TLS, but does not begin with tls://']],
    ['nats://a?tls_first=true', ['has parameters for TLS, but does not begin with tls://']],
    ['tls://a?tls_first=yes', ['must have true or false for tls_first, once']],
    ['tls://a?tls_first=', ['must have true or false for tls_first, once']],
    ['tls://a?tls_first=true&tls_first=true', ['must have true or false for tls_first, once']],
    ['tls://a?tls_first=true,tls://b?tls_first=false', ['must have the same tls_first for all servers']],
    ['tls://a?cert=/secret.pem', ['needs both cert and key, or neither']],
    ['nats://a,,ws://b', ['server 2 of the list is empty', 'server 3 of the list must begin with nats:// or tls://']],
    ['nats://a,tls://b', ['must not mix tls:// with nats://']],
    ['tls://a?ca=/1,tls://b?ca=/2', ['must have the same ca for all servers']],
    ['nats://u:secret@a,nats://u:other@b', ['must have the same password for all servers']],
    ['nats://secret@a?credentials=/secret', ['must have one of user and password, token, and credentials file']],
  ];
  for (const [value, problems] of cases) {
    try {
      parseNatsUrls(value);
      t.fail(`${value} was taken`);
    } catch (err) {
      t.ok(err instanceof NatsUrlError);
      t.strictSame((err as NatsUrlError).problems, problems, value);
      t.notMatch((err as NatsUrlError).message, 'secret');
    }
  }
  t.end();
});
