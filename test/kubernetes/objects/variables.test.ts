/** `$` in values: what is sent reaches the container, unless it asks for Kubernetes' replacement, and reads show what was sent. */
import fc from 'fast-check';
import t from 'tap';
import type { ContainerSpec } from '../../../src/containers/container.ts';
import type { Deployment } from '../../../src/kubernetes/api/resources.ts';
import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import {
  buildDeployment,
  projectDeployment,
  escapeVariables,
  unescapeVariables,
} from '../../../src/kubernetes/objects/deployment.ts';
import { specAnnotation, variablesAnnotation } from '../../../src/kubernetes/objects/identity.ts';
import { containerSpec } from '../../support/base-spec.ts';

const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace: 'containers' };
const stored = { uid: 'd-1', resourceVersion: '7', creationTimestamp: '2026-01-21T10:00:00Z' };
const values = ['pa$$word', '$(PW)', '$$(PW)', '$', '$$', '$$$', 'a$b', '$(', '$()', '${PW}', '$(a$(PW))', ''];

/** What a kubelet makes of a value: `$$` is `$`, and `$(NAME)` the variable's value, or itself where there is none. */
function replaced(value: string, variables: Readonly<Record<string, string>>): string {
  return value.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (whole, name?: string) =>
    name === undefined ? '$' : (variables[name] ?? whole),
  );
}

function withValues(hints: object | undefined, ...texts: string[]): ContainerSpec {
  return containerSpec({
    process: { command: texts, args: texts, env: texts.map((value, index) => ({ name: `V${index}`, value })) },
    ...(hints && { provider_hints: { kubernetes: hints as Record<string, unknown> } }),
  });
}

function podContainer(deployment: Deployment) {
  return deployment.spec!.template.spec!.containers[0]!;
}

function read(deployment: Deployment): ContainerSpec['process'] {
  const record = projectDeployment({ ...deployment, metadata: { ...deployment.metadata, ...stored } })!;
  const objects = { deployments: [record], services: [], pods: [] };
  return viewObjects(objects, { namespace: 'containers', moment: { now: 0, elapsed: 0 } })!.container.spec.process;
}

/** Without any record of how it was made, or without the spec alone. */
function without(deployment: Deployment, ...annotations: string[]): Deployment {
  const kept = Object.entries(deployment.metadata!.annotations!).filter(([key]) => !annotations.includes(key));
  return { ...deployment, metadata: { ...deployment.metadata, annotations: Object.fromEntries(kept) } };
}

t.test('what is escaped reaches the container as it was, whatever variables there are', (t) => {
  const text = fc.string({ unit: fc.constantFrom('$', '(', ')', 'A', 'B', 'é', '\\') });
  const variables = fc.dictionary(fc.constantFrom('', 'A', 'B', 'AB'), fc.constantFrom('', 'x', '$(A)'));
  fc.assert(
    fc.property(text, variables, (value, known) => {
      return replaced(escapeVariables(value), known) === value && unescapeVariables(escapeVariables(value)) === value;
    }),
    { numRuns: 1_000 },
  );
  t.equal(replaced('pa$$word $(A) $(B)', { A: '1' }), 'pa$word 1 $(B)', 'what is not escaped does not');
  t.end();
});

t.test('values, command, args and the commands of probes are literal, and the Deployment says so', (t) => {
  const probe = { exec: { command: values }, period_seconds: 5 };
  const made = buildDeployment(identity, withValues({ readiness_probe: probe, liveness_probe: probe }, ...values));
  const { command, args, env, readinessProbe, livenessProbe } = podContainer(made);
  for (const list of [
    command,
    args,
    env!.map(({ value }) => value!),
    readinessProbe!.exec!.command,
    livenessProbe!.exec!.command,
  ]) {
    t.same(
      list!.map((value) => replaced(value, { PW: 'secret', a$: 'x' })),
      values,
    );
  }
  t.equal(made.metadata!.annotations![variablesAnnotation], 'literal');
  t.same(read(made), withValues(undefined, ...values).process);
  t.same(read(without(made, specAnnotation)), withValues(undefined, ...values).process, 'rebuilt');
  t.end();
});

t.test('with the hint, values are as Kubernetes knows them', (t) => {
  const probe = { exec: { command: values } };
  const made = buildDeployment(identity, withValues({ expand_variables: true, startup_probe: probe }, ...values));
  const { command, args, env, startupProbe } = podContainer(made);
  for (const list of [command, args, env!.map(({ value }) => value), startupProbe!.exec!.command]) t.same(list, values);
  t.equal(made.metadata!.annotations![variablesAnnotation], undefined);
  t.same(read(made), withValues(undefined, ...values).process);
  t.end();
});

t.test('the hint asks for it by true alone', (t) => {
  for (const hints of [{ expand_variables: false }, {}]) {
    t.same(podContainer(buildDeployment(identity, withValues(hints, '$'))).args, ['$$']);
  }
  const numbered = containerSpec({ process: { args: ['$'] }, provider_hints: { kubernetes: 5 as never } });
  t.same(podContainer(buildDeployment(identity, numbered)).args, ['$$']);
  t.end();
});

t.test('containers that were made before, and those of the reference provider, are shown as they stand', (t) => {
  // As both wrote them: without a record, and with the values as they were sent.
  const asSent = buildDeployment(identity, withValues({ expand_variables: true }, ...values));
  t.same(read(without(asSent, variablesAnnotation)), withValues(undefined, ...values).process);
  t.same(read(without(asSent, variablesAnnotation, specAnnotation)), withValues(undefined, ...values).process);
  t.end();
});
