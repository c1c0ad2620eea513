/** Environments of a provider, without a process. */

/** The variables that it cannot do without. */
export const requiredVariables = {
  SP_NAME: 'provider-1',
  SP_ENDPOINT: 'http://provider:8080',
  DCM_REGISTRATION_URL: 'http://registry:8080/api/v1alpha1',
  SP_K8S_EXTERNAL_SVC_TYPE: 'LoadBalancer',
  SP_NATS_URL: 'nats://nats:4222',
};
