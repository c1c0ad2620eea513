/** Bytes that are nearly HTTP, or nothing like it: what a broken client, a broken proxy or an attacker sends. */
import fc from 'fast-check';

export interface BrokenRequest {
  /** What is wrong with it, in a few words. */
  kind: string;
  /** Written one after the other, each in a packet of its own. */
  packets: Buffer[];
  /**
   * How the client goes on after the last packet: it waits for whatever comes, says that it has sent all, or is gone
   * with a reset.
   */
  ending: 'wait' | 'half-close' | 'reset';
  /** The bytes contradict themselves about where a request ends: nothing in them may be answered as a success. */
  ambiguous?: true;
}

const base = '/api/v1alpha1/containers';
const body = JSON.stringify({
  spec: {
    service_type: 'container',
    metadata: { name: 'web' },
    image: { reference: 'nginx' },
    resources: { cpu: { min: 1, max: 1 }, memory: { min: '1MB', max: '1MB' } },
  },
});

/** A container that the smuggled requests try to delete. Whoever sends these requests makes it, and looks for it after. */
export const canaryId = 'canary';
const smuggled = `DELETE ${base}/${canaryId} HTTP/1.1\r\nHost: a\r\n\r\n`;

const get = (target = base, headers = 'Host: a\r\n'): string => `GET ${target} HTTP/1.1\r\n${headers}\r\n`;
const post = (headers: string, content = body): string =>
  `POST ${base} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n${content}`;
const postOf = (content: string): string =>
  post(`Content-Length: ${Buffer.byteLength(content, 'latin1')}\r\n`, content);
const chunk = (content: string): string => `${content.length.toString(16)}\r\n${content}\r\n`;

/** Requests that are right, for others to be broken out of them. */
const wellFormed = fc.constantFrom(
  get(),
  get(`${base}/health`),
  get(`${base}/${canaryId}`),
  get(`${base}?max_page_size=1&page_token=x`),
  `HEAD ${base} HTTP/1.1\r\nHost: a\r\n\r\n`,
  `DELETE ${base}/nothing HTTP/1.1\r\nHost: a\r\n\r\n`,
  postOf(body),
  postOf('{}'),
  post('Transfer-Encoding: chunked\r\n', `${chunk(body.slice(0, 50))}${chunk(body.slice(50))}0\r\n\r\n`),
);

const junk = fc.oneof(
  fc.constantFrom('\0', '\r', '\n', '\r\n', '\x7f', '\x0b', '\x80', '\xff', ' ', ':', '\t', '%', '\u00e9', '//', '"'),
  fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 8 }),
);

const truncated = fc
  .tuple(wellFormed, fc.nat())
  .map(([text, cut]) => request('truncated', text.slice(0, cut % text.length)));

const damaged = fc
  .tuple(
    wellFormed,
    fc.array(fc.record({ at: fc.nat(), remove: fc.nat({ max: 3 }), insert: junk }), { minLength: 1, maxLength: 4 }),
  )
  .map(([text, edits]) => request('damaged', edits.reduce(applyEdit, text)));

function applyEdit(text: string, { at, remove, insert }: { at: number; remove: number; insert: string }): string {
  const start = at % text.length;
  return text.slice(0, start) + insert + text.slice(start + remove);
}

const oddMethod = fc
  .tuple(
    fc.constantFrom(
      ...[
        'get',
        'Get',
        'PROPFIND',
        'TRACE',
        'OPTIONS',
        'CONNECT',
        'M-SEARCH',
        'PATCH',
        'PUT',
        'QUERY',
        'SOURCE',
        'LINK',
      ],
      ...['', ' GET', 'G ET', 'GET\0', 'G\x80T', 'PRI', 'X'.repeat(70), 'X'.repeat(20_000), '<script>', 'GET\r'],
    ),
    fc.constantFrom(base, '*', '/', 'example.org:443', `${base}/${canaryId}`),
  )
  .map(([method, target]) => request('odd method', `${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`));

