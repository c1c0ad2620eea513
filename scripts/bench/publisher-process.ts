/** A bare publisher: it makes the CloudEvents of many containers, publishes them, and waits once until the server has them. */
import { randomUUID } from 'node:crypto';
import { CloudEvent } from 'cloudevents';
import { connect, headers } from 'nats';
import { serveJobs } from './jobs.ts';
import { containerId } from './objects.ts';

const jobs = { publish };
export type PublisherJobs = typeof jobs;
serveJobs(jobs);

/** @param namespace - of the containers */
async function publish({ natsUrl, subject, namespace, containers }: PublishJob): Promise<void> {
  const connection = await connect({ servers: natsUrl });
  for (let index = 0; index < containers; index++) {
    const id = randomUUID();
    const sent = headers();
    sent.set('content-type', 'application/cloudevents+json');
    sent.set('Nats-Msg-Id', id);
    connection.publish(subject, JSON.stringify(buildEvent(id, index, namespace)), { headers: sent });
  }
  await connection.flush();
  await connection.close();
}

interface PublishJob {
  natsUrl: string;
  subject: string;
  namespace: string;
  containers: number;
}

function buildEvent(id: string, index: number, namespace: string): CloudEvent<object> {
  const attributes = {
    id,
    source: 'dcm/providers/k8s-container-provider',
    type: 'dcm.status.container',
    subject: 'dcm.container',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data: {
      id: containerId(index),
      status: 'RUNNING',
      message: 'Container is running.',
      output_spec: { namespace, endpoints: null },
    },
  };
  return new CloudEvent(attributes, false);
}
