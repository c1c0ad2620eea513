/** Made from openapi/openapi.yaml by `npm run generate`. Not to be edited. */

export interface paths {
  '/containers': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * List containers
     * @description Lists the containers by `id`, in the order of code points, each as full as a read gives it. A walk over the
     *     pages meets every container that exists throughout the walk exactly once.
     */
    get: operations['ListContainers'];
    put?: never;
    /**
     * Create a container
     * @description Makes the Deployment and, where a port is reachable, the Service. Of any number of creates with one `id`, over
     *     any number of replicas, one succeeds and the others are answered 409; a 409 changes nothing.
     *
     *     After a 503 the container may or may not exist: read the id before trying again.
     */
    post: operations['CreateContainer'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/containers/health': {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Health of the provider
     * @description Answers 200 as long as the process serves, within two seconds whatever state the cluster is in. `status` tells
     *     whether the cluster can be worked with.
     */
    get: operations['GetHealth'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/containers/{container_id}': {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description The `id` of the container.
         * @example web-1
         */
        container_id: components['parameters']['ContainerId'];
      };
      cookie?: never;
    };
    /**
     * Read a container
     * @description Reads from memory, as a rule: it costs the cluster nothing. An id that two Deployments carry, made by hand or by
     *     another provider, is answered 409.
     */
    get: operations['GetContainer'];
    put?: never;
    post?: never;
    /**
     * Delete a container
     * @description Deletes the Deployment, with the Pods that belong to it, and the Service. The id can be used again at once,
     *     unless a finalizer keeps the old Deployment: then a create is answered 503 until it is gone.
     */
    delete: operations['DeleteContainer'];
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    /**
     * @description Identifies a container. Chosen by the client or a random UUID.
     * @example web-1
     */
    ContainerId: string;
    /** @description One image that runs as one Deployment, reachable through one Service where it has ports that are. */
    Container: {
      readonly id: components['schemas']['ContainerId'];
      /**
       * @description The resource path.
       * @example containers/web-1
       */
      readonly path: string;
      readonly status: components['schemas']['ContainerStatus'];
      /**
       * Format: date-time
       * @description When the container was made.
       * @example 2026-01-21T10:00:00Z
       */
      readonly create_time: string;
      /**
       * Format: date-time
       * @description When the condition of the Pod, or of the Deployment where there is no Pod, changed last. It equals
       *     `create_time` on a fresh container and never goes back.
       * @example 2026-01-21T10:00:04Z
       */
      readonly update_time: string;
      readonly service?: components['schemas']['ContainerService'];
      spec: components['schemas']['ContainerSpec'];
    };
    /**
     * @description `PENDING`: not running yet. `RUNNING`: the Pod runs. `FAILED`: it crashed, or cannot be made. `UNKNOWN`: its
     *     node does not report. `DELETED`: it is gone; only status events say so.
     * @enum {string}
     */
    ContainerStatus: 'PENDING' | 'RUNNING' | 'FAILED' | 'UNKNOWN' | 'DELETED';
    /** @description The Service of the container; absent where it has none. */
    ContainerService: {
      /**
       * @description The name of the Service in the namespace, for use within the cluster.
       * @example dcm-web-1-7k2m9x
       */
      name: string;
      /**
       * @description The address within the cluster.
       * @example 10.96.12.7
       */
      cluster_ip: string;
      /**
       * @description `ClusterIP` where all ports are internal. As soon as one port is external the Service is of the configured
       *     external type, and then its internal ports can be reached from outside as well.
       * @enum {string}
       */
      type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
      /**
       * @description The IP address of the load balancer, or its host name where it has no address; absent until the cluster
       *     has assigned one.
       * @example 203.0.113.10
       */
      external_ip?: string;
      ports: components['schemas']['ContainerServicePort'][];
    };
    ContainerServicePort: {
      /**
       * @description The port of the Service.
       * @example 8080
       */
      port: number;
      /**
       * @description The port of the container.
       * @example 8080
       */
      target_port: number;
      /**
       * @description The port on every node; absent where the Service has none.
       * @example 30080
       */
      node_port?: number;
      /** @enum {string} */
      protocol: 'TCP' | 'UDP' | 'SCTP';
    };
    /**
     * @description What is to run. Every object in it is open: fields that are not described here are kept and come back as they
     *     were sent. No member may be more than 500 levels deep.
     */
    ContainerSpec: {
      /** @enum {string} */
      service_type: 'container';
      metadata: components['schemas']['ContainerMetadata'];
      image: components['schemas']['ContainerImage'];
      resources: components['schemas']['ContainerResources'];
      process?: components['schemas']['ContainerProcess'];
      network?: components['schemas']['ContainerNetwork'];
      /** @description Accepted and kept; this provider does not act upon them. */
      provider_hints?: {
        [key: string]: unknown;
      };
    } & {
      [key: string]: unknown;
    };
    ContainerMetadata: {
      /**
       * @description A name for people; several containers may have the same.
       * @example web
       */
      name: string;
      /**
       * @description Labels for the Deployment, its Pods and its Service, in the syntax of Kubernetes labels. Keys under
       *     `dcm.project/` and `service.kubernetes.io/`, and the key `pod-template-hash`, are refused.
       * @example {
       *       "app.kubernetes.io/part-of": "shop"
       *     }
       */
      labels?: {
        [key: string]: string;
      };
      /**
       * @description The namespace of the Deployment.
       * @example default
       */
      readonly namespace?: string;
    } & {
      [key: string]: unknown;
    };
    ContainerImage: {
      /**
       * @description `[REGISTRY/]REPOSITORY[:TAG|@DIGEST]`
       * @example docker.io/library/nginx:1.29
       */
      reference: string;
    } & {
      [key: string]: unknown;
    };
    /** @description What is reserved (`min`) and what is allowed at most (`max`). */
    ContainerResources: {
      cpu: components['schemas']['ContainerCpu'];
      memory: components['schemas']['ContainerMemory'];
    } & {
      [key: string]: unknown;
    };
    /** @description Whole cores. `min` must not be more than `max`. */
    ContainerCpu: {
      /** @example 1 */
      min: number;
      /** @example 2 */
      max: number;
    } & {
      [key: string]: unknown;
    };
    /**
     * @description `MB`, `GB` and `TB` are powers of 1,024 (Kubernetes' `Mi`, `Gi`, `Ti`). More than zero, less than 2^63 bytes;
     *     `min` must not be more than `max`.
     */
    ContainerMemory: {
      /** @example 512MB */
      min: string;
      /** @example 1GB */
      max: string;
    } & {
      [key: string]: unknown;
    };
    ContainerProcess: {
      /**
       * @description Replaces the entry point of the image.
       * @example [
       *       "nginx"
       *     ]
       */
      command?: string[];
      /**
       * @description Replaces the arguments of the image.
       * @example [
       *       "-g",
       *       "daemon off;"
       *     ]
       */
      args?: string[];
      /** @description Environment variables. No two may have the same name. */
      env?: components['schemas']['ContainerEnvironmentVariable'][];
    } & {
      [key: string]: unknown;
    };
    ContainerEnvironmentVariable: {
      /** @example LOG_LEVEL */
      name: string;
      /** @example info */
      value: string;
    } & {
      [key: string]: unknown;
    };
    ContainerNetwork: {
      /**
       * @description The address of the Pod; absent until it has one.
       * @example 10.244.1.17
       */
      readonly ip?: string;
      /** @description No two may have the same `container_port`. */
      ports?: components['schemas']['ContainerPort'][];
    } & {
      [key: string]: unknown;
    };
    ContainerPort: {
      /** @example 8080 */
      container_port: number;
      /**
       * @description `none`: not reachable through a Service. `internal`: from within the cluster; beside an external port it
       *     is reachable from outside as well. `external`: from outside the cluster.
       * @enum {string}
       */
      visibility: 'none' | 'internal' | 'external';
    } & {
      [key: string]: unknown;
    };
    ContainerList: {
      containers: components['schemas']['Container'][];
      /** @description Opaque; absent on the last page. Any replica takes it, also after a restart. */
      next_page_token?: string;
    };
    Health: {
      /** @enum {string} */
      type: 'k8s-container-service-provider.dcm.io/health';
      /**
       * @description `unhealthy` while the cluster cannot be worked with.
       * @enum {string}
       */
      status: 'healthy' | 'unhealthy';
      /** @enum {string} */
      path: 'health';
      /**
       * @description The version of the provider.
       * @example 0.1.0
       */
      version: string;
      /**
       * @description Whole seconds since the provider started.
       * @example 3600
       */
      uptime: number;
    };
    /** @description A problem document (RFC 9457). */
    Problem: {
      /**
       * @description What kind of problem it is; to be compared by programs.
       * @enum {string}
       */
      type: 'INVALID_ARGUMENT' | 'NOT_FOUND' | 'ALREADY_EXISTS' | 'UNAUTHENTICATED' | 'PERMISSION_DENIED' | 'INTERNAL';
      /** @description The kind in words. */
      title: string;
      /** @description The status of the answer. */
      status: number;
      /** @description What is the matter with this request. */
      detail: string;
      /**
       * Format: uri-reference
       * @description The URI of the request; absent where the request was cut off before it could be read.
       */
      instance?: string;
      /** @description All faults that were found in the request, in the order of the document. */
      errors?: components['schemas']['Fault'][];
    };
    /** @description One fault. Either `pointer` or `parameter` says where it is. */
    Fault: {
      /**
       * @description What is allowed there.
       * @example must be >= 1
       */
      detail: string;
      /**
       * Format: json-pointer
       * @description JSON pointer (RFC 6901) into the body. For a member that is missing, the member's own.
       * @example /spec/resources/cpu/min
       */
      pointer?: string;
      /**
       * @description The name of the path or query parameter.
       * @example max_page_size
       */
      parameter?: string;
    };
  };
  responses: {
    /** @description The request is not valid. `errors` names all its faults. */
    BadRequest: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "INVALID_ARGUMENT",
         *       "title": "Invalid argument",
         *       "status": 400,
         *       "detail": "The request has 2 faults.",
         *       "instance": "/api/v1alpha1/containers",
         *       "errors": [
         *         {
         *           "detail": "is required",
         *           "pointer": "/spec/image/reference"
         *         },
         *         {
         *           "detail": "must be >= 1",
         *           "pointer": "/spec/resources/cpu/min"
         *         }
         *       ]
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The client is not authenticated. Not used as long as the provider does not authenticate. */
    Unauthorized: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The client may not do this. Not used as long as the provider does not authenticate. */
    Forbidden: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description There is no such container. */
    NotFound: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "NOT_FOUND",
         *       "title": "Not found",
         *       "status": 404,
         *       "detail": "There is no container \"web-1\".",
         *       "instance": "/api/v1alpha1/containers/web-1"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The id is taken, or more than one Deployment carries it. Nothing was changed. */
    Conflict: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "ALREADY_EXISTS",
         *       "title": "Already exists",
         *       "status": 409,
         *       "detail": "There is a container \"web-1\" already.",
         *       "instance": "/api/v1alpha1/containers?id=web-1"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The body has more than 200 KiB. */
    BodyTooLarge: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The body is not `application/json`. */
    UnsupportedMediaType: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The provider failed in a way that only its operator can mend; its log says more. */
    InternalError: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "INTERNAL",
         *       "title": "Internal error",
         *       "status": 500,
         *       "detail": "The provider could not handle the request.",
         *       "instance": "/api/v1alpha1/containers"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /**
     * @description It cannot be done now: the cluster cannot be reached or throttles, a quota is used up, or the time for the
     *     request is up.
     */
    Unavailable: {
      headers: {
        /** @description Whole seconds after which another try makes sense. */
        'Retry-After': number;
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "INTERNAL",
         *       "title": "Internal error",
         *       "status": 503,
         *       "detail": "The cluster does not answer.",
         *       "instance": "/api/v1alpha1/containers"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /**
     * @description Any other failure, as HTTP names it: 405 with `Allow`, 408 for a request that came too slowly, 414, 417, 431
     *     for headers over 16 KiB, 503 with `Retry-After` while the provider stops.
     */
    Problem: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        'application/problem+json': components['schemas']['Problem'];
      };
    };
  };
  parameters: {
    /**
     * @description The `id` of the container.
     * @example web-1
     */
    ContainerId: components['schemas']['ContainerId'];
    /**
     * @description The `id` of the new container; a random UUID where it is not given. `health` is refused.
     * @example web-1
     */
    Id: components['schemas']['ContainerId'];
    /** @description The largest number of containers that the page may hold. */
    MaxPageSize: number;
    /** @description The `next_page_token` of the page before; the first page where it is not given. */
    PageToken: string;
  };
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  ListContainers: {
    parameters: {
      query?: {
        /** @description The largest number of containers that the page may hold. */
        max_page_size?: components['parameters']['MaxPageSize'];
        /** @description The `next_page_token` of the page before; the first page where it is not given. */
        page_token?: components['parameters']['PageToken'];
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description One page of containers. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['ContainerList'];
        };
      };
      400: components['responses']['BadRequest'];
      401: components['responses']['Unauthorized'];
      403: components['responses']['Forbidden'];
      500: components['responses']['InternalError'];
      503: components['responses']['Unavailable'];
      default: components['responses']['Problem'];
    };
  };
  CreateContainer: {
    parameters: {
      query?: {
        /**
         * @description The `id` of the new container; a random UUID where it is not given. `health` is refused.
         * @example web-1
         */
        id?: components['parameters']['Id'];
      };
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * @description The container. Only `spec` counts: read-only fields, wherever they stand, are ignored, and so are unknown
     *     fields beside `spec`. The body may have 200 KiB.
     */
    requestBody: {
      content: {
        'application/json': {
          /**
           * @description What is to run. Every object in it is open: fields that are not described here are kept and come back as they
           *     were sent. No member may be more than 500 levels deep.
           */
          spec: {
            /** @enum {string} */
            service_type: 'container';
            metadata: {
              /**
               * @description A name for people; several containers may have the same.
               * @example web
               */
              name: string;
              /**
               * @description Labels for the Deployment, its Pods and its Service, in the syntax of Kubernetes labels. Keys under
               *     `dcm.project/` and `service.kubernetes.io/`, and the key `pod-template-hash`, are refused.
               * @example {
               *       "app.kubernetes.io/part-of": "shop"
               *     }
               */
              labels?: {
                [key: string]: string;
              };
            } & {
              [key: string]: unknown;
            };
            image: {
              /**
               * @description `[REGISTRY/]REPOSITORY[:TAG|@DIGEST]`
               * @example docker.io/library/nginx:1.29
               */
              reference: string;
            } & {
              [key: string]: unknown;
            };
            /** @description What is reserved (`min`) and what is allowed at most (`max`). */
            resources: {
              /** @description Whole cores. `min` must not be more than `max`. */
              cpu: {
                /** @example 1 */
                min: number;
                /** @example 2 */
                max: number;
              } & {
                [key: string]: unknown;
              };
              /**
               * @description `MB`, `GB` and `TB` are powers of 1,024 (Kubernetes' `Mi`, `Gi`, `Ti`). More than zero, less than 2^63 bytes;
               *     `min` must not be more than `max`.
               */
              memory: {
                /** @example 512MB */
                min: string;
                /** @example 1GB */
                max: string;
              } & {
                [key: string]: unknown;
              };
            } & {
              [key: string]: unknown;
            };
            process?: {
              /**
               * @description Replaces the entry point of the image.
               * @example [
               *       "nginx"
               *     ]
               */
              command?: string[];
              /**
               * @description Replaces the arguments of the image.
               * @example [
               *       "-g",
               *       "daemon off;"
               *     ]
               */
              args?: string[];
              /** @description Environment variables. No two may have the same name. */
              env?: ({
                /** @example LOG_LEVEL */
                name: string;
                /** @example info */
                value: string;
              } & {
                [key: string]: unknown;
              })[];
            } & {
              [key: string]: unknown;
            };
            network?: {
              /** @description No two may have the same `container_port`. */
              ports?: ({
                /** @example 8080 */
                container_port: number;
                /**
                 * @description `none`: not reachable through a Service. `internal`: from within the cluster; beside an external port it
                 *     is reachable from outside as well. `external`: from outside the cluster.
                 * @enum {string}
                 */
                visibility: 'none' | 'internal' | 'external';
              } & {
                [key: string]: unknown;
              })[];
            } & {
              [key: string]: unknown;
            };
            /** @description Accepted and kept; this provider does not act upon them. */
            provider_hints?: {
              [key: string]: unknown;
            };
          } & {
            [key: string]: unknown;
          };
        };
      };
    };
    responses: {
      /** @description The container that was made. A fresh one is `PENDING`. */
      201: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Container'];
        };
      };
      400: components['responses']['BadRequest'];
      401: components['responses']['Unauthorized'];
      403: components['responses']['Forbidden'];
      409: components['responses']['Conflict'];
      413: components['responses']['BodyTooLarge'];
      415: components['responses']['UnsupportedMediaType'];
      500: components['responses']['InternalError'];
      503: components['responses']['Unavailable'];
      default: components['responses']['Problem'];
    };
  };
  GetHealth: {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The health. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Health'];
        };
      };
      default: components['responses']['Problem'];
    };
  };
  GetContainer: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description The `id` of the container.
         * @example web-1
         */
        container_id: components['parameters']['ContainerId'];
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The container. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Container'];
        };
      };
      400: components['responses']['BadRequest'];
      401: components['responses']['Unauthorized'];
      403: components['responses']['Forbidden'];
      404: components['responses']['NotFound'];
      409: components['responses']['Conflict'];
      500: components['responses']['InternalError'];
      503: components['responses']['Unavailable'];
      default: components['responses']['Problem'];
    };
  };
  DeleteContainer: {
    parameters: {
      query?: never;
      header?: never;
      path: {
        /**
         * @description The `id` of the container.
         * @example web-1
         */
        container_id: components['parameters']['ContainerId'];
      };
      cookie?: never;
    };
    requestBody?: never;
    responses: {
      /** @description The container is deleted. */
      204: {
        headers: {
          [name: string]: unknown;
        };
        content?: never;
      };
      400: components['responses']['BadRequest'];
      401: components['responses']['Unauthorized'];
      403: components['responses']['Forbidden'];
      404: components['responses']['NotFound'];
      409: components['responses']['Conflict'];
      500: components['responses']['InternalError'];
      503: components['responses']['Unavailable'];
      default: components['responses']['Problem'];
    };
  };
}