const oddTarget = fc
  .oneof(
    fc.constantFrom(
      ...['*', '//', '/%zz', '/%00', '/%', `${base}/%ff`, `${base}/..%2f..`, `${base}/../../etc/passwd`, `${base}//`],
      ...[
        `http://a${base}`,
        'http://',
        'https://a:99999/',
        'a:80',
        '?',
        '#',
        `${base}#x`,
        `${base}?%`,
        `${base}?id=%00`,
      ],
      ...[
        `${base}\\x`,
        `${base}/a b`,
        `${base}/\u00e9`,
        `${base}/\x80`,
        '',
        '/\t',
        `${base};a=b`,
        `${base}/%2e%2e/health`,
      ],
      ...[
        `${base}/${'a'.repeat(70)}`,
        `${base}/${'a'.repeat(15_000)}`,
        `/${'a'.repeat(20_000)}`,
        `${base}?${'a=b&'.repeat(5_000)}`,
      ],
      ...[
        `${base}?max_page_size=${'9'.repeat(4_000)}`,
        `${base}/__proto__`,
        `${base}/constructor`,
        `${base}?__proto__[a]=b`,
      ],
    ),
    fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((tail) => `${base}/${tail}`),
    fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((query) => `${base}?${query}`),
  )
  .map((target) => request('odd target', get(target)));

