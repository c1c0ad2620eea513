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
     *     pages meets every container that exists throughout the walk, and matches `filter` throughout it, exactly once. A
     *     page ends at 4 MiB too, and then has fewer containers than asked for. While too many lists wait for slow clients to read them, further ones are
     *     answered 503.
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
    /**
     * Change a container
     * @description Merges what is sent into the spec of the container (RFC 7396): members that are `null` go, objects are merged,
     *     everything else, lists included, takes the place of what was. Everything may change but `service_type`,
     *     `metadata.name` and `metadata.namespace`. Of several updates at once each changes what the one before has made; with
     *     `If-Match` it is for that version alone. What changes nothing writes nothing.
     *
     *     The Pod is replaced where what it is made of changes: the former one serves until the new one is ready. `reconciling`
     *     tells how far that is, and `status_message` why the new one does not come up. Services follow the ports, and keep
     *     their addresses where they can.
     *
     *     After a 503 the container may or may not have changed: the same request again does no harm.
     */
    patch: operations['UpdateContainer'];
    trace?: never;
  };
  '/containers/{container_id}:restart': {
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
    get?: never;
    put?: never;
    /**
     * Restart a container
     * @description Replaces the Pod by a new one, as `kubectl rollout restart` does: the former one serves until the new one is ready.
     *     Takes no body. Done twice it restarts twice.
     */
    post: operations['RestartContainer'];
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/containers/{container_id}:wait': {
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
     * Wait for a status
     * @description Answers as soon as the container has one of the statuses, or is `FAILED`, or when the time is up: with the
     *     container as it is then. It costs the cluster nothing. A container that is deleted meanwhile is answered 404, or
     *     where `DELETED` was waited for, as it was last. One that is created again under the id is another container.
     */
    get: operations['WaitContainer'];
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  '/containers/{container_id}:logs': {
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
     * Read the log
     * @description What the container has written to its standard output and error, byte for byte, as the kubelet of its Pod has it; of
     *     several Pods the one that the status is told of. Whoever may call the API may read all logs. A container that has
     *     written nothing (yet) has an empty log. The answer comes as it is read: a client that reads slowly slows down only
     *     itself. Only so many logs are read at once, by each replica; further requests are answered 503.
     *
     *     404 too where the operator has not turned logs on (`SP_LOGS`).
     */
    get: operations['LogsContainer'];
    put?: never;
    post?: never;
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
    /**
     * @description Identifies a container. Chosen by the client or a random UUID.
     * @example web-1
     */
    ContainerId: string;
    /** @description One image that runs as one Deployment, reachable through a Service where it has ports that are. */
    Container: {
      readonly id: components['schemas']['ContainerId'];
      /**
       * @description The resource path.
       * @example containers/web-1
       */
      readonly path: string;
      readonly status: components['schemas']['ContainerStatus'];
      /**
       * @description Why the status is what it is, in the words of the status event; without times and counters, so that it changes only when something else does.
       * @example Container is running.
       */
      readonly status_message?: string;
      /**
       * @description Whether the cluster has not done yet what `spec` asks for: its Pods are not made of it, not all ready, or
       *     others are still there. `kubectl rollout status` waits for the same.
       * @example false
       */
      readonly reconciling: boolean;
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
      /**
       * @description Where the ports of the container can be reached now, whatever its status: one for each port, the internal
       *     ones first, in the order of their ports. Absent where there are none.
       */
      readonly endpoints?: components['schemas']['ContainerEndpoint'][];
      readonly service?: components['schemas']['ContainerService'];
      spec: components['schemas']['ContainerSpec'];
    };
    /**
     * @description `PENDING`: not running yet. `RUNNING`: the Pod runs. `FAILED`: it crashed, or cannot be made. `UNKNOWN`: its
     *     node does not report. `DELETED`: it is gone; only status events say so.
     * @enum {string}
     */
    ContainerStatus: 'PENDING' | 'RUNNING' | 'FAILED' | 'UNKNOWN' | 'DELETED';
    /**
     * @description Where one port can be reached. An internal port: at the cluster IP of the Service. An external one: at the
     *     address of the load balancer, once it has one; or at the node port, where the provider is configured with an
     *     address of the nodes.
     */
    ContainerEndpoint: {
      /**
       * @description An IP address, an IPv6 one without brackets, or a host name.
       * @example 203.0.113.10
       */
      address: string;
      /**
       * @description The port at that address, which for node ports is not the port of the container.
       * @example 8080
       */
      port: number;
      /**
       * @description The visibility of the port.
       * @enum {string}
       */
      scope: 'internal' | 'external';
    };
    /**
     * @description The Service of the container; absent where it has none. Where the operator isolates internal ports, a container
     *     with both kinds has two, shown as one: `name`, `cluster_ip` and `ports` are of the one within the cluster, `type`,
     *     `external_ip` and `node_port` of the one for the external ports. While one of them is missing, the other is shown.
     */
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
       *     external type, and then its internal ports can be reached from outside as well, unless the operator
       *     isolates them.
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
     *     were sent, numbers with all their digits and in their form (`12345678901234567890`, `1.0`, `1e400`). No member
     *     may be more than 500 levels deep.
     */
    ContainerSpec: {
      /** @enum {string} */
      service_type: 'container';
      metadata: components['schemas']['ContainerMetadata'];
      image: components['schemas']['ContainerImage'];
      resources: components['schemas']['ContainerResources'];
      process?: components['schemas']['ContainerProcess'];
      network?: components['schemas']['ContainerNetwork'];
      /**
       * @description Settings of single providers, each under the name of its platform. This one acts upon `kubernetes`; all
       *     others are kept and come back as they were sent.
       */
      provider_hints?: {
        kubernetes?: components['schemas']['KubernetesHints'];
      } & {
        [key: string]: unknown;
      };
    } & {
      [key: string]: unknown;
    };
    /** @description A merge patch (RFC 7396) of a container. */
    ContainerPatch: {
      /**
       * @description Members of `ContainerSpec`, each with its new value or `null` to remove it. Present values, and read-only members
       *     that a read gave, may stand there as well.
       */
      spec: {
        [key: string]: unknown;
      };
    };
    /**
     * @description Settings of Kubernetes, in its own shapes. The operator of the provider decides which of them callers may use:
     *     as a rule the probes, `security_context` and `termination_grace_period_seconds`; `expand_variables` everybody
     *     may use. One that is described here and not allowed is refused; one that is not described is kept and has no
     *     effect, and so is anything that is no object.
     */
    KubernetesHints: {
      /**
       * @description `true`: Kubernetes replaces `$(NAME)` by the value of that environment variable, and `$$` by `$`, in
       *     environment values, command and arguments, and in the commands of probes. Else all of them reach the
       *     container as they are sent.
       */
      expand_variables?: boolean;
      readiness_probe?: components['schemas']['KubernetesProbe'];
      liveness_probe?: components['schemas']['KubernetesProbe'];
      startup_probe?: components['schemas']['KubernetesProbe'];
      security_context?: components['schemas']['KubernetesSecurityContext'];
      /**
       * @description How long the container may take to end once it was asked to.
       * @example 30
       */
      termination_grace_period_seconds?: number;
      /**
       * @description Labels that a node must have.
       * @example {
       *       "disktype": "ssd"
       *     }
       */
      node_selector?: {
        [key: string]: string;
      };
      /** @description Taints of nodes that the container bears. */
      tolerations?: components['schemas']['KubernetesToleration'][];
      /** @description Secrets of the namespace to pull the image with; the operator decides which. */
      image_pull_secrets?: components['schemas']['KubernetesObjectReference'][];
      /** @description Annotations of the Service; the operator decides which keys. */
      service_annotations?: {
        [key: string]: string;
      };
      /** @description Secrets of the namespace whose members become environment variables. */
      env_from_secrets?: components['schemas']['KubernetesEnvironmentSource'][];
      /** @description Volumes, each with the place where the container finds it. Names and places are used once. */
      volumes?: components['schemas']['KubernetesVolume'][];
    } & {
      [key: string]: unknown;
    };
    /**
     * @description Exactly one of `http_get`, `tcp_socket`, `grpc` and `exec`, against the container itself. With a readiness or
     *     startup probe, `RUNNING` means that the container is ready.
     */
    KubernetesProbe: {
      /** @description The container is well when the answer is a success or a redirection. */
      http_get?: {
        /** @example /healthz */
        path?: string;
        port: components['schemas']['PortNumber'];
        /** @enum {string} */
        scheme?: 'HTTP' | 'HTTPS';
      };
      /** @description The container is well when the port takes a connection. */
      tcp_socket?: {
        port: components['schemas']['PortNumber'];
      };
      /** @description The container is well when its gRPC health service says so. */
      grpc?: {
        port: components['schemas']['PortNumber'];
        service?: string;
      };
      /** @description The container is well when the command, run within it, exits with 0. */
      exec?: {
        /**
         * @example [
         *       "cat",
         *       "/tmp/ready"
         *     ]
         */
        command: string[];
      };
      initial_delay_seconds?: number;
      period_seconds?: number;
      timeout_seconds?: number;
      /** @description Other than 1 with `readiness_probe` alone. */
      success_threshold?: number;
      failure_threshold?: number;
    };
    /** @description Takes rights away from the container; none of it gives any. */
    KubernetesSecurityContext: {
      /** @example 1000 */
      run_as_user?: number;
      /** @example 1000 */
      run_as_group?: number;
      /** @enum {boolean} */
      run_as_non_root?: true;
      read_only_root_filesystem?: boolean;
      /**
       * @example [
       *       "ALL"
       *     ]
       */
      drop_capabilities?: string[];
    };
    KubernetesToleration: {
      /**
       * @description The key of the taint; absent, with `Exists`, for every taint.
       * @example dedicated
       */
      key?: string;
      /**
       * @description `Equal` where it is not given.
       * @enum {string}
       */
      operator?: 'Equal' | 'Exists';
      /** @example web */
      value?: string;
      /**
       * @description Every effect where it is not given.
       * @enum {string}
       */
      effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
      /** @description For how long; with `NoExecute` alone. */
      toleration_seconds?: number;
    };
    KubernetesObjectReference: {
      name: components['schemas']['KubernetesObjectName'];
    };
    KubernetesEnvironmentSource: {
      name: components['schemas']['KubernetesObjectName'];
      /**
       * @description Stands before the name of each variable.
       * @example DB_
       */
      prefix?: string;
    };
    /** @description Exactly one of `empty_dir`, `config_map`, `secret` and `persistent_volume_claim`. */
    KubernetesVolume: {
      /** @example cache */
      name: string;
      /**
       * @description Where the container finds it.
       * @example /var/cache
       */
      mount_path: string;
      /** @description Volumes of a ConfigMap or a Secret are always read-only. */
      read_only?: boolean;
      empty_dir?: {
        /**
         * @description More than zero.
         * @example 1GB
         */
        size_limit: string;
      };
      config_map?: components['schemas']['KubernetesObjectReference'];
      secret?: {
        secret_name: components['schemas']['KubernetesObjectName'];
      };
      /**
       * @description A volume that lasts longer than the container. One that has it is rolled out by ending the old Pod first, as
       *     many volumes can be had by one node alone.
       */
      persistent_volume_claim?: {
        /**
         * @description One that the operator allows, in the namespace of the containers.
         * @example data-1
         */
        claim_name: components['schemas']['KubernetesObjectName'];
        /** @description Whether the claim is used for reading alone, whatever the mount says. */
        read_only?: boolean;
      };
    };
    /** @example registry-credentials */
    KubernetesObjectName: string;
    /** @example 8080 */
    PortNumber: number;
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
       * @description `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`, as Kubernetes reads it: the path in lower case, a tag after `:`, no scheme
       *     and no white space. Nothing is added to it, and no variables are replaced in it.
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
    /**
     * @description Cores as an integer, or a string of cores (`"2"`) or thousandths of one (`"500m"`). `min` must not be more than
     *     `max`, whichever way each is written. What was sent comes back as it was sent.
     */
    ContainerCpu: {
      min: components['schemas']['CpuAmount'];
      max: components['schemas']['CpuAmount'];
    } & {
      [key: string]: unknown;
    };
    /**
     * @description At most 1,000,000 cores.
     * @example 500m
     */
    CpuAmount: number | string;
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
    /**
     * @description Values reach the container as they are sent: `$(NAME)` and `$$` mean nothing, unless the hint
     *     `expand_variables` asks for it.
     */
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
      /** @description No two of one `protocol` may have the same `container_port`. */
      ports?: components['schemas']['ContainerPort'][];
    } & {
      [key: string]: unknown;
    };
    ContainerPort: {
      /** @example 8080 */
      container_port: number;
      /**
       * @description `none`: not reachable through a Service. `internal`: from within the cluster; beside an external port it
       *     is reachable from outside as well, unless the operator isolates internal ports. `external`: from outside
       *     the cluster.
       * @enum {string}
       */
      visibility: 'none' | 'internal' | 'external';
      /**
       * @description `TCP` where it is not given.
       * @enum {string}
       */
      protocol?: 'TCP' | 'UDP';
    } & {
      [key: string]: unknown;
    };
    /**
     * @description What is published on NATS, on the subject `dcm.container`, when a status, its message or the endpoints change: a
     *     CloudEvent in structured mode.
     */
    StatusEvent: {
      /** @enum {string} */
      specversion: '1.0';
      /**
       * Format: uuid
       * @description The same where an event is sent again.
       * @example 7f1d1c52-6a5c-4a3e-8a0a-0d3d3c8a6b7e
       */
      id: string;
      /**
       * @description `dcm/providers/` and the name of the provider.
       * @example dcm/providers/k8s-1
       */
      source: string;
      /** @enum {string} */
      type: 'dcm.status.container';
      /** @enum {string} */
      subject: 'dcm.container';
      /**
       * Format: date-time
       * @description When the provider saw it.
       * @example 2026-01-21T10:00:04.000Z
       */
      time: string;
      /** @enum {string} */
      datacontenttype: 'application/json';
      data: components['schemas']['StatusEventData'];
    };
    StatusEventData: {
      /**
       * @description The `id` of the container.
       * @example web-1
       */
      id: string;
      status: components['schemas']['ContainerStatus'];
      /**
       * @description Why; without times and counters, so that it changes only when something else does.
       * @example Container is running.
       */
      message: string;
      output_spec?: components['schemas']['StatusEventOutputs'];
    };
    /** @description What other resources may use of the container; in every event but those of `DELETED`. */
    StatusEventOutputs: {
      /**
       * @description The namespace of the Deployment.
       * @example default
       */
      namespace: string;
      /** @description The same as a read gives; `null` where there are none. */
      endpoints: components['schemas']['ContainerEndpoint'][] | null;
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
       * @description The version of the provider, with the commit that it was built from where that is known.
       * @example 0.1.0
       */
      version: string;
      /**
       * @description Whole seconds since the provider started.
       * @example 3600
       */
      uptime: number;
    };
    /**
     * @description A problem document (RFC 9457). The operator chooses its form: types are names, or URIs as DCM's providers have
     *     them since 2026-08.
     */
    Problem: components['schemas']['NamedProblem'] | components['schemas']['UriProblem'];
    /** @description A problem document (RFC 9457). */
    NamedProblem: {
      /**
       * Format: uri-reference
       * @description What kind of problem it is; to be compared by programs.
       * @enum {string}
       */
      type: 'INVALID_ARGUMENT' | 'NOT_FOUND' | 'ALREADY_EXISTS' | 'UNAUTHENTICATED' | 'PERMISSION_DENIED' | 'INTERNAL';
      /** @description The kind in words. */
      title: string;
      /** @description The status of the answer. */
      status: number;
      /**
       * @description What is the matter with this request: where several things are, the first of them and how many others there
       *     are.
       */
      detail: string;
      /**
       * Format: uri-reference
       * @description The URI of the request; absent where the request could not be read.
       */
      instance?: string;
      /** @description All that is wrong with the request, in the order of the document. */
      errors?: components['schemas']['Violation'][];
    };
    /** @description A problem document (RFC 9457). */
    UriProblem: {
      /**
       * Format: uri
       * @description What kind of problem it is; to be compared by programs.
       * @enum {string}
       */
      type:
        | 'https://dcm-project.github.io/problems/invalid-argument'
        | 'https://dcm-project.github.io/problems/not-found'
        | 'https://dcm-project.github.io/problems/already-exists'
        | 'https://dcm-project.github.io/problems/unauthenticated'
        | 'https://dcm-project.github.io/problems/permission-denied'
        | 'https://dcm-project.github.io/problems/unavailable'
        | 'https://dcm-project.github.io/problems/internal';
      /** @description The kind in words. */
      title: string;
      /** @description The status of the answer. */
      status: number;
      /**
       * @description What is the matter with this request. Where one thing is wrong with it, this says it with its place, as in
       *     `spec.resources.cpu.min must be >= 1`; where several things are, it is always the same and `errors` says
       *     them.
       */
      detail: string;
      /**
       * Format: json-pointer-uri-fragment
       * @description Where the only thing that is wrong is: JSON pointer into the body as a URI fragment (RFC 6901, section 6).
       *     For a member that is missing, the member's own.
       * @example #/spec/resources/cpu/min
       */
      pointer?: string;
      /**
       * @description The name of the path or query parameter, or of the header, that is the only thing that is wrong.
       * @example max_page_size
       */
      parameter?: string;
      /**
       * Format: uri-reference
       * @description The URI of the request; absent where the request could not be read.
       */
      instance?: string;
      /**
       * @description All that is wrong with the request, in the order of the document, but that resources come before labels.
       *     Absent where it is one thing.
       */
      errors?: {
        /**
         * @description The place, and what is allowed there.
         * @example spec.resources.cpu.min must be >= 1
         */
        detail: string;
        /**
         * Format: json-pointer-uri-fragment
         * @description As that of the document.
         * @example #/spec/resources/cpu/min
         */
        pointer?: string;
        /**
         * @description The name of the path or query parameter, or of the header.
         * @example max_page_size
         */
        parameter?: string;
      }[];
    };
    /** @description One thing that is wrong. Either `pointer` or `parameter` says where it is. */
    Violation: {
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
    /** @description The request is not valid. All that is wrong with it is named. */
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
         *       "detail": "The field /spec/image/reference is required. There is 1 other violation.",
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
    /** @description There is no valid token, where the provider is configured to ask for one. What is wrong with it is not told. */
    Unauthorized: {
      headers: {
        /** @description `Bearer` (RFC 6750) */
        'WWW-Authenticate': string;
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "UNAUTHENTICATED",
         *       "title": "Unauthenticated",
         *       "status": 401,
         *       "detail": "A valid bearer token is required.",
         *       "instance": "/api/v1alpha1/containers"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The token does not have the scope that the provider is configured to ask for. */
    Forbidden: {
      headers: {
        /** @description `Bearer` with the scope (RFC 6750) */
        'WWW-Authenticate': string;
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "PERMISSION_DENIED",
         *       "title": "Permission denied",
         *       "status": 403,
         *       "detail": "The token must have the scope containers.",
         *       "instance": "/api/v1alpha1/containers"
         *     }
         */
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
         *       "detail": "There is no container web-1.",
         *       "instance": "/api/v1alpha1/containers/web-1"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description There is no such container, or the provider serves no logs. */
    NoLog: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "NOT_FOUND",
         *       "title": "Not found",
         *       "status": 404,
         *       "detail": "This provider does not serve logs: SP_LOGS is not true.",
         *       "instance": "/api/v1alpha1/containers/web-1:logs"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The log cannot be had now: in the words of the kubelet where it is at fault; or too many logs are being read. */
    NoLogNow: {
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
         *       "detail": "The log cannot be had: connection refused.",
         *       "instance": "/api/v1alpha1/containers/web-1:logs"
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
         *       "detail": "There is already a container web-1.",
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
        /**
         * @example {
         *       "type": "INVALID_ARGUMENT",
         *       "title": "Invalid argument",
         *       "status": 413,
         *       "detail": "The body has more than 200 KiB.",
         *       "instance": "/api/v1alpha1/containers"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The `Idempotency-Key` was used for another request. */
    OtherRequest: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The container has changed since the entity tag of `If-Match` was given out. Nothing was changed now. */
    PreconditionFailed: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "INVALID_ARGUMENT",
         *       "title": "Invalid argument",
         *       "status": 412,
         *       "detail": "The container web-1 has changed: it no longer has the entity tag of If-Match.",
         *       "instance": "/api/v1alpha1/containers/web-1"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The body is not of the media type that is asked for, or has a `Content-Encoding`. */
    UnsupportedMediaType: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "INVALID_ARGUMENT",
         *       "title": "Invalid argument",
         *       "status": 415,
         *       "detail": "The body must be application/json.",
         *       "instance": "/api/v1alpha1/containers"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /** @description The provider failed in a way that only its operator can fix; its log says more. */
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
         *       "detail": "The provider lacks a permission in the cluster.",
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
         *       "detail": "The Kubernetes API server cannot be reached.",
         *       "instance": "/api/v1alpha1/containers/web-2"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
    /**
     * @description Any other failure, as HTTP names it: 405 with `Allow`, 408 for a request that came too slowly, 417, 431 for a
     *     URL and headers over 16 KiB, 503 with `Retry-After` while the provider stops.
     */
    Problem: {
      headers: {
        [name: string]: unknown;
      };
      content: {
        /**
         * @example {
         *       "type": "INVALID_ARGUMENT",
         *       "title": "Invalid argument",
         *       "status": 405,
         *       "detail": "The methods here are: GET, HEAD, POST.",
         *       "instance": "/api/v1alpha1/containers"
         *     }
         */
        'application/problem+json': components['schemas']['Problem'];
      };
    };
  };
  parameters: {
    /**
     * @description Makes the create safe to repeat: the same key with the same request is answered 201 with the same container as
     *     it is then, for as long as that container exists; with another request 422. Bare or as a quoted string. Without
     *     `id` the id is made from the key.
     * @example 8e03978e-40d5-43dd-bc93-6894a57f9324
     */
    IdempotencyKey: string;
    /**
     * @description Makes the delete safe to repeat: with a key, a container that is not there is answered 204. A container that was
     *     made anew under the id stays where a replica that knows of it is asked again, within ten minutes, with the key
     *     that the former one was deleted with. Bare or as a quoted string.
     * @example 8e03978e-40d5-43dd-bc93-6894a57f9324
     */
    IdempotencyKeyOfDelete: string;
    /**
     * @description Checks everything that a create checks, the cluster's admission of the Deployment and the Service included, and
     *     makes nothing. `Idempotency-Key` is ignored then.
     */
    ValidateOnly: boolean;
    /**
     * @description Checks everything that an update checks, the cluster's admission of the Deployment and the Service included, and
     *     changes nothing.
     */
    ValidateOnlyOfUpdate: boolean;
    /**
     * @description Entity tags, as `ETag` gave them, separated by commas: 412 where the container has another one by now. `*` is every
     *     container that exists. Absent: the container is changed as it is.
     * @example "kZ0Jq3mYw8o2Tn5bXc1LdA"
     */
    IfMatch: string;
    /** @description The statuses to wait for; may be given several times. */
    WaitStatus: components['schemas']['ContainerStatus'][];
    /**
     * @description How long to wait, such as `500ms`, `20s` or `1m30s`. More than the provider's time for a request allows is cut
     *     to that.
     */
    WaitTimeout: string;
    /** @description How many of the last lines to begin with. */
    LogTailLines: number;
    /**
     * @description How old lines may be, such as `30s`, `10m` or `1h30m`; rounded up to whole seconds. However old where it is not given.
     * @example 10m
     */
    LogSince: string;
    /** @description The log of the run before the present one, where the container was started again. */
    LogPrevious: boolean;
    /** @description Begins each line with the time at which it was written (RFC 3339), and a space. */
    LogTimestamps: boolean;
    /**
     * @description Goes on with what the container writes from now on, until its end, until another Pod takes its place, or until the
     *     provider stops. It may take as long as it does: no time limit ends it.
     */
    LogFollow: boolean;
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
    /** @description The `next_page_token` of the page before, which had the same `filter`; the first page where it is not given. */
    PageToken: string;
    /**
     * @description Which containers are listed; all where it is not given, or empty. Of the grammar of
     *     [AIP-160](https://google.aip.dev/160), comparisons with `AND`, `OR` and `NOT` (or `-`) between them, in capitals,
     *     and parentheses, 20 within each other at most. `OR` binds more tightly than `AND`: `a AND b OR c` means
     *     `a AND (b OR c)`.
     *
     *     | what is compared | with | value |
     *     | --- | --- | --- |
     *     | `status` | `=` `!=` | a status |
     *     | `reconciling` | `=` `!=` | `true` or `false` |
     *     | `spec.metadata.name` | `=` `!=` | text |
     *     | `spec.image.reference` | `=` `!=` | text |
     *     | `spec.metadata.labels.KEY` | `=` `!=` | text; a label that is not there is not equal to any |
     *     | `spec.metadata.labels` | `:` | a key: whether there is such a label; `spec.metadata.labels.KEY:*` means the same |
     *
     *     Values and keys are compared as they are, whole and with their case. They stand in single or double quotes where
     *     they hold white space or one of `()=!<>:,"'`, as image references with a tag do, and there a backslash takes the
     *     next character as it is. They hold no `*`. Anything else is refused, and the answer says where.
     */
    Filter: string;
  };
  requestBodies: never;
  headers: {
    /**
     * @description The version of `spec`, for `If-Match`: it changes with what was asked for, and not with what the cluster makes of
     *     it.
     * @example "kZ0Jq3mYw8o2Tn5bXc1LdA"
     */
    ETag: string;
  };
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  ListContainers: {
    parameters: {
      query?: {
        /** @description The largest number of containers that the page may hold. */
        max_page_size?: components['parameters']['MaxPageSize'];
        /** @description The `next_page_token` of the page before, which had the same `filter`; the first page where it is not given. */
        page_token?: components['parameters']['PageToken'];
        /**
         * @description Which containers are listed; all where it is not given, or empty. Of the grammar of
         *     [AIP-160](https://google.aip.dev/160), comparisons with `AND`, `OR` and `NOT` (or `-`) between them, in capitals,
         *     and parentheses, 20 within each other at most. `OR` binds more tightly than `AND`: `a AND b OR c` means
         *     `a AND (b OR c)`.
         *
         *     | what is compared | with | value |
         *     | --- | --- | --- |
         *     | `status` | `=` `!=` | a status |
         *     | `reconciling` | `=` `!=` | `true` or `false` |
         *     | `spec.metadata.name` | `=` `!=` | text |
         *     | `spec.image.reference` | `=` `!=` | text |
         *     | `spec.metadata.labels.KEY` | `=` `!=` | text; a label that is not there is not equal to any |
         *     | `spec.metadata.labels` | `:` | a key: whether there is such a label; `spec.metadata.labels.KEY:*` means the same |
         *
         *     Values and keys are compared as they are, whole and with their case. They stand in single or double quotes where
         *     they hold white space or one of `()=!<>:,"'`, as image references with a tag do, and there a backslash takes the
         *     next character as it is. They hold no `*`. Anything else is refused, and the answer says where.
         */
        filter?: components['parameters']['Filter'];
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
        /**
         * @description Checks everything that a create checks, the cluster's admission of the Deployment and the Service included, and
         *     makes nothing. `Idempotency-Key` is ignored then.
         */
        validate_only?: components['parameters']['ValidateOnly'];
      };
      header?: {
        /**
         * @description Makes the create safe to repeat: the same key with the same request is answered 201 with the same container as
         *     it is then, for as long as that container exists; with another request 422. Bare or as a quoted string. Without
         *     `id` the id is made from the key.
         * @example 8e03978e-40d5-43dd-bc93-6894a57f9324
         */
        'Idempotency-Key'?: components['parameters']['IdempotencyKey'];
      };
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
           *     were sent, numbers with all their digits and in their form (`12345678901234567890`, `1.0`, `1e400`). No member
           *     may be more than 500 levels deep.
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
               * @description `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`, as Kubernetes reads it: the path in lower case, a tag after `:`, no scheme
               *     and no white space. Nothing is added to it, and no variables are replaced in it.
               * @example docker.io/library/nginx:1.29
               */
              reference: string;
            } & {
              [key: string]: unknown;
            };
            /** @description What is reserved (`min`) and what is allowed at most (`max`). */
            resources: {
              /**
               * @description Cores as an integer, or a string of cores (`"2"`) or thousandths of one (`"500m"`). `min` must not be more than
               *     `max`, whichever way each is written. What was sent comes back as it was sent.
               */
              cpu: {
                /**
                 * @description At most 1,000,000 cores.
                 * @example 500m
                 */
                min: number | string;
                /**
                 * @description At most 1,000,000 cores.
                 * @example 500m
                 */
                max: number | string;
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
            /**
             * @description Values reach the container as they are sent: `$(NAME)` and `$$` mean nothing, unless the hint
             *     `expand_variables` asks for it.
             */
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
              /** @description No two of one `protocol` may have the same `container_port`. */
              ports?: ({
                /** @example 8080 */
                container_port: number;
                /**
                 * @description `none`: not reachable through a Service. `internal`: from within the cluster; beside an external port it
                 *     is reachable from outside as well, unless the operator isolates internal ports. `external`: from outside
                 *     the cluster.
                 * @enum {string}
                 */
                visibility: 'none' | 'internal' | 'external';
                /**
                 * @description `TCP` where it is not given.
                 * @enum {string}
                 */
                protocol?: 'TCP' | 'UDP';
              } & {
                [key: string]: unknown;
              })[];
            } & {
              [key: string]: unknown;
            };
            /**
             * @description Settings of single providers, each under the name of its platform. This one acts upon `kubernetes`; all
             *     others are kept and come back as they were sent.
             */
            provider_hints?: {
              /**
               * @description Settings of Kubernetes, in its own shapes. The operator of the provider decides which of them callers may use:
               *     as a rule the probes, `security_context` and `termination_grace_period_seconds`; `expand_variables` everybody
               *     may use. One that is described here and not allowed is refused; one that is not described is kept and has no
               *     effect, and so is anything that is no object.
               */
              kubernetes?: {
                /**
                 * @description `true`: Kubernetes replaces `$(NAME)` by the value of that environment variable, and `$$` by `$`, in
                 *     environment values, command and arguments, and in the commands of probes. Else all of them reach the
                 *     container as they are sent.
                 */
                expand_variables?: boolean;
                /**
                 * @description Exactly one of `http_get`, `tcp_socket`, `grpc` and `exec`, against the container itself. With a readiness or
                 *     startup probe, `RUNNING` means that the container is ready.
                 */
                readiness_probe?: {
                  /** @description The container is well when the answer is a success or a redirection. */
                  http_get?: {
                    /** @example /healthz */
                    path?: string;
                    /** @example 8080 */
                    port: number;
                    /** @enum {string} */
                    scheme?: 'HTTP' | 'HTTPS';
                  };
                  /** @description The container is well when the port takes a connection. */
                  tcp_socket?: {
                    /** @example 8080 */
                    port: number;
                  };
                  /** @description The container is well when its gRPC health service says so. */
                  grpc?: {
                    /** @example 8080 */
                    port: number;
                    service?: string;
                  };
                  /** @description The container is well when the command, run within it, exits with 0. */
                  exec?: {
                    /**
                     * @example [
                     *       "cat",
                     *       "/tmp/ready"
                     *     ]
                     */
                    command: string[];
                  };
                  initial_delay_seconds?: number;
                  period_seconds?: number;
                  timeout_seconds?: number;
                  /** @description Other than 1 with `readiness_probe` alone. */
                  success_threshold?: number;
                  failure_threshold?: number;
                };
                /**
                 * @description Exactly one of `http_get`, `tcp_socket`, `grpc` and `exec`, against the container itself. With a readiness or
                 *     startup probe, `RUNNING` means that the container is ready.
                 */
                liveness_probe?: {
                  /** @description The container is well when the answer is a success or a redirection. */
                  http_get?: {
                    /** @example /healthz */
                    path?: string;
                    /** @example 8080 */
                    port: number;
                    /** @enum {string} */
                    scheme?: 'HTTP' | 'HTTPS';
                  };
                  /** @description The container is well when the port takes a connection. */
                  tcp_socket?: {
                    /** @example 8080 */
                    port: number;
                  };
                  /** @description The container is well when its gRPC health service says so. */
                  grpc?: {
                    /** @example 8080 */
                    port: number;
                    service?: string;
                  };
                  /** @description The container is well when the command, run within it, exits with 0. */
                  exec?: {
                    /**
                     * @example [
                     *       "cat",
                     *       "/tmp/ready"
                     *     ]
                     */
                    command: string[];
                  };
                  initial_delay_seconds?: number;
                  period_seconds?: number;
                  timeout_seconds?: number;
                  /** @description Other than 1 with `readiness_probe` alone. */
                  success_threshold?: number;
                  failure_threshold?: number;
                };
                /**
                 * @description Exactly one of `http_get`, `tcp_socket`, `grpc` and `exec`, against the container itself. With a readiness or
                 *     startup probe, `RUNNING` means that the container is ready.
                 */
                startup_probe?: {
                  /** @description The container is well when the answer is a success or a redirection. */
                  http_get?: {
                    /** @example /healthz */
                    path?: string;
                    /** @example 8080 */
                    port: number;
                    /** @enum {string} */
                    scheme?: 'HTTP' | 'HTTPS';
                  };
                  /** @description The container is well when the port takes a connection. */
                  tcp_socket?: {
                    /** @example 8080 */
                    port: number;
                  };
                  /** @description The container is well when its gRPC health service says so. */
                  grpc?: {
                    /** @example 8080 */
                    port: number;
                    service?: string;
                  };
                  /** @description The container is well when the command, run within it, exits with 0. */
                  exec?: {
                    /**
                     * @example [
                     *       "cat",
                     *       "/tmp/ready"
                     *     ]
                     */
                    command: string[];
                  };
                  initial_delay_seconds?: number;
                  period_seconds?: number;
                  timeout_seconds?: number;
                  /** @description Other than 1 with `readiness_probe` alone. */
                  success_threshold?: number;
                  failure_threshold?: number;
                };
                /** @description Takes rights away from the container; none of it gives any. */
                security_context?: {
                  /** @example 1000 */
                  run_as_user?: number;
                  /** @example 1000 */
                  run_as_group?: number;
                  /** @enum {boolean} */
                  run_as_non_root?: true;
                  read_only_root_filesystem?: boolean;
                  /**
                   * @example [
                   *       "ALL"
                   *     ]
                   */
                  drop_capabilities?: string[];
                };
                /**
                 * @description How long the container may take to end once it was asked to.
                 * @example 30
                 */
                termination_grace_period_seconds?: number;
                /**
                 * @description Labels that a node must have.
                 * @example {
                 *       "disktype": "ssd"
                 *     }
                 */
                node_selector?: {
                  [key: string]: string;
                };
                /** @description Taints of nodes that the container bears. */
                tolerations?: {
                  /**
                   * @description The key of the taint; absent, with `Exists`, for every taint.
                   * @example dedicated
                   */
                  key?: string;
                  /**
                   * @description `Equal` where it is not given.
                   * @enum {string}
                   */
                  operator?: 'Equal' | 'Exists';
                  /** @example web */
                  value?: string;
                  /**
                   * @description Every effect where it is not given.
                   * @enum {string}
                   */
                  effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
                  /** @description For how long; with `NoExecute` alone. */
                  toleration_seconds?: number;
                }[];
                /** @description Secrets of the namespace to pull the image with; the operator decides which. */
                image_pull_secrets?: {
                  /** @example registry-credentials */
                  name: string;
                }[];
                /** @description Annotations of the Service; the operator decides which keys. */
                service_annotations?: {
                  [key: string]: string;
                };
                /** @description Secrets of the namespace whose members become environment variables. */
                env_from_secrets?: {
                  /** @example registry-credentials */
                  name: string;
                  /**
                   * @description Stands before the name of each variable.
                   * @example DB_
                   */
                  prefix?: string;
                }[];
                /** @description Volumes, each with the place where the container finds it. Names and places are used once. */
                volumes?: {
                  /** @example cache */
                  name: string;
                  /**
                   * @description Where the container finds it.
                   * @example /var/cache
                   */
                  mount_path: string;
                  /** @description Volumes of a ConfigMap or a Secret are always read-only. */
                  read_only?: boolean;
                  empty_dir?: {
                    /**
                     * @description More than zero.
                     * @example 1GB
                     */
                    size_limit: string;
                  };
                  config_map?: {
                    /** @example registry-credentials */
                    name: string;
                  };
                  secret?: {
                    /** @example registry-credentials */
                    secret_name: string;
                  };
                  /**
                   * @description A volume that lasts longer than the container. One that has it is rolled out by ending the old Pod first, as
                   *     many volumes can be had by one node alone.
                   */
                  persistent_volume_claim?: {
                    /**
                     * @description One that the operator allows, in the namespace of the containers.
                     * @example data-1
                     */
                    claim_name: string;
                    /** @description Whether the claim is used for reading alone, whatever the mount says. */
                    read_only?: boolean;
                  };
                }[];
              } & {
                [key: string]: unknown;
              };
            } & {
              [key: string]: unknown;
            };
          } & {
            [key: string]: unknown;
          };
        };
      };
    };
    responses: {
      /** @description With `validate_only`: the container as it would be, without a Service and endpoints. Nothing was made. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'application/json': components['schemas']['Container'];
        };
      };
      /**
       * @description The container that was made, or that an earlier request with the same `Idempotency-Key` made. A fresh one
       *     is `PENDING`.
       */
      201: {
        headers: {
          ETag: components['headers']['ETag'];
          /** @description `true` where an earlier request made the container; absent otherwise. */
          'Idempotency-Replayed'?: 'true';
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
      422: components['responses']['OtherRequest'];
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
          ETag: components['headers']['ETag'];
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
      header?: {
        /**
         * @description Makes the delete safe to repeat: with a key, a container that is not there is answered 204. A container that was
         *     made anew under the id stays where a replica that knows of it is asked again, within ten minutes, with the key
         *     that the former one was deleted with. Bare or as a quoted string.
         * @example 8e03978e-40d5-43dd-bc93-6894a57f9324
         */
        'Idempotency-Key'?: components['parameters']['IdempotencyKeyOfDelete'];
      };
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
      /** @description The container is deleted, or with `Idempotency-Key` it was not there. */
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
  UpdateContainer: {
    parameters: {
      query?: {
        /**
         * @description Checks everything that an update checks, the cluster's admission of the Deployment and the Service included, and
         *     changes nothing.
         */
        validate_only?: components['parameters']['ValidateOnlyOfUpdate'];
      };
      header?: {
        /**
         * @description Entity tags, as `ETag` gave them, separated by commas: 412 where the container has another one by now. `*` is every
         *     container that exists. Absent: the container is changed as it is.
         * @example "kZ0Jq3mYw8o2Tn5bXc1LdA"
         */
        'If-Match'?: components['parameters']['IfMatch'];
      };
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
     * @description What is to change. Only `spec` counts; what is beside it is ignored. The body may have 200 KiB, and so may the
     *     container that comes out.
     */
    requestBody: {
      content: {
        'application/merge-patch+json': {
          /**
           * @description Members of `ContainerSpec`, each with its new value or `null` to remove it. Present values, and read-only members
           *     that a read gave, may stand there as well.
           */
          spec: {
            [key: string]: unknown;
          };
        };
      };
    };
    responses: {
      /** @description The container as it is now, or with `validate_only` as it would be. */
      200: {
        headers: {
          ETag: components['headers']['ETag'];
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
      412: components['responses']['PreconditionFailed'];
      413: components['responses']['BodyTooLarge'];
      415: components['responses']['UnsupportedMediaType'];
      500: components['responses']['InternalError'];
      503: components['responses']['Unavailable'];
      default: components['responses']['Problem'];
    };
  };
  RestartContainer: {
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
      /** @description The container, which is `reconciling` until the new Pod serves. */
      200: {
        headers: {
          ETag: components['headers']['ETag'];
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
  WaitContainer: {
    parameters: {
      query?: {
        /** @description The statuses to wait for; may be given several times. */
        status?: components['parameters']['WaitStatus'];
        /**
         * @description How long to wait, such as `500ms`, `20s` or `1m30s`. More than the provider's time for a request allows is cut
         *     to that.
         */
        timeout?: components['parameters']['WaitTimeout'];
      };
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
      /** @description The container as it is at the end of the wait. */
      200: {
        headers: {
          ETag: components['headers']['ETag'];
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
  LogsContainer: {
    parameters: {
      query?: {
        /** @description How many of the last lines to begin with. */
        tail_lines?: components['parameters']['LogTailLines'];
        /**
         * @description How old lines may be, such as `30s`, `10m` or `1h30m`; rounded up to whole seconds. However old where it is not given.
         * @example 10m
         */
        since?: components['parameters']['LogSince'];
        /** @description The log of the run before the present one, where the container was started again. */
        previous?: components['parameters']['LogPrevious'];
        /** @description Begins each line with the time at which it was written (RFC 3339), and a space. */
        timestamps?: components['parameters']['LogTimestamps'];
        /**
         * @description Goes on with what the container writes from now on, until its end, until another Pod takes its place, or until the
         *     provider stops. It may take as long as it does: no time limit ends it.
         */
        follow?: components['parameters']['LogFollow'];
      };
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
      /** @description The log. A connection that is cut before the end of the answer says that something is missing. */
      200: {
        headers: {
          [name: string]: unknown;
        };
        content: {
          'text/plain': string;
        };
      };
      400: components['responses']['BadRequest'];
      401: components['responses']['Unauthorized'];
      403: components['responses']['Forbidden'];
      404: components['responses']['NoLog'];
      409: components['responses']['Conflict'];
      500: components['responses']['InternalError'];
      503: components['responses']['NoLogNow'];
      default: components['responses']['Problem'];
    };
  };
}
