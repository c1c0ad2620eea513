import t from 'tap';
import { Deliveries } from '../../src/events/deliveries.ts';

t.test('100,000 deleted containers are kept, then the oldest goes that is not being sent', (t) => {
  const deliveries = new Deliveries();
  const keep = (id: string) => deliveries.keepDeleted(deliveries.ensure(id))?.containerId;
  const ids = Array.from({ length: 100_000 }, (_, index) => `${index}`);
  t.ok(ids.every((id) => keep(id) === undefined));
  t.equal(keep('one more'), '0');
  const event = {} as never;
  deliveries.ensure('0').sending = { event, since: 0, again: false, isTold: false, wasTried: false };
  deliveries.noteConfirmation(deliveries.ensure('0'));
  t.equal(keep('another'), '1');
  deliveries.forgetDeleted(deliveries.ensure('1'));
  deliveries.forgetDeleted(deliveries.ensure('2'));
  t.equal(keep('another'), undefined);
  t.end();
});
