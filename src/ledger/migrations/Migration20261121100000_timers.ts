import { Migration } from '@mikro-orm/migrations'

/**
 * The two timers of an action move from indexes on its row into rows of their own, so that no update of an action
 * touches an index; what changed when is read from history. Decision 0007 has the measurements.
 */
export class Migration20261121100000_timers extends Migration {
  override up(): void {
    this.addSql(TIMERS)
    this.addSql(CHANGES)
    this.addSql(ROOM)
  }

  override down(): void {
    this.addSql(`
      create index action_lane on action (p, lane, next_at) where status in ('pending', 'retrying') and not test;
      create index action_deadline on action (p, deadline) where status in ('pending', 'retrying', 'dispatched');
      create index action_changed on action (tenant, updated_at, id);
      alter table history drop column tenant;
      drop table timer;`)
  }
}

const TIMERS = `
drop index action_lane;
drop index action_deadline;
-- lane: where the action is to be sent, or the least but one bigint for the deadline of an action that has not ended.
create table timer (
  p smallint not null,
  lane bigint not null,
  at timestamptz(3) not null,
  id text collate "C" not null,
  primary key (p, lane, at, id)
) with (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0.2);
-- Whole milliseconds, so that a time that went through a worker finds its timer.
alter table action alter column next_at type timestamptz(3), alter column deadline type timestamptz(3);
insert into timer select p, lane, next_at, id from action where status in ('pending', 'retrying') and not test;
insert into timer select p, -9223372036854775807, deadline, id from action where deadline is not null;
`

const CHANGES = `
alter table history add column tenant uuid;
update history h set tenant = a.tenant from action a where a.id = h.action_id;
alter table history alter column tenant set not null;
create index history_changed on history (tenant, at);
drop index action_changed;
`

// A page of actions keeps room for a second version of each, so that updates stay on their page; new months are created
// with the same fillfactor.
const ROOM = `
do $$ declare part regclass; begin
  for part in select inhrelid::regclass from pg_inherits where inhparent = 'action'::regclass loop
    execute format('alter table %s set (fillfactor = 45)', part);
  end loop;
end $$;
`
