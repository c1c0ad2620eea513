/** One paged raw list of a namespace's objects, by a client that does nothing else with them. */
import { ClusterApi } from '../cluster/api.ts';
import { serveJobs } from './jobs.ts';

const jobs = { list };
export type RawListJobs = typeof jobs;
serveJobs(jobs);

interface Page {
  items: unknown[];
  metadata: { continue?: string };
}

/** @returns the milliseconds that it took, in pages of 500 */
async function list({ kubeconfig, paths }: { kubeconfig: string; paths: readonly string[] }): Promise<number> {
  await using api = await ClusterApi.fromKubeconfig(kubeconfig);
  const startedAt = performance.now();
  await Promise.all(paths.map((path) => listAll(api, path)));
  return performance.now() - startedAt;
}

async function listAll(api: ClusterApi, path: string): Promise<unknown[]> {
  const items: unknown[] = [];
  let token: string | undefined;
  do {
    const page: Page = await api.get<Page>(`${path}?limit=500${token ? `&continue=${encodeURIComponent(token)}` : ''}`);
    items.push(...page.items);
    token = page.metadata.continue;
  } while (token);
  return items;
}
