/**
 * The words of containerd, CRI-O and Docker, shortened to what is the matter, and what of a refusal stays the same from one
 * try to the next; which refusals stand is told by the statuses.
 */
import t from 'tap';
import { evictionCause, kubeletCause, refusalWords } from '../../src/containers/causes.ts';

const names = ['dcm-web-7d4b9c6f5-x7k2p', '0b0e3c0c-1111-2222-3333-444455556666'];
const pull = 'failed to pull and unpack image "r.test/web:1": ';
const noCommand = 'exec: "/no/such": stat /no/such: no such file or directory';
const start =
  'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';

const rows: [sentence: string, message: string, cause: string][] = [
  [
    'containerd, a certificate that has expired',
    `${pull}failed to do request: Head "https://r.test/v2/": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-30T10:00:00Z is after 2026-01-01T00:00:00Z`,
    'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  ],
  [
    'containerd, a layer behind a signed address whose host is not found',
    `${pull}failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://blobs.test/data?expires=1764500000&signature=c2VjcmV0": dial tcp: lookup blobs.test: no such host`,
    'no such host',
  ],
  [
    'containerd, a layer behind a signed address that is refused',
    `${pull}failed to copy: httpReadSeeker: failed open: unexpected status from GET request to https://blobs.test/data?X-Amz-Signature=c2VjcmV0: 403 Forbidden`,
    '403 Forbidden',
  ],
  [
    'an unknown client, a layer behind a signed address',
    'cannot fetch https://blobs.test/data?X-Amz-Signature=c2VjcmV0: 403 Forbidden',
    'cannot fetch https://blobs.test/data: 403 Forbidden',
  ],
  [
    'containerd, a full disk',
    `${pull}failed to extract layer sha256:${'a'.repeat(64)}: mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1804283218: write /var/lib/containerd/tmpmounts/containerd-mount1804283218/usr/bin/web: no space left on device: unknown`,
    'mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount…: write /var/lib/containerd/tmpmounts/containerd-mount…/usr/bin/web: no space left on device',
  ],
  [
    'containerd, a full disk before the container is made',
    'failed to create containerd container: mkdir /var/lib/containerd/overlayfs/snapshots/new-1234567: no space left on device',
    'mkdir /var/lib/containerd/overlayfs/snapshots/new-…: no space left on device',
  ],
  [
    'containerd, a control group that cannot be written, named by systemd',
    `${start}unable to apply cgroup configuration: failed to write 123: write /sys/fs/cgroup/kubepods-pod0b0e3c0c_1111_2222_3333_444455556666.slice/cgroup.procs: no such device`,
    'write /sys/fs/cgroup/kubepods-pod….slice/cgroup.procs: no such device',
  ],
  ['containerd, a command that does not exist', `${start}${noCommand}: unknown`, noCommand],
  [
    'containerd, a mount that fails',
    `${start}error mounting "/a" to rootfs at "/b": mount src=/a, dst=/b, dstFd=/proc/thread-self/fd/11, flags=MS_BIND: not a directory`,
    'error mounting "/a" to rootfs at "/b": mount src=/a, dst=/b, dstFd=/proc/thread-self/fd/…, flags=MS_BIND: not a directory',
  ],
  [
    'containerd that cannot be reached',
    'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd.sock: connect: connection refused"',
    'connection refused',
  ],
  [
    'containerd, a container by its id that is there already',
    `failed to reserve container: ${'0f'.repeat(32)} is reserved. Try again`,
    '… is reserved',
  ],
  ['a name of the Pod', `sandbox of ${names[0]!} is gone  `, 'sandbox of … is gone'],
  ['words that only introduce', 'failed to do request: connect', 'connect'],
  [
    'CRI-O, a command that does not exist',
    `container create failed: time="2026-11-30T10:00:00Z" level=error msg="runc create failed: unable to start container process: exec: \\"/no/such\\": stat /no/such: no such file or directory"\n`,
    noCommand,
  ],
  [
    'CRI-O, a registry that breaks off the connection',
    'initializing source docker://r.test/web:1: pinging container registry r.test: Get "https://r.test/v2/": read tcp 10.0.2.15:40312->10.0.0.9:443: read: connection reset by peer',
    'read: connection reset by peer',
  ],
  [
    'CRI-O, an image that is neither image nor artifact',
    'unable to pull image or OCI artifact: pull image err: initializing source docker://r.test/web:1: reading manifest 1 in r.test/web: manifest unknown; artifact err: get manifest: build image source: reading manifest 1 in r.test/web: manifest unknown',
    'manifest unknown',
  ],
  [
    'Docker, an image that does not exist',
    'Error response from daemon: manifest for r.test/web:1 not found: manifest unknown: manifest unknown',
    'manifest for r.test/web:1 not found: manifest unknown: manifest unknown',
  ],
];

for (const [sentence, message, cause] of rows) {
  await t.test(sentence, (t) => {
    t.equal(kubeletCause(message, names), cause);
    t.equal(kubeletCause(`Back-off pulling image "r.test/web:1": ErrImagePull: ${message}`, names), cause);
    t.end();
  });
}

t.test('a cause has at most 300 characters, and no half of one that takes two', (t) => {
  t.equal(kubeletCause('a'.repeat(300), names), 'a'.repeat(300));
  t.equal(kubeletCause('a'.repeat(301), names), `${'a'.repeat(299)}…`);
  t.equal(kubeletCause(`${'a'.repeat(298)}😀a`, names), `${'a'.repeat(298)}\ufffd…`);
  t.end();
});

t.test('the figures of an eviction are left out, and the rest is bounded too', (t) => {
  const words = 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi.';
  t.equal(evictionCause(words), 'The node was low on resource: memory');
  t.equal(evictionCause(`${'a'.repeat(301)}, requested: 1, limit: 2`), `${'a'.repeat(299)}…`);
  t.end();
});

t.test('names that Kubernetes generates are those of the Deployment, however long or often they stand there', (t) => {
  const long = `dcm-${'a'.repeat(60)}`;
  const rows: [name: string, message: string, words: string][] = [
    ['dcm-a', 'Pod dcm-a-7d4b9c6f5-x7k2p, dcm-a-7d4b9c6f5-zzzzz', 'Pod dcm-a, dcm-a'],
    ['dcm-a.b', 'Pod dcm-a.b-7d4b9c6f5-x7k2p', 'Pod dcm-a.b'],
    ['dcm-a.b', 'Pod dcm-axb-7d4b9c6f5-x7k2p', 'Pod dcm-axb-7d4b9c6f5-x7k2p'],
    [long, `Pod ${long.slice(0, 57)}x7k2p`, `Pod ${long}`],
  ];
  for (const [name, message, words] of rows) t.equal(refusalWords(message, name), words, message);
  t.end();
});
