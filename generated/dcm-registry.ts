/** Made from openapi/dcm-registry.yaml by `npm run generate`. Not to be edited. */

export interface paths {
  '/providers': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Register a provider, or renew its registration
     * @description Sent after each start of the provider until the registry has accepted it, and again from time to time, so that a
     *     registry that lost its data knows the provider again.
     */
    post: operations['RegisterProvider'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    ProviderRegistration: {
      /** @description The name of the provider; it identifies the registration. */
      name: string;
      /** @enum {string} */
      service_type: 'container';
      /** @enum {string} */
      schema_version: 'v1alpha1';
      display_name?: string;
      /**
       * Format: uri
       * @description The URL of the container collection, as DCM reaches it.
       */
      endpoint: string;
      operations: ('CREATE' | 'DELETE' | 'READ')[];
      metadata?: components['schemas']['ProviderMetadata'];
    };
    /** @description Where the provider runs; absent where nothing of it is configured. */
    ProviderMetadata: {
      region_code?: string;
      zone?: string;
    };
    /** @description The registration as the registry keeps it. */
    RegisteredProvider: {
      id?: string;
      status?: string;
    } & {
      [key: string]: unknown;
    };
    /** @description Why the registry did not do it. */
    RegistryProblem: {
      type?: string;
      title?: string;
      status?: number;
      detail?: string;
    } & {
      [key: string]: unknown;
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  RegisterProvider: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody: {
      content: {
        /**
         * @example {
         *       "name": "k8s-container-provider",
         *       "service_type": "container",
         *       "schema_version": "v1alpha1",
         *       "display_name": "Containers on Kubernetes",
         *       "endpoint": "http://provider:8080/api/v1alpha1/containers",
         *       "operations": [
         *         "CREATE",
         *         "DELETE",
         *         "READ"
         *       ],
         *       "metadata": {
         *         "region_code": "eu-central",
         *         "zone": "a"
         *       }
         *     }
         */
        'application/json': {
          /** @description The name of the provider; it identifies the registration. */
          name: string;
          /** @enum {string} */
          service_type: 'container';
          /** @enum {string} */
          schema_version: 'v1alpha1';
          display_name?: string;
          /**
           * Format: uri
           * @description The URL of the container collection, as DCM reaches it.
           */
          endpoint: string;
          operations: ('CREATE' | 'DELETE' | 'READ')[];
          /** @description Where the provider runs; absent where nothing of it is configured. */
          metadata?: {
            region_code?: string;
            zone?: string;
          };
        };
      };
    };
    responses: {
      /** @description The registration of a known provider was renewed. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['RegisteredProvider'];
        };
      };
      /** @description The provider was registered. */
      201: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['RegisteredProvider'];
        };
      };
      /** @description The registration is not valid, or the registry's database has failed. */
      400: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['RegistryProblem'];
        };
      };
      /** @description The registration clashes with another provider's: an environment agent has one provider for each type of service. */
      409: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['RegistryProblem'];
        };
      };
      /** @description The registration is understood and refused. */
      422: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['RegistryProblem'];
        };
      };
      /** @description Anything else is a reason to try again later. */
      default: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/problem+json': components['schemas']['RegistryProblem'];
        };
      };
    };
  };
}