const oddVersion = fc
  .constantFrom(
    ...['HTTP/0.9', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/9.9', 'http/1.1', 'HTTP/1.1x', 'HTTP/', 'HTTP/1', ''],
    'ICY',
  )
  .map((version) => request('odd version', `GET ${base} ${version}\r\nHost: a\r\n\r\n`));

const oddHeaders = fc
  .oneof(
    fc.constantFrom(
      ...[
        '',
        'Host\r\n',
        'Host : a\r\n',
        ' Host: a\r\n',
        'Host: a\r\n folded\r\n',
        'Host: a\0b\r\n',
        'Host: a\rX: b\r\n',
      ],
      ...[
        'Host: a\nX: b\n',
        ': a\r\n',
        'Host: a\r\nHost: b\r\n',
        'Host: a\r\nX\x80: b\r\n',
        'Host: a\r\nX: \xff\xfe\r\n',
      ],
      ...[
        `Host: a\r\nX: ${'x'.repeat(17_000)}\r\n`,
        `Host: a\r\n${'x'.repeat(17_000)}: y\r\n`,
        `Host: a\r\n${'X: y\r\n'.repeat(3_000)}`,
      ],
      ...[
        `Host: a\r\nX: ${'x'.repeat(300_000)}\r\n`,
        `Host: ${'a'.repeat(10_000)}\r\n`,
        'Host: a b\r\n',
        'Host: a/b@c\r\n',
        'Host:\r\n',
      ],
      ...[
        'Host: a\r\nExpect: 100-continue\r\n',
        'Host: a\r\nExpect: 200-ok\r\n',
        'Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n',
      ],
      ...[
        'Host: a\r\nConnection: close\r\n',
        'Host: a\r\nConnection: x, ,,\r\n',
        'Host: a\r\nX-Request-Id: \x1b[31m\r\n',
        'Host: a\r\nTE: trailers\r\n',
      ],
      ...[
        'Host: a\r\nAccept: text/html;q=2\r\n',
        'Host: a\r\nCookie: \r\n',
        'Host: a\r\nAuthorization: Basic %\r\n',
        'Host: a\r\n__proto__: x\r\n',
      ],
    ),
    fc.tuple(junk, junk).map(([name, value]) => `Host: a\r\n${name}: ${value}\r\n`),
  )
  .map((headers) => request('odd headers', get(base, headers)));

const oddLength = fc
  .constantFrom(
    ...[
      '-1',
      '+5',
      '5,5',
      '0x10',
      '1e2',
      ' ',
      'a',
      '99999999999999999999',
      '18446744073709551616',
      '5 5',
      '5;',
      '\x005',
    ],
    ...['5\r\nContent-Length: 6', '5\r\nContent-Length: 5', '204801', '1', '1000000'],
  )
  .map((length) => request('odd content length', post(`Content-Length: ${length}\r\n`)));

const oddChunks = fc
  .constantFrom(
    ...[
      'xyz\r\n',
      '-1\r\n',
      'FFFFFFFFFFFFFFFFF\r\n',
      '0x5\r\nabcde\r\n0\r\n\r\n',
      '5\nabcde\n0\n\n',
      '5\r\nabcdef\r\n0\r\n\r\n',
      '\r\n\r\n',
    ],
    ...[
      `5;${'x'.repeat(20_000)}\r\nabcde\r\n0\r\n\r\n`,
      '5\r\nabcde',
      '5\r\nabcde\r\n',
      '5 \r\nabcde\r\n0\r\n\r\n',
      '5\r\nabcde\r\n0\r\nX: y\r\n\r\n',
    ],
    ...[
      `0\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
      '0\r\nContent-Length: 9\r\n\r\n',
      '5;a="\r\n"\r\nabcde\r\n0\r\n\r\n',
      '0\r\n',
      '5\r\nab\0de\r\n0\r\n\r\n',
    ],
    ...[
      `${'1\r\na\r\n'.repeat(3_000)}0\r\n\r\n`,
      `${chunk('a'.repeat(210_000))}0\r\n\r\n`,
      '00000000000000005\r\nabcde\r\n0\r\n\r\n',
      '5\r\nabcde0\r\n\r\n',
    ],
  )
  .map((chunks) => request('odd chunks', post('Transfer-Encoding: chunked\r\n', chunks)));

const smuggling = fc
  .constantFrom(
    `Content-Length: ${5 + smuggled.length}\r\nTransfer-Encoding: chunked\r\n`,
    `Transfer-Encoding: chunked\r\nContent-Length: ${5 + smuggled.length}\r\n`,
    'Transfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n',
    'Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n',
    'Transfer-Encoding : chunked\r\nContent-Length: 5\r\n',
    'Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n',
    'Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n',
    'X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n',
    ' Transfer-Encoding: chunked\r\nContent-Length: 5\r\n',
    'Content-Length: 5\r\nContent-Length: 0\r\n',
    'Transfer-Encoding: "chunked"\r\n',
    'Transfer-Encoding: identity\r\n',
  )
  .map((headers): BrokenRequest => ({
    ...request('smuggling', post(headers, `0\r\n\r\n${smuggled}`)),
    ambiguous: true,
  }));

const garbage = fc
  .oneof(
    fc.constantFrom(
      '',
      '\r\n',
      '\r\n\r\n\r\n',
      '\0',
      '\0'.repeat(1_000),
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'SSH-2.0-x\r\n',
      '\xef\xbb\xbfGET / HTTP/1.1\r\n\r\n',
    ),
    fc.uint8Array({ minLength: 1, maxLength: 2_000 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  )
  .map((text) => request('garbage', text));

const oddBody = fc
  .constantFrom(
    ...[
      '\xff\xfe',
      '\xef\xbb\xbf{}',
      '{"__proto__":{}}',
      '{"constructor":{"prototype":{}}}',
      '[]',
      'null',
      '"',
      '1e999',
      '{"spec":1e999}',
      '{"a":1,"a":2}',
    ],
    ...[
      '['.repeat(100_000),
      '{"a":'.repeat(30_000),
      '\0',
      ' '.repeat(204_800),
      ' '.repeat(204_801),
      '{"spec":"\\ud800"}',
      '{"spec":\xc0\x80}',
      'NaN',
      "{'a':1}",
    ],
  )
  .map((content) => request('odd body', postOf(content)));

const pipelined = fc
  .tuple(fc.array(wellFormed, { minLength: 1, maxLength: 20 }), fc.oneof(wellFormed, junk))
  .map(([requests, last]) => request('pipelined', [...requests, last].join('')));

const slow = fc
  .tuple(wellFormed, fc.integer({ min: 2, max: 40 }), fc.boolean())
  .map(([text, count, complete]): BrokenRequest => {
    const size = Math.max(1, Math.ceil(text.length / count));
    const packets = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
      text.slice(index * size, (index + 1) * size),
    );
    return { kind: 'slow', packets: (complete ? packets : packets.slice(0, -1)).map(bytesOf), ending: 'wait' };
  });

function request(kind: string, text: string): BrokenRequest {
  return { kind, packets: [bytesOf(text)], ending: 'wait' };
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Every kind of broken request, each as likely as the next. */
export const brokenRequests: fc.Arbitrary<BrokenRequest> = fc
  .tuple(
    fc.oneof(
      ...[truncated, damaged, oddMethod, oddTarget, oddVersion, oddHeaders, oddLength, oddChunks, smuggling, garbage],
      ...[oddBody, pipelined, slow],
    ),
    fc.constantFrom<BrokenRequest['ending']>('wait', 'wait', 'half-close', 'half-close', 'reset'),
  )
  .map(([broken, ending]) => ({ ...broken, ending }));
