/** The controllers of the sandbox. */
import type { Faults } from '../faults.ts';
import type { Registry } from '../registry.ts';
import type { ControllerContext } from './context.ts';
import { startDeploymentController } from './deployments.ts';
import { startGarbageCollector } from './garbage-collector.ts';
import { startNamespaceController } from './namespaces.ts';
import { startPodController } from './pods.ts';
import { startReplicaSetController } from './replica-sets.ts';
import { startServiceController } from './services.ts';
import { Timers } from './timers.ts';
import { watchableTimes } from './times.ts';
import type { ControllerTimes } from './times.ts';

export interface Controllers {
  stop(): void;
}

export interface ControllerOptions {
  times: Partial<ControllerTimes>;
  /** Whether anything but namespaces is looked after. */
  workloads: boolean;
  log: (message: string, fields: Record<string, unknown>) => void;
}

export function startControllers(registry: Registry, faults: Faults, options: ControllerOptions): Controllers {
  const timers = new Timers();
  const times = { ...watchableTimes, ...options.times };
  const context: ControllerContext = { registry, faults, times, timers, log: options.log };
  startNamespaceController(context);
  if (options.workloads) {
    startDeploymentController(context);
    startReplicaSetController(context);
    startPodController(context);
    startServiceController(context);
    startGarbageCollector(context);
  }
  return { stop: () => timers.stop() };
}
