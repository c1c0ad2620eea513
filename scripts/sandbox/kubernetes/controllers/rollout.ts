/** How many Pods each ReplicaSet of a Deployment should have next: pure, so that a roll-out can be read as a table. */

export interface ReplicaSetState {
  name: string;
  /** What it was asked for. */
  replicas: number;
  /** How many of its Pods are available. */
  available: number;
  /** Whether Pods of it are left that have not ended, those that are being deleted included. */
  hasPods: boolean;
}

export interface RolloutBounds {
  /** How many Pods there may be beyond those desired. */
  surge: number;
  /** How many of those desired may be missing. */
  unavailable: number;
}

export interface RolloutState {
  desired: number;
  strategy: 'RollingUpdate' | 'Recreate';
  bounds: RolloutBounds;
  /** Of the present template. */
  current: ReplicaSetState;
  /** Of other templates, oldest first. */
  old: readonly ReplicaSetState[];
}

/** @param given - as the Deployment has them: numbers, or shares of the desired replicas in percent */
export function rolloutBounds(
  desired: number,
  { maxSurge = '25%', maxUnavailable = '25%' }: { maxSurge?: number | string; maxUnavailable?: number | string } = {},
): RolloutBounds {
  const surge = amount(maxSurge, desired, Math.ceil);
  const unavailable = amount(maxUnavailable, desired, Math.floor);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** @returns the replicas wanted, by the name of the ReplicaSet */
export function planReplicas(state: RolloutState): Map<string, number> {
  return state.strategy === 'Recreate' ? planRecreate(state) : planRollingUpdate(state);
}

/** Whether a roll-out that recreates has to wait for these. */
export function hasPodsLeft(replicaSets: readonly ReplicaSetState[]): boolean {
  return replicaSets.some(({ hasPods, replicas }) => hasPods || replicas > 0);
}

function planRecreate({ desired, current, old }: RolloutState): Map<string, number> {
  const plan = new Map(old.map(({ name }) => [name, 0]));
  return plan.set(current.name, hasPodsLeft(old) ? Math.min(current.replicas, desired) : desired);
}

function planRollingUpdate(state: RolloutState): Map<string, number> {
  const { desired, bounds, current, old } = state;
  const plan = new Map([current, ...old].map(({ name, replicas }) => [name, replicas]));
  const sum = (): number => plan.values().reduce((total, replicas) => total + replicas, 0);

  const room = Math.max(0, desired + bounds.surge - sum());
  plan.set(current.name, Math.min(desired, current.replicas + room));

  const newUnavailable = Math.max(0, (plan.get(current.name) ?? 0) - current.available);
  let removable = Math.max(0, sum() - (desired - bounds.unavailable) - newUnavailable);
  const byHealth = old.flatMap(({ name, replicas, available }) => [
    { name, count: Math.max(0, replicas - available), healthy: false },
    { name, count: Math.min(replicas, available), healthy: true },
  ]);
  for (const { name, count } of byHealth.toSorted((left, right) => Number(left.healthy) - Number(right.healthy))) {
    const removed = Math.min(count, removable);
    plan.set(name, (plan.get(name) ?? 0) - removed);
    removable -= removed;
  }
  return plan;
}

function amount(value: number | string, desired: number, round: (share: number) => number): number {
  if (typeof value === 'number') return value;
  return round((Number.parseFloat(value) / 100) * desired);
}
