import { Migration } from '@mikro-orm/migrations'

/** What happened can be told again: history says all that is told of a step, and who is told it again has a row. */
export class Migration20261122300000_replays extends Migration {
  override up(): void {
    this.addSql(STEPS)
    this.addSql(TOLD)
    this.addSql(REPLAYS)
  }

  override down(): void {
    this.addSql(`
      drop table replay; drop table past_notice;
      drop index history_changed;
      update history h set tenant = a.tenant from action a where a.id = h.action_id and h.tenant is null;
      alter table history alter column tenant set not null;
      create index history_changed on history (tenant, at);
      alter table history drop column failure_reason, drop column next_at;`)
  }
}

// By tenant and time are looked for the steps of what clients know, and there may be a hundred notifications of each.
const STEPS = `
alter table history alter column tenant drop not null;
update history h set tenant = null from action a where a.id = h.action_id and a.type >= 'we_';
drop index history_changed;
create index history_changed on history (tenant, at) where tenant is not null;
-- Of the action after the step, where it has them.
alter table history add column failure_reason text, add column next_at timestamptz(3);
`

// What happens outside of any turn stands nowhere else once it was told.
const TOLD = `
create table past_notice (
  seq bigint primary key,
  id text not null,
  type text not null,
  tenant uuid not null,
  at timestamptz(3) not null,
  data json not null
);
create index past_notice_tenant on past_notice (tenant, seq);
`

const REPLAYS = `
create table replay (
  id text collate "C" primary key,
  endpoint text collate "C" not null,
  tenant uuid not null,
  since timestamptz not null,
  until timestamptz not null,
  -- Names and groups of events; null: all that the endpoint subscribed to.
  event_types json,
  per_second int not null,
  state text not null default 'running' check (state in ('running', 'done', 'cancelled')),
  -- The last place of each source that was looked at.
  cursor json not null default '{"steps": null, "events": null, "notices": null}',
  -- The time up to which everything was looked at.
  reached timestamptz,
  looked_at int not null default 0,
  told int not null default 0,
  -- How much there is to look at, counted up to a limit when it began.
  estimated int,
  -- Why it does not go on; null: it does.
  waits_for text,
  due_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
create unique index replay_running on replay (endpoint) where ended_at is null;
create index replay_endpoint on replay (endpoint, id);
`
