/** What is seen of a container, from one change of its objects to the next. */
import t from 'tap';
import { parseExactly } from '../../../src/containers/json.ts';
import { viewObjects } from '../../../src/kubernetes/objects/container.ts';
import { buildDeployment, projectDeployment } from '../../../src/kubernetes/objects/deployment.ts';
import { containerSpec } from '../../support/base-spec.ts';

const identity = { id: 'web', incarnation: 'bcdfghjklm', namespace: 'containers' };
const moment = { now: 0, elapsed: 0 };

/** As a watch tells of the Deployment, each time in another version. */
function deploymentOf(spec: ReturnType<typeof containerSpec>, resourceVersion: string) {
  const { metadata, ...rest } = buildDeployment(identity, spec);
  return projectDeployment({ ...rest, metadata: { ...metadata, uid: 'u-1', resourceVersion } })!;
}

t.test('a spec with numbers that a double cannot hold is decoded once, until it changes', (t) => {
  const odd = (text: string) => containerSpec({ custom: parseExactly(text) });
  const view = (deployment: ReturnType<typeof deploymentOf>, before?: ReturnType<typeof viewObjects>) =>
    viewObjects({ deployments: [deployment], services: [], pods: [] }, { namespace: 'containers', moment, before })!;
  const customOf = ({ spec }: ReturnType<typeof view>) => (spec as unknown as { custom: object }).custom;
  const first = view(deploymentOf(odd('[1.0]'), '1'));
  const custom = customOf(first);
  t.equal(JSON.stringify(custom), '[1.0]');
  const second = view(deploymentOf(odd('[1.0]'), '2'), first);
  const third = view(deploymentOf(odd('[1.0]'), '3'), second);
  t.equal(customOf(third), custom, 'also where nobody has read it between');
  t.equal(JSON.stringify(customOf(view(deploymentOf(odd('[1.00]'), '4'), third))), '[1.00]');
  t.end();
});
