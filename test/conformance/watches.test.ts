/** Watching: what comes, in which order, from which version, and how it ends. */
import t from 'tap';
import { openCluster } from '../support/kubernetes.ts';
import { idleDeployment, mergePatch, pathsIn } from './objects.ts';

const cluster = await openCluster({ controllers: false });
t.teardown(() => cluster[Symbol.asyncDispose]());
const { deployments } = pathsIn(cluster.namespace);

async function currentVersion(): Promise<string> {
  return (await cluster.request('GET', `${deployments}?limit=1`)).body.metadata.resourceVersion;
}

/** Changes that a real cluster's controllers make to an object of ours are left out. */
function selecting(name: string): string {
  return `fieldSelector=metadata.name%3D${name}`;
}

t.test('tells what was added, modified and deleted since a version, as whole objects', async (t) => {
  const version = await currentVersion();
  await using watch = await cluster.watch(
    `${deployments}?watch=true&${selecting('watched')}&resourceVersion=${version}`,
  );
  t.equal(watch.status, 200);
  await cluster.request('POST', deployments, idleDeployment('watched'));
  const added = await watch.until(({ type }) => type === 'ADDED');
  t.match(added.object, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'watched' } });
  await cluster.request('PATCH', `${deployments}/watched`, { metadata: { labels: { a: 'b' } } }, mergePatch);
  const modified = await watch.until(({ object }) => object.metadata.labels?.a === 'b');
  t.equal(modified.type, 'MODIFIED');
  await cluster.request('DELETE', `${deployments}/watched`);
  const deleted = await watch.until(({ type }) => type === 'DELETED');
  t.equal(deleted.object.metadata.uid, added.object.metadata.uid);
  const versions = [added, modified, deleted].map(({ object }) => Number(object.metadata.resourceVersion));
  t.ok(versions[0]! < versions[1]! && versions[1]! < versions[2]!, 'versions rise, that of a deletion too');
});

t.test('resumes from any version in between, missing nothing', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('resumed'));
  const version = await currentVersion();
  for (const value of ['1', '2', '3']) {
    await cluster.request('PATCH', `${deployments}/resumed`, { metadata: { labels: { step: value } } }, mergePatch);
  }
  await using watch = await cluster.watch(`${deployments}?watch=1&${selecting('resumed')}&resourceVersion=${version}`);
  const steps = new Set<string>();
  await watch.until(({ object }) => {
    if (object.metadata.labels.step) steps.add(object.metadata.labels.step);
    return object.metadata.labels.step === '3';
  });
  t.strictSame([...steps], ['1', '2', '3']);
});

t.test('tells what is there first, as added, when no version is named', async (t) => {
  await cluster.request('POST', deployments, idleDeployment('present'));
  for (const version of ['', '&resourceVersion=0']) {
    await using watch = await cluster.watch(`${deployments}?watch=true&${selecting('present')}${version}`);
    t.match(await watch.next(), { type: 'ADDED', object: { metadata: { name: 'present' } } });
  }
});

t.test('tells of objects that come to match a selector as added, and of those that cease to as deleted', async (t) => {
  const version = await currentVersion();
  await cluster.request('POST', deployments, idleDeployment('matching'));
  await using watch = await cluster.watch(
    `${deployments}?watch=true&labelSelector=mark%3Dyes&resourceVersion=${version}`,
  );
  const path = `${deployments}/matching`;
  await cluster.request('PATCH', path, { metadata: { labels: { mark: 'yes' } } }, mergePatch);
  t.match(await watch.next(), { type: 'ADDED', object: { metadata: { labels: { mark: 'yes' } } } });
  const { body } = await cluster.request('PATCH', path, { metadata: { labels: { mark: 'no' } } }, mergePatch);
  const gone = await watch.until(({ type }) => type === 'DELETED');
  t.match(gone.object.metadata, { labels: { mark: 'yes' }, resourceVersion: body.metadata.resourceVersion });
});

t.test('ends regularly when its time is up, with a bookmark before when asked for', async (t) => {
  const version = await currentVersion();
  const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=5&resourceVersion=${version}`;
  await using watch = await cluster.watch(`${deployments}?${query}&${selecting('nothing')}`);
  const bookmark = await watch.until(({ type }) => type === 'BOOKMARK');
  t.match(bookmark.object, { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { resourceVersion: /^\d+$/ } });
  t.ok(Number(bookmark.object.metadata.resourceVersion) >= Number(version));
  let event = await watch.next();
  while (event) {
    t.equal(event.type, 'BOOKMARK');
    event = await watch.next();
  }
});

t.test('refuses a version that does not parse', async (t) => {
  const { status } = await cluster.request('GET', `${deployments}?watch=true&resourceVersion=abc`);
  t.ok(status === 400 || status === 500);
});
