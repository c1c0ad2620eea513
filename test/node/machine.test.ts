import t from 'tap';
import { describeMissing } from '../../scripts/cluster/node/machine.ts';
import type { Machine, Program } from '../../scripts/cluster/node/machine.ts';

const programs: Program[] = [
  ...(['bridge', 'busybox', 'docker-registry', 'host-local', 'ip', 'loopback', 'mount', 'nft', 'nsenter'] as const),
  ...(['runc', 'setpriv', 'tar', 'umount', 'unshare'] as const),
];

function machine(changes: Partial<Machine> = {}, without: Program[] = []): Machine {
  const installed = programs
    .filter((name) => !without.includes(name))
    .map((name) => [name, `/usr/bin/${name}`] as const);
  return { platform: 'linux', isRoot: true, programs: new Map(installed), ...changes };
}

t.test('a machine that has everything lacks nothing', (t) => {
  t.equal(describeMissing(machine()), undefined);
  t.end();
});

t.test('everything that is missing is named in one sentence', (t) => {
  t.equal(
    describeMissing(machine({ isRoot: false }, ['runc', 'bridge', 'loopback', 'nft'])),
    'a real node cannot run here without root and the Debian packages containernetworking-plugins nftables runc ' +
      '(apt-get install containernetworking-plugins nftables runc)',
  );
  t.equal(describeMissing(machine({ isRoot: false })), 'a real node cannot run here without root');
  t.end();
});

t.test('elsewhere than on Linux nothing that could be installed helps', (t) => {
  t.equal(
    describeMissing(machine({ platform: 'darwin', isRoot: false }, programs)),
    'a real node runs on Linux alone, and this is darwin',
  );
  t.end();
});
