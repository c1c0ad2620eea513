/** What each operation of the contract does. */
import type { Handlers } from '../../generated/routes.ts';
import type { ClusterHealth, ContainerRepository } from '../containers/repository.ts';
import { findIdFaults, findSpecFaults } from '../containers/rules.ts';
import type { Rules } from './request-validation.ts';

export interface HandlerOptions {
  repository: ContainerRepository;
  health: ClusterHealth;
  /** The version of this package. */
  version: string;
}

export function createHandlers({ repository, health, version }: HandlerOptions): Handlers {
  const startedAt = performance.now();
  return {
    async ListContainers(call) {
      const { page_token: pageToken, max_page_size: pageSize } = call.query;
      const page = await repository.list({ pageSize, ...(pageToken !== undefined && { pageToken }) }, call);
      const next = page.nextPageToken;
      return {
        status: 200,
        body: { containers: page.containers, ...(next !== undefined && { next_page_token: next }) },
      };
    },

    async CreateContainer({ query: { id }, body: { spec }, signal }) {
      const container = await repository.create({ ...(id !== undefined && { id }), spec }, { signal });
      return { status: 201, body: container };
    },

    async GetHealth() {
      return {
        status: 200,
        body: {
          type: 'k8s-container-service-provider.dcm.io/health',
          status: (await health.healthy()) ? 'healthy' : 'unhealthy',
          path: 'health',
          version,
          uptime: Math.floor((performance.now() - startedAt) / 1_000),
        },
      };
    },

    async GetContainer(call) {
      // Handed on whole: its signal costs something once it is asked for, and a read from memory does not ask.
      return { status: 200, body: await repository.get(call.params.container_id, call) };
    },

    async DeleteContainer({ params, signal }) {
      await repository.delete(params.container_id, { signal });
      return { status: 204 };
    },
  };
}

/** Rules of single operations that their schemas cannot say. */
export const operationRules: Partial<Record<keyof Handlers, Rules>> = {
  CreateContainer: ({ query, body }) => [...findIdFaults(member(query, 'id')), ...findSpecFaults(member(body, 'spec'))],
};

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
