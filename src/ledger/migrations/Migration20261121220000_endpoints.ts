import { Migration } from '@mikro-orm/migrations'

/** Webhook endpoints, their health, and what is still to be told to them: decision 0014. */
export class Migration20261121220000_endpoints extends Migration {
  override up(): void {
    this.addSql(ENDPOINTS)
    this.addSql(NOTICES)
    this.addSql(NOTIFICATIONS)
  }

  override down(): void {
    this.addSql(`
      drop index action_endpoint; drop index action_tenant;
      create index action_tenant on action (tenant, id);
      alter table tenant drop column plan;
      drop table notice; drop table endpoint_health; drop table endpoint;`)
  }
}

const ENDPOINTS = `
create table endpoint (
  id text collate "C" primary key,
  tenant uuid not null references tenant,
  url text not null,
  description text not null default '',
  -- Names and groups of events; null: every one, those to come too.
  subscribed_events json,
  active boolean not null default true,
  paused boolean not null default false,
  disabled_at timestamptz,
  disabled_reason text,
  secret bytea not null,
  -- Signs beside the present one until then.
  previous_secret bytea,
  previous_until timestamptz,
  -- A JSON object, sealed: a receiver's key may stand in it.
  headers bytea,
  retry_policy json,
  timeout text,
  expires_after text,
  max_in_flight int,
  rate_limit json,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index endpoint_tenant on endpoint (tenant, id) where deleted_at is null;
create index endpoint_changed on endpoint (updated_at);
create trigger endpoint_stamp before insert or update on endpoint for each row execute function stamp_change();

-- Apart from the endpoint, whose every change is read by all workers.
create table endpoint_health (
  endpoint text collate "C" primary key,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  last_failure text,
  -- Since when nothing has succeeded; null while the last attempt did.
  failing_since timestamptz,
  -- The share of the time to being disabled at which its tenant was told last, in percent.
  warned_at int not null default 0
);
-- Its tier in rules/plans.json; null: the default one.
alter table tenant add column plan text;
`

// What is told to more endpoints than one turn inserts, and what happens outside of any turn.
const NOTICES = `
create table notice (
  seq bigint generated always as identity primary key,
  p smallint not null,
  id text not null,
  type text not null,
  tenant uuid not null,
  user_id text not null,
  at timestamptz(3) not null default now(),
  data json not null,
  -- Ids of the endpoints that are still to be told; null: all that want it when it is read.
  endpoints json
);
create index notice_waiting on notice (p, seq);
`

// A notification is an action whose type is an endpoint (we_…, behind at_…). Lists of actions do not show them, so the
// index of these lists does not have them.
const NOTIFICATIONS = `
create index action_endpoint on action (type, id) where type >= 'we_';
drop index action_tenant;
create index action_tenant on action (tenant, id) where type < 'we_';
`
