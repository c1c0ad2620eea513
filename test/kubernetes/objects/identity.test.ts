import t from 'tap';
import * as identity from '../../../src/kubernetes/objects/identity.ts';

t.test('labels and annotations are called as on containers that are there already', (t) => {
  const names = Object.fromEntries(Object.entries(identity).filter(([name]) => /(Label|Annotation)$/.test(name)));
  t.strictSame(names, {
    managedByLabel: 'dcm.project/managed-by',
    instanceIdLabel: 'dcm.project/dcm-instance-id',
    serviceTypeLabel: 'dcm.project/dcm-service-type',
    incarnationLabel: 'dcm.project/dcm-incarnation',
    serviceScopeLabel: 'dcm.project/dcm-service-scope',
    specAnnotation: 'dcm.project/container-spec',
    hintsAnnotation: 'dcm.project/hints',
    variablesAnnotation: 'dcm.project/variables',
    isolationAnnotation: 'dcm.project/isolate-internal-ports',
    keyAnnotation: 'dcm.project/idempotency-key',
    requestAnnotation: 'dcm.project/idempotency-request',
    deleteAnnotation: 'dcm.project/idempotency-delete',
    providerAnnotation: 'dcm.project/provider',
    serviceRevisionAnnotation: 'dcm.project/service-revision',
    restartAnnotation: 'kubectl.kubernetes.io/restartedAt',
  });
  t.end();
});

t.test('objects are found by the labels that every container has', (t) => {
  const all = 'dcm.project/managed-by=dcm,dcm.project/dcm-service-type=container,dcm.project/dcm-instance-id';
  t.equal(identity.allContainersSelector, all);
  t.equal(identity.oneContainer('web'), `${all}=web`);
  t.equal(identity.anyContainer(['web', 'db']), `${all} in (web,db)`);
  t.equal(identity.oneIncarnation('web', undefined), `${all}=web`);
  t.equal(identity.oneIncarnation('web', 'k3x9'), `${all}=web,dcm.project/dcm-incarnation=k3x9`);
  t.end();
});

t.test('an object is another provider’s where it names one that is none of ours', (t) => {
  const { otherProvider, providerAnnotation } = identity;
  const of = (name: string) => ({ [providerAnnotation]: name });
  t.equal(otherProvider(of('other'), ['new', 'old']), 'other');
  for (const ours of ['new', 'old']) t.equal(otherProvider(of(ours), ['new', 'old']), undefined);
  t.equal(otherProvider({}, ['new']), undefined);
  t.equal(otherProvider(undefined, ['new']), undefined);
  t.equal(otherProvider(of('other'), undefined), undefined);
  t.end();
});

t.test('names are the same on every replica, and no longer than they may be', (t) => {
  const { deploymentName, serviceName, externalServiceName, isExternalServiceName, randomIncarnation } = identity;
  const long = 'a'.repeat(63);
  t.equal(deploymentName(long), `dcm-${long}`);
  t.equal(serviceName('web', 'k3x9'), 'dcm-web-k3x9');
  t.equal(serviceName('web', undefined), 'dcm-web');
  t.equal(externalServiceName('web', 'k3x9'), 'dcm-web-k3x9-external');
  t.equal(externalServiceName('web', undefined), 'dcm-web-external');
  for (const nameOf of [serviceName, externalServiceName]) {
    t.equal(nameOf(long, 'bcdfghjklm').length, 63);
    t.equal(isExternalServiceName(nameOf(long, 'bcdfghjklm')), nameOf === externalServiceName);
  }
  const drawn = Array.from({ length: 100 }, randomIncarnation);
  t.ok(drawn.every((incarnation) => /^[bcdfghjklmnpqrstvwxz2456789]{10}$/.test(incarnation)));
  t.equal(new Set(drawn).size, 100);
  t.end();
});
