/** Calls of the API that are expected to succeed. */
import type { Client, Schemas } from '../../generated/client.ts';
import { containerSpec } from './base-spec.ts';
import type { ContainerSpec } from './base-spec.ts';

export type Container = Schemas['Container'];

/** @throws the problem document of any answer but 201 */
export async function createContainer(client: Client, id: string, spec: ContainerSpec = containerSpec()) {
  const { data, error } = await client.POST('/containers', { params: { query: { id } }, body: { spec } });
  return data ?? refused(`create ${id}`, error);
}

/** @throws the problem document of any answer but 200 */
export async function readContainer(client: Client, id: string): Promise<Container> {
  const { data, error } = await client.GET('/containers/{container_id}', { params: { path: { container_id: id } } });
  return data ?? refused(`read ${id}`, error);
}

/** @throws the problem document of any answer but 204 */
export async function deleteContainer(client: Client, id: string): Promise<void> {
  const { response, error } = await client.DELETE('/containers/{container_id}', {
    params: { path: { container_id: id } },
  });
  if (response.status !== 204) refused(`delete ${id}`, error);
}

/** The status of the answer to a read. */
export async function readStatusCode(client: Client, id: string): Promise<number> {
  const path = { container_id: id };
  return (await client.GET('/containers/{container_id}', { params: { path } })).response.status;
}

/** The ids of all containers, in the order of the list, from pages of the size given. */
export async function listIds(client: Client, pageSize = 1000): Promise<string[]> {
  const ids: string[] = [];
  let token: string | undefined;
  do {
    const page = await listPage(client, pageSize, token);
    ids.push(...page.containers.map(({ id }) => id));
    token = page.next_page_token;
  } while (token !== undefined);
  return ids;
}

/** @throws the problem document of any answer but 200 */
export async function listPage(client: Client, pageSize: number, token?: string): Promise<Schemas['ContainerList']> {
  const query = { max_page_size: pageSize, ...(token !== undefined && { page_token: token }) };
  const { data, error } = await client.GET('/containers', { params: { query } });
  return data ?? refused('list', error);
}

function refused(what: string, problem: unknown): never {
  throw new Error(`${what}: ${JSON.stringify(problem)}`);
}
