import t from 'tap';
import {
  hierarchiesInUse,
  mayLimitMemory,
  ownerOf,
  ownGroupName,
  parseHierarchies,
} from '../../scripts/cluster/node/cgroups.ts';

const both = `
tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
`;
const second = 'cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n';

t.test('hierarchies are read from the mounts', (t) => {
  t.same(parseHierarchies(both), [
    { path: '/sys/fs/cgroup/cpu,cpuacct', version: 1, controllers: ['cpu', 'cpuacct'], writable: true },
    { path: '/sys/fs/cgroup/memory', version: 1, controllers: ['memory'], writable: true },
    { path: '/sys/fs/cgroup/systemd', version: 1, controllers: ['name=systemd'], writable: true },
    { path: '/sys/fs/cgroup/unified', version: 2, controllers: [], writable: true },
  ]);
  t.end();
});

t.test('of both versions the one that limits memory is used', (t) => {
  t.same(
    hierarchiesInUse(parseHierarchies(both)).map(({ path }) => path),
    ['/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/systemd'],
  );
  t.same(
    hierarchiesInUse(parseHierarchies(second)).map(({ path }) => path),
    ['/sys/fs/cgroup'],
  );
  t.end();
});

t.test('memory is limited unless somebody else rules its hierarchy', (t) => {
  const first = hierarchiesInUse(parseHierarchies(both));
  const groups = (memory: string, systemd: string) =>
    `4:memory:${memory}\n2:cpu,cpuacct:/\n1:name=systemd:${systemd}\n`;
  t.ok(mayLimitMemory(first, groups('/', '/')), 'nobody has put this process anywhere');
  t.ok(mayLimitMemory(first, groups('/user.slice', '/user.slice/user-0.slice')), 'the manager of services has');
  t.notOk(mayLimitMemory(first, groups('/jobs/17', '/')), 'somebody else has');
  t.notOk(mayLimitMemory(parseHierarchies(both.replace('rw,relatime,memory', 'ro,relatime,memory')), groups('/', '/')));
  t.ok(mayLimitMemory(parseHierarchies(second), '0::/user.slice/user-0.slice\n'));
  t.notOk(mayLimitMemory(parseHierarchies(second.replace('rw,', 'ro,')), '0::/\n'));
  t.end();
});

t.test('the name of a group tells who made it', async (t) => {
  t.equal(ownerOf(await ownGroupName())?.processId, process.pid);
  t.same(ownerOf('dcm-node-12-3456'), { processId: 12, startedAt: '3456' });
  for (const name of ['dcm-node-12', 'k8s.io', 'dcm-node-12-3456-7']) t.equal(ownerOf(name), undefined, name);
});
