/** What each operation of the contract does. */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Handlers, OperationId } from '../../generated/routes.ts';
import type { Container, ContainerSpec } from '../containers/container.ts';
import { parseDuration } from '../containers/units.ts';
import type { ContainerLogs, ContainerRepository, CurrentSpec } from '../containers/repository.ts';
import type { ContainerWaiting } from '../containers/waiting.ts';
import { entityTagOf, ifMatchRule, parseIfMatch } from '../containers/entity-tag.ts';
import { containerIdOfKey, idempotencyKeyRule, parseIdempotencyKey } from '../containers/idempotency.ts';
import { InvalidArgumentError, NotFoundError } from '../containers/errors.ts';
import type { Violation } from '../containers/errors.ts';
import { findFilterViolations, parseFilter } from '../containers/filter.ts';
import { mergePatch, findFixedViolations } from '../containers/update.ts';
import { findPageTokenViolations } from '../containers/page-token.ts';
import { allowingUntouched, haveSameHints, unknownHints } from '../containers/hints.ts';
import type { HintPolicy } from '../containers/hints.ts';
import { findBodyViolations, findIdViolations, findPatchViolations } from '../containers/rules.ts';
import { maxBodyBytes } from './server/body.ts';
import { withinPage } from './contract/serialize.ts';
import type { BodyValidation, Rules } from './contract/request-validation.ts';

export interface HandlerOptions {
  /** Reads the text of a body that a create could have; throws what is wrong with it. */
  readBody: BodyValidation;
  repository: ContainerRepository;
  /** Absent: callers may not read them. */
  logs?: ContainerLogs;
  waiting: ContainerWaiting;
  /** Whether the cluster can be worked with; answers within 2 s whatever it does, and never rejects. */
  isClusterHealthy: () => Promise<boolean>;
  hintPolicy: HintPolicy;
  log: Logger;
  /** From the arrival of a request's headers to its answer, in milliseconds. */
  timeouts: { requestMs: number };
  /** The version of this package. */
  version: string;
}

function found(body: Container) {
  return { status: 200, headers: tagged(body), body } as const;
}

function tagged(container: Container): { etag: string } {
  return { etag: entityTagOf(container) };
}

/** What is kept of the time for a request to answer when a wait ends, in milliseconds. */
const answerMs = 1_000;

export function createHandlers(options: HandlerOptions): Handlers {
  const { repository, logs, waiting, isClusterHealthy, version, log, timeouts } = options;
  const startedAt = performance.now();
  return {
    async ListContainers(call) {
      const { page_token: pageToken, max_page_size: pageSize, filter } = call.query;
      const request = {
        ...{ pageSize, fits: withinPage() },
        ...(pageToken !== undefined && { pageToken }),
        ...(filter !== undefined && { filter: parseFilter(filter) }),
      };
      const page = await repository.list(request, call);
      const next = page.nextPageToken;
      return {
        status: 200,
        body: { containers: page.containers, ...(next !== undefined && { next_page_token: next }) },
      };
    },

    async CreateContainer(call) {
      const { signal } = call;
      const { id: asked, validate_only: validateOnly } = call.query;
      const { spec } = call.body;
      const header = call.headers['Idempotency-Key'];
      const key = header === undefined || validateOnly ? undefined : parseIdempotencyKey(header)!;
      const id = asked ?? (key === undefined ? randomUUID() : containerIdOfKey(key));
      call.chose(id);
      const request = { id, spec };
      if (validateOnly) return { status: 200, body: await repository.validate(request, { signal }) };
      const ignored = unknownHints(spec);
      if (ignored.length > 0) log.info({ containerId: id, hints: ignored }, 'hints that nothing acts upon are ignored');
      if (key === undefined) {
        const body = await repository.create(request, { signal });
        return { status: 201, headers: tagged(body), body };
      }
      const { container: body, replayed } = await repository.createOnce({ ...request, key }, { signal });
      const headers = { ...tagged(body), ...(replayed && { 'idempotency-replayed': 'true' }) };
      return { status: 201, headers, body };
    },

    async GetHealth() {
      return {
        status: 200,
        body: {
          type: 'k8s-container-service-provider.dcm.io/health',
          status: (await isClusterHealthy()) ? 'healthy' : 'unhealthy',
          path: 'health',
          version,
          uptime: Math.floor((performance.now() - startedAt) / 1_000),
        },
      };
    },

    async GetContainer(call) {
      // Handed on whole: its signal costs something once it is asked for, and a read from memory does not ask.
      return found(await repository.get(call.params.container_id, call));
    },

    WaitContainer(call) {
      const { status, timeout } = call.query;
      const timeoutMs = Math.min(parseDuration(timeout)!, Math.max(0, timeouts.requestMs - answerMs));
      // Not awaited: nothing of the call stays with one that waits.
      return waiting.wait(call.params.container_id, { statuses: [...new Set(status)], timeoutMs }, call).then(found);
    },

    async LogsContainer(call) {
      if (logs === undefined) throw new NotFoundError('This provider does not serve logs: SP_LOGS is not true.');
      const { tail_lines: tailLines, since, previous, timestamps, follow } = call.query;
      const sinceMs = since !== undefined && { sinceMs: parseDuration(since)! };
      const request = { tailLines, previous, timestamps, follow, ...sinceMs };
      const body = await logs.read(call.params.container_id, request, call);
      if (follow) call.outlast();
      // What a container writes is not to be taken for a page.
      return { status: 200, body, headers: { 'x-content-type-options': 'nosniff' } };
    },

    async UpdateContainer({ params, query, headers, body, signal }) {
      const { 'If-Match': ifMatch } = headers;
      const request = {
        id: params.container_id,
        change: (current: CurrentSpec) => changeSpec(options, current, body),
        validateOnly: query.validate_only,
        ...(ifMatch !== undefined && { isFor: parseIfMatch(ifMatch)! }),
      };
      return found(await repository.update(request, { signal }));
    },

    async RestartContainer({ params, signal }) {
      return found(await repository.restart(params.container_id, { signal }));
    },

    async DeleteContainer({ params, headers, signal }) {
      const header = headers['Idempotency-Key'];
      const keyed = header !== undefined && { key: parseIdempotencyKey(header)! };
      await repository.delete(params.container_id, { signal, ...keyed });
      return { status: 204 };
    },
  };
}

