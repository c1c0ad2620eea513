/** The controllers of the sandbox, and how fast they are. */
import type { Faults } from '../faults.ts';
import type { Registry } from '../registry.ts';

/** Milliseconds, all of them. */
export interface ControllerTimes {
  /** From a Pod's creation to its running. */
  podStart: number;
}

export interface Controllers {
  stop(): void;
}

export function startControllers(
  _registry: Registry,
  _faults: Faults,
  _times: Partial<ControllerTimes>,
  _workloads: boolean,
): Controllers {
  return { stop: () => undefined };
}
