/** Waiters are answered by what memory says, at the moment that it says it. */
import t from 'tap';
import type { Container, ContainerStatus } from '../../src/containers/container.ts';
import { NotFoundError, UnavailableError } from '../../src/containers/errors.ts';
import { ContainerWaiting } from '../../src/containers/waiting.ts';
import type { ContainerSource, ContainerView } from '../../src/containers/source.ts';
import type { Abortable } from '../../src/containers/waiting.ts';
import { ManualClock } from '../support/manual-clock.ts';

class Memory implements Pick<ContainerSource, 'isLive' | 'onChange' | 'view'> {
  isLive = true;
  readonly clock = new ManualClock();
  readonly containers = new Map<string, ContainerView>();
  readonly waiting: ContainerWaiting;
  /** What the cluster has that memory has not seen yet. */
  readonly unseen = new Map<string, Container>();
  #listener: (id: string) => void = () => undefined;

  constructor(maxWaiters?: number) {
    this.waiting = new ContainerWaiting({
      repository: { get: (id) => this.#get(id) },
      source: this,
      clock: this.clock,
      ...(maxWaiters !== undefined && { maxWaiters }),
    });
  }

  onChange(listener: (id: string) => void): () => void {
    this.#listener = listener;
    return () => undefined;
  }

  view(id: string) {
    return this.containers.get(id);
  }

  set(status: ContainerStatus, { id = 'web', uid = 'first' } = {}): void {
    this.containers.set(id, { status, container: { id, status } as Container, uid } as ContainerView);
    this.#listener(id);
  }

  delete(id = 'web'): void {
    this.containers.delete(id);
    this.#listener(id);
  }

  /** What a wait came to: a status, or the name of an error; `waiting` as long as it has not. */
  start(statuses: ContainerStatus[], { timeoutMs = 20_000, signal = new AbortController().signal } = {}) {
    const state = { outcome: 'waiting' };
    const onAbort = (abortable: Abortable) =>
      signal.addEventListener('abort', () => abortable.abort(signal.reason as Error));
    this.waiting.wait('web', { statuses, timeoutMs }, { signal, onAbort }).then(
      ({ status }) => (state.outcome = status),
      (error: unknown) => (state.outcome = (error as Error).name),
    );
    return state;
  }

  #get(id: string): Promise<Container> {
    const known = this.isLive ? this.containers.get(id)?.container : undefined;
    const found = known ?? this.unseen.get(id) ?? this.containers.get(id)?.container;
    return found ? Promise.resolve(found) : Promise.reject(new NotFoundError('none'));
  }
}

t.test('a status that is there is answered at once, and so is a failure', async (t) => {
  const memory = new Memory();
  memory.set('RUNNING');
  const running = memory.start(['RUNNING']);
  memory.set('FAILED');
  const failed = memory.start(['RUNNING']);
  await memory.clock.advance(0);
  t.same([running.outcome, failed.outcome], ['FAILED', 'FAILED']);
  t.equal(memory.clock.pending, 0);
});

t.test('a status that comes is answered when it comes', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const waits = [memory.start(['RUNNING']), memory.start(['UNKNOWN', 'RUNNING']), memory.start(['UNKNOWN'])];
  await memory.clock.advance(5_000);
  t.ok(waits.every(({ outcome }) => outcome === 'waiting'));
  memory.set('RUNNING');
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['RUNNING', 'RUNNING', 'waiting'],
  );
  memory.set('FAILED');
  await memory.clock.advance(0);
  t.equal(waits[2]!.outcome, 'FAILED');
  t.equal(memory.clock.pending, 0, 'nothing is left behind');
});

t.test('when the time is up the container is given as it is', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const wait = memory.start(['RUNNING'], { timeoutMs: 3_000 });
  await memory.clock.advance(2_999);
  t.equal(wait.outcome, 'waiting');
  await memory.clock.advance(1);
  t.equal(wait.outcome, 'PENDING');
  t.equal(memory.start(['RUNNING'], { timeoutMs: 0 }).outcome, 'waiting');
  await memory.clock.advance(0);
  t.equal(memory.clock.pending, 0);
});

t.test('a container that a finalizer keeps is deleted', async (t) => {
  const memory = new Memory();
  memory.set('RUNNING');
  const waits = [memory.start(['FAILED']), memory.start(['DELETED'])];
  await memory.clock.advance(0);
  memory.set('DELETED');
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['NotFoundError', 'DELETED'],
  );
});

