/** However many read ids that memory does not know: few calls, one after the other, and writes beside them are not slower. */
import t from 'tap';

import { NotFoundError, UnavailableError } from '../../../src/containers/errors.ts';
import { containerSpec } from '../../support/base-spec.ts';
import { connect, failureOf, openSandbox, unhurried } from '../../support/cluster.ts';
import { eventually } from '../../support/kubernetes.ts';
import { legacyDeployment } from '../../support/legacy.ts';

t.test('reads of ids that memory does not know', async (t) => {
  await using cluster = await openSandbox({ controllers: false });
  await using connected = await connect(cluster);
  const { repository } = connected;
  const { faults, requests, objects } = cluster.sandbox;
  t.afterEach(() => {
    faults.clear();
    requests.clear();
  });
  const read = (id: string, signal = unhurried().signal) => repository.get(id, { signal });
  const calls = () => requests.count({ verb: ['list', 'get'] });

  await t.test('share calls, one at a time, and a create beside them is not slower', async (t) => {
    faults.delay(50);
    const create = async (id: string) => {
      const startedAt = performance.now();
      await repository.create({ id, spec: containerSpec() }, unhurried());
      return performance.now() - startedAt;
    };
    await create('warm');
    const alone = Math.min(await create('alone-1'), await create('alone-2'), await create('alone-3'));
    requests.clear();
    const reads = Array.from({ length: 6_000 }, (_, index) => failureOf(read(`absent-${index}`)));
    await eventually(calls, (count) => count > 0);
    const beside = [];
    for (let i = 0; i < 5; i++) beside.push(await create(`beside-${i}`));
    t.ok(calls() < 40, 'the reads still wait');
    t.ok(Math.min(...beside) < 1.5 * alone, `${beside.map(Math.round).join()} ms beside ${Math.round(alone)} ms`);
    const errors = await Promise.all(reads);
    t.ok(errors.every((error) => error instanceof NotFoundError));
    t.match(errors[4_711], { message: /absent-4711\b/ });
    t.ok(calls() <= 1 + (6_000 * ('absent-5999'.length + 3)) / 5_900, `${calls()} calls`);
  });

  await t.test('begin later than whoever reads, and find what was made meanwhile', async (t) => {
    faults.hang({ verb: 'watch' });
    faults.resetWatches();
    const slow = faults.delay(500, { verb: 'list', times: 1 });
    const first = failureOf(read('first'));
    await eventually(() => slow.hits, Boolean);
    objects.create(legacyDeployment('late', cluster.namespace));
    const late = read('late');
    const other = failureOf(read('other'));
    t.equal((await late).id, 'late');
    t.ok((await other) instanceof NotFoundError);
    await first;
    t.equal(calls(), 4, 'one for the first, one for the others, and two for what belongs to the one that is there');
  });

  await t.test('all fail where the API server does, and the next ones ask again', async (t) => {
    faults.refuse({ code: 500 }, { verb: 'list' });
    const errors = await Promise.all(Array.from({ length: 500 }, (_, index) => failureOf(read(`gone-${index}`))));
    t.ok(errors.every((error) => error instanceof UnavailableError));
    t.ok(calls() <= 3, 'no more than one call is tried again');
    faults.clear();
    t.ok((await failureOf(read('gone-1'))) instanceof NotFoundError);
  });

  await t.test('end with their signals, and leave the others be', async (t) => {
    const delay = faults.delay(300, { verb: 'list' });
    const other = failureOf(read('other'));
    const gone = failureOf(read('other', AbortSignal.timeout(20)));
    t.match(await gone, { name: 'TimeoutError' });
    t.equal(delay.hits, 1);
    t.ok((await other) instanceof NotFoundError);
  });

  await t.test('that all have left end their call, and the next ones do not wait for it', async (t) => {
    const hang = faults.hang({ verb: 'list', times: 1 });
    const client = new AbortController();
    const left = [failureOf(read('left-1', client.signal)), failureOf(read('left-1', client.signal))];
    await eventually(() => hang.hits, Boolean);
    const next = failureOf(read('next'));
    const startedAt = performance.now();
    client.abort(new Error('left'));
    for (const error of await Promise.all(left)) t.match(error, { message: 'left' });
    t.ok((await next) instanceof NotFoundError);
    t.ok(performance.now() - startedAt < 2_000);
  });

  await t.test('are refused once too many ids wait', async (t) => {
    const hang = faults.hang({ verb: 'list' });
    const client = new AbortController();
    const first = failureOf(read('first', client.signal));
    await eventually(() => hang.hits, Boolean);
    const waiting = Array.from({ length: 20_000 }, (_, index) => failureOf(read(`absent-${index}`, client.signal)));
    t.match(await failureOf(read('one-more')), {
      message: 'Too many reads wait for the cluster.',
      retryAfterSeconds: 5,
    });
    client.abort(new Error('left'));
    await Promise.all([first, ...waiting]);
  });
});
