import t from 'tap';

import type { Check, Part, Probe } from '../../src/lifecycle.ts';
import { answerProbe, answerSingleCheck, Probes } from '../../src/management/probes.ts';

const ok: Check = { ok: true };
const away: Check = { ok: false, reason: 'it is away' };
const nothing = () => undefined;

function part(name: string, health?: Partial<Record<Probe, Check>>): Part {
  return { name, start: nothing, stop: nothing, ...(health && { health: () => health }) };
}

t.test('a probe has the checks of the parts that join it, and those of the process itself', (t) => {
  const probes = new Probes([
    part('cluster', { readyz: away }),
    part('leadership', { livez: ok }),
    part('nats'),
    part('http', { readyz: ok }),
  ]);
  const names = (probe: Probe) => probes.checks(probe).map(({ name }) => name);
  t.strictSame(names('livez'), ['ping', 'leadership']);
  t.strictSame(names('readyz'), ['ping', 'shutdown', 'cluster', 'http']);
  t.end();
});

t.test('a part may be an object with a state of its own', (t) => {
  class Leader implements Part {
    readonly name = 'leadership';
    #leads = true;
    start() {
      this.#leads = false;
    }
    stop = nothing;
    health() {
      return { livez: this.#leads ? ok : away };
    }
  }
  const leader = new Leader();
  const probes = new Probes([leader]);
  t.strictSame(probes.checks('livez').at(-1), { name: 'leadership', check: ok });
  leader.start();
  t.strictSame(probes.checks('livez').at(-1), { name: 'leadership', check: away });
  t.end();
});

t.test('who stops is alive and not ready', (t) => {
  const probes = new Probes([part('http', { readyz: ok, livez: ok })]);
  t.equal(answerProbe('readyz', probes.checks('readyz'), false).status, 200);
  probes.stop();
  t.equal(answerProbe('livez', probes.checks('livez'), false).status, 200);
  t.strictSame(answerProbe('readyz', probes.checks('readyz'), false), {
    status: 500,
    text: '[+]ping ok\n[-]shutdown failed: the process is stopping\n[+]http ok\nreadyz check failed\n',
  });
  t.end();
});

t.test('names the checks when it is asked to, or when one fails', (t) => {
  const passing = [{ name: 'ping', check: ok }];
  const failing = [...passing, { name: 'cluster', check: away }];
  t.strictSame(answerProbe('readyz', passing, false), { status: 200, text: 'ok' });
  t.strictSame(answerProbe('readyz', passing, true), { status: 200, text: '[+]ping ok\nreadyz check passed\n' });
  t.strictSame(answerProbe('readyz', failing, false), {
    status: 500,
    text: '[+]ping ok\n[-]cluster failed: it is away\nreadyz check failed\n',
  });
  t.end();
});

t.test('answers single checks', (t) => {
  const checks = [
    { name: 'ping', check: ok },
    { name: 'cluster', check: away },
  ];
  t.strictSame(answerSingleCheck(checks, 'ping'), { status: 200, text: 'ok' });
  t.strictSame(answerSingleCheck(checks, 'cluster'), { status: 500, text: 'cluster failed: it is away\n' });
  t.equal(answerSingleCheck(checks, 'other').status, 404);
  t.end();
});