t.test('a container that is deleted is told so, and another one under its id is not taken for it', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const waits = [memory.start(['RUNNING']), memory.start(['DELETED'])];
  await memory.clock.advance(0);
  memory.set('RUNNING', { uid: 'second' });
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['NotFoundError', 'DELETED'],
  );
  const again = [memory.start(['UNKNOWN']), memory.start(['DELETED'])];
  await memory.clock.advance(0);
  memory.delete();
  await memory.clock.advance(0);
  t.same(
    again.map(({ outcome }) => outcome),
    ['NotFoundError', 'DELETED'],
  );
  const missing = memory.start(['DELETED']);
  await memory.clock.advance(0);
  t.equal(missing.outcome, 'NotFoundError');
});

t.test('a container that another replica has made is waited for before memory has it', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const view = memory.containers.get('web')!;
  const wait = memory.start(['RUNNING']);
  memory.containers.clear();
  await memory.clock.advance(1_000);
  t.equal(wait.outcome, 'waiting');
  memory.set('RUNNING', { uid: view.uid });
  await memory.clock.advance(0);
  t.equal(wait.outcome, 'RUNNING');
});

t.test('a container that memory has not seen to the end is looked for once more', async (t) => {
  const memory = new Memory();
  const become = (status: ContainerStatus) => memory.unseen.set('web', { id: 'web', status } as Container);
  become('PENDING');
  const changed = memory.start(['UNKNOWN'], { timeoutMs: 3_000 });
  const deleted = [memory.start(['RUNNING']), memory.start(['DELETED'])];
  await memory.clock.advance(0);
  become('RUNNING');
  await memory.clock.advance(3_000);
  t.equal(changed.outcome, 'RUNNING');
  memory.unseen.clear();
  await memory.clock.advance(17_000);
  t.same(
    deleted.map(({ outcome }) => outcome),
    ['NotFoundError', 'DELETED'],
  );
  t.equal(memory.clock.pending, 0);
});

t.test('memory that is cut off answers nobody, and nobody waits for it', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const wait = memory.start(['RUNNING']);
  await memory.clock.advance(5_000);
  memory.isLive = false;
  await memory.clock.advance(1_000);
  t.equal(wait.outcome, UnavailableError.name);
  const later = memory.start(['RUNNING']);
  await memory.clock.advance(0);
  t.equal(later.outcome, UnavailableError.name);
  t.equal(memory.clock.pending, 0);
});

t.test('memory that is cut off is not what an answer is made of', async (t) => {
  const memory = new Memory();
  memory.set('RUNNING');
  memory.isLive = false;
  memory.unseen.set('web', { id: 'web', status: 'PENDING' } as Container);
  const waits = [memory.start(['RUNNING']), memory.start(['PENDING']), memory.start(['RUNNING'], { timeoutMs: 0 })];
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    [UnavailableError.name, 'PENDING', 'PENDING'],
  );
});

t.test('everyone is answered at the end, and whoever comes later as well', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const waits = [memory.start(['RUNNING']), memory.start(['DELETED'])];
  await memory.clock.advance(0);
  memory.waiting.release();
  waits.push(memory.start(['RUNNING']));
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['PENDING', 'PENDING', 'PENDING'],
  );
});

t.test('a client that leaves leaves nothing behind', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const client = new AbortController();
  const wait = memory.start(['RUNNING'], { signal: client.signal });
  await memory.clock.advance(0);
  client.abort(new Error('left'));
  await memory.clock.advance(0);
  t.equal(wait.outcome, 'Error');
  t.equal(memory.clock.pending, 0);
});

t.test('however many wait, there is one timer, and no signal is asked for', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const left: Abortable[] = [];
  const options = {
    get signal(): AbortSignal {
      throw new Error('asked for');
    },
    onAbort: (abortable: Abortable) => void left.push(abortable),
  };
  const outcomes: string[] = [];
  for (let number = 0; number < 100; number++) {
    memory.waiting.wait('web', { statuses: ['RUNNING'], timeoutMs: 10_000 + number }, options).then(
      ({ status }) => outcomes.push(status),
      (error: unknown) => outcomes.push((error as Error).message),
    );
  }
  await memory.clock.advance(0);
  t.equal(memory.clock.pending, 1);
  t.equal(left.length, 100);
  for (const abortable of left.splice(0, 10)) abortable.abort(new Error('left'));
  await memory.clock.advance(0);
  t.same(outcomes, Array<string>(10).fill('left'));
  await memory.clock.advance(10_050);
  t.ok(outcomes.length > 20 && outcomes.length < 100, `${outcomes.length} are answered in the middle`);
  await memory.clock.advance(100);
  t.same(outcomes.slice(10), Array<string>(90).fill('PENDING'));
  t.equal(memory.clock.pending, 0);
});

