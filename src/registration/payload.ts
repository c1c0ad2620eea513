/** What we tell the registry about ourselves. */
import type { components } from '../../generated/dcm-registry.ts';
import type { ProviderIdentity } from '../config/config.ts';

export type Registration = components['schemas']['ProviderRegistration'];

/** What is not configured is left out, rather than sent empty. */
export function buildRegistration({ name, endpoint, displayName, region, zone }: ProviderIdentity): Registration {
  const metadata = {
    ...(region !== undefined && { region_code: region }),
    ...(zone !== undefined && { zone }),
  };
  return {
    name,
    service_type: 'container',
    schema_version: 'v1alpha1',
    ...(displayName !== undefined && { display_name: displayName }),
    endpoint: `${endpoint}/api/v1alpha1/containers`,
    operations: ['CREATE', 'DELETE', 'READ'],
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}
