import fc from 'fast-check';
import t from 'tap';

import { defaultLeaseName, isObjectName } from '../../src/config/lease-name.ts';

const names: [providerName: string, leaseName: string | RegExp][] = [
  ['k8s-1', 'dcm-provider-k8s-1'],
  ['k8s.1', 'dcm-provider-k8s.1'],
  ['K8s-1', /^dcm-provider-k8s-1-[0-9a-f]{10}$/],
  ['k8s_1', /^dcm-provider-k8s-1-[0-9a-f]{10}$/],
  ['k8s-1-', /^dcm-provider-k8s-1--[0-9a-f]{10}$/],
  ['a..b', /^dcm-provider-a--b-[0-9a-f]{10}$/],
  ['a.', /^dcm-provider-a--[0-9a-f]{10}$/],
  ['a'.repeat(240), `dcm-provider-${'a'.repeat(240)}`],
  ['a'.repeat(241), /^dcm-provider-a{229}-[0-9a-f]{10}$/],
];

for (const [providerName, leaseName] of names) {
  t.test(`names the Lease of ${providerName.slice(0, 20)}`, (t) => {
    t.match(defaultLeaseName(providerName), leaseName);
    t.end();
  });
}

t.test('every provider has a Lease whose name Kubernetes takes, and no two share one', (t) => {
  const providerName = fc.stringMatching(/^[A-Za-z0-9._-]{1,300}$/);
  fc.assert(fc.property(providerName, (name) => isObjectName(defaultLeaseName(name))));
  fc.assert(
    fc.property(
      fc.stringMatching(/^[aA._-]{1,4}$/),
      fc.stringMatching(/^[aA._-]{1,4}$/),
      (one, other) => one === other || defaultLeaseName(one) !== defaultLeaseName(other),
    ),
  );
  t.end();
});