t.test('time-outs in a row do not have everyone looked at for each of them', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const wait = memory.start(['RUNNING'], { timeoutMs: 15_000 });
  let looks = 0;
  const view = memory.view.bind(memory);
  memory.view = (id) => (looks++, view(id));
  for (let number = 0; number < 1_000; number++) memory.start(['UNKNOWN'], { timeoutMs: 1_000 + number });
  await memory.clock.advance(0);
  looks = 0;
  const set = t.capture(memory.clock, 'after', memory.clock.after.bind(memory.clock));
  await memory.clock.advance(2_100);
  t.equal(looks, 1_000, 'only those whose time was up');
  t.ok(set().length < 100, `${set().length} rounds`);
  t.equal(wait.outcome, 'waiting');
});

t.test('only so many wait', async (t) => {
  const memory = new Memory(2);
  memory.set('PENDING');
  const waits = [memory.start(['RUNNING']), memory.start(['RUNNING'])];
  await memory.clock.advance(0);
  waits.push(memory.start(['RUNNING']));
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['waiting', 'waiting', UnavailableError.name],
  );
});

t.test('20,000 wait at most, and who leaves makes room', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const client = new AbortController();
  memory.start(['RUNNING'], { signal: client.signal });
  for (let number = 1; number < 20_000; number++) memory.start(['RUNNING']);
  await memory.clock.advance(0);
  const refused = memory.waiting.wait(
    'web',
    { statuses: ['RUNNING'], timeoutMs: 1_000 },
    { signal: client.signal, onAbort: () => undefined },
  );
  await t.rejects(refused, { message: 'Too many requests are waiting already.', retryAfterSeconds: 5 });
  client.abort(new Error('left'));
  const waits = [memory.start(['RUNNING']), memory.start(['RUNNING'])];
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['waiting', UnavailableError.name],
  );
});

t.test('a wait that is over first is answered first, whichever began first', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const waits = [900, 500, 700].map((timeoutMs) => memory.start(['RUNNING'], { timeoutMs }));
  const outcomes = () => waits.map(({ outcome }) => outcome);
  await memory.clock.advance(500);
  t.same(outcomes(), ['waiting', 'PENDING', 'waiting']);
  await memory.clock.advance(200);
  t.same(outcomes(), ['waiting', 'PENDING', 'PENDING']);
  await memory.clock.advance(200);
  t.same(outcomes(), ['PENDING', 'PENDING', 'PENDING']);
});

t.test('whoever leaves leaves the others where they are', async (t) => {
  const memory = new Memory();
  memory.set('PENDING');
  const clients = Array.from({ length: 4 }, () => new AbortController());
  const waits = clients.map(({ signal }) => memory.start(['RUNNING'], { signal, timeoutMs: 3_000 }));
  await memory.clock.advance(0);
  for (const index of [1, 3]) clients[index]!.abort(new Error('left'));
  await memory.clock.advance(2_000);
  t.equal(memory.clock.pending, 1);
  memory.set('RUNNING');
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['RUNNING', 'Error', 'RUNNING', 'Error'],
  );
  t.equal(memory.clock.pending, 0);
});

t.test('a container that memory came to see is deleted as soon as memory says so', async (t) => {
  const memory = new Memory();
  memory.unseen.set('web', { id: 'web', status: 'PENDING' } as Container);
  const waits = [memory.start(['RUNNING']), memory.start(['DELETED'])];
  await memory.clock.advance(0);
  memory.set('PENDING');
  memory.delete();
  await memory.clock.advance(0);
  t.same(
    waits.map(({ outcome }) => outcome),
    ['NotFoundError', 'DELETED'],
  );
  t.equal(memory.clock.pending, 0);
});

t.test('one that memory has not seen is answered with what the cluster had, when nobody waits any more', async (t) => {
  const memory = new Memory();
  memory.unseen.set('web', { id: 'web', status: 'PENDING' } as Container);
  const wait = memory.start(['RUNNING']);
  await memory.clock.advance(0);
  memory.waiting.release();
  await memory.clock.advance(0);
  t.equal(wait.outcome, 'PENDING');
});

t.test('the last look at the cluster is by the options of the request, and its failure is told', async (t) => {
  const clock = new ManualClock();
  const asked: unknown[] = [];
  const found: Promise<Container>[] = [Promise.resolve({ id: 'web', status: 'PENDING' } as Container)];
  const waiting = new ContainerWaiting({
    repository: { get: (_id, options) => (asked.push(options), found.shift() ?? Promise.reject(new Error('away'))) },
    source: { isLive: true, onChange: () => () => undefined, view: () => undefined },
    clock,
  });
  const options = { signal: new AbortController().signal, onAbort: () => undefined };
  const failed = t.rejects(waiting.wait('web', { statuses: ['RUNNING'], timeoutMs: 3_000 }, options), {
    message: 'away',
  });
  await clock.advance(3_000);
  await failed;
  t.strictSame(asked, [options, options]);
});