/**
 * The spec that a merge patch makes of the present one.
 *
 * @throws InvalidArgumentError with all that is wrong with it
 */
function changeSpec(
  { readBody, hintPolicy }: Pick<HandlerOptions, 'readBody' | 'hintPolicy'>,
  { spec, hintsApply }: CurrentSpec,
  patch: unknown,
): ContainerSpec {
  const text = JSON.stringify(mergePatch({ spec }, patch));
  if (Buffer.byteLength(text) > maxBodyBytes) {
    throw new InvalidArgumentError(undefined, [
      { detail: 'must have at most 200 KiB once it is changed', pointer: '/spec' },
    ]);
  }
  const changed = readBody(text, (sent) => {
    const after = member(sent, 'spec');
    const mayKeep = hintsApply || haveSameHints(spec, after);
    const policy = mayKeep ? allowingUntouched(hintPolicy, spec, after) : hintPolicy;
    return [...findFixedViolations(patch, spec), ...findBodyViolations(sent, policy)];
  });
  return (changed as { spec: ContainerSpec }).spec;
}

/** Rules of single operations that their schemas cannot say. */
export function createRules({ hintPolicy }: Pick<HandlerOptions, 'hintPolicy'>): Partial<Record<OperationId, Rules>> {
  return {
    WaitContainer: ({ query }) => findDurationViolations('timeout', member(query, 'timeout')),
    LogsContainer: ({ query }) => findDurationViolations('since', member(query, 'since'), 1),
    ListContainers: ({ query }) => [
      ...findPageTokenViolations(member(query, 'page_token'), member(query, 'filter')),
      ...findFilterViolations(member(query, 'filter')),
    ],
    UpdateContainer: ({ body, raw }) => [
      ...findIfMatchViolations(raw.headersDistinct['if-match']),
      ...findPatchViolations(body),
    ],
    DeleteContainer: ({ raw }) => findKeyViolations(raw.headersDistinct['idempotency-key']),
    CreateContainer: ({ query, body, raw }) => [
      ...(member(query, 'validate_only') === 'true' ? [] : findKeyViolations(raw.headersDistinct['idempotency-key'])),
      ...findIdViolations(member(query, 'id')),
      ...findBodyViolations(body, hintPolicy),
    ],
  };
}

function findKeyViolations(values: readonly string[] = []): Violation[] {
  if (values.length === 0) return [];
  if (values.length > 1) return [{ detail: 'must be given once', parameter: 'Idempotency-Key' }];
  if (parseIdempotencyKey(values[0]!) !== undefined) return [];
  return [{ detail: idempotencyKeyRule, parameter: 'Idempotency-Key' }];
}

function findDurationViolations(parameter: string, value: unknown, leastMs = 0): Violation[] {
  if (typeof value !== 'string' || (parseDuration(value) ?? -1) >= leastMs) return [];
  const detail = `must be a duration${leastMs > 0 ? ' above 0' : ''} such as 500ms, 20s or 1m30s`;
  return [{ detail, parameter }];
}

function findIfMatchViolations(values: readonly string[] = []): Violation[] {
  if (values.length === 0 || parseIfMatch(values.join(', ')) !== undefined) return [];
  return [{ detail: ifMatchRule, parameter: 'If-Match' }];
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
