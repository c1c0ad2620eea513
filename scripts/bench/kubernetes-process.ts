/** The sandbox's Kubernetes API in a process of its own. */
import { startKubernetesApi } from '../sandbox/kubernetes/api.ts';
import type { SandboxKubernetes } from '../sandbox/kubernetes/api.ts';
import { serveJobs } from './jobs.ts';

const jobs = { start, countCalls };
export type KubernetesJobs = typeof jobs;
serveJobs(jobs);

let kubernetes: SandboxKubernetes | undefined;

/** @returns the path of a kubeconfig */
async function start({ kubeconfig }: { kubeconfig: string }): Promise<string> {
  kubernetes = await startKubernetesApi({
    tls: true,
    controllers: { podStart: 20, loadBalancer: 20, loadBalancerCleanup: 20, termination: 20 },
    nodePorts: { first: 1_024, last: 65_535 },
  });
  return kubernetes.writeKubeconfig(kubeconfig);
}

/** Requests for Deployments, Pods and Services so far, without the watches and what has to do with status. */
function countCalls(): number {
  const resource = ['deployments', 'pods', 'services'];
  return kubernetes?.requests.count({ verb: ['get', 'list', 'create', 'update', 'patch', 'delete'], resource }) ?? 0;
}
