/** Leases: what the API server asks of their numbers. */
import type { KubernetesObject } from '../objects.ts';
import { invalidValue } from '../validation/field-error.ts';
import type { FieldError } from '../validation/field-error.ts';
import type { Kind } from './kind.ts';
import { plainKind } from './plain.ts';

function validate(object: KubernetesObject): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions } = (object['spec'] ?? {}) as Record<string, number | undefined>;
  return [
    ...(leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0
      ? [invalidValue('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')]
      : []),
    ...(leaseTransitions !== undefined && leaseTransitions < 0
      ? [invalidValue('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0')]
      : []),
  ];
}

export const leaseKind: Kind = { ...plainKind, validate };
