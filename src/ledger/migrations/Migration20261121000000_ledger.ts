import { Migration } from '@mikro-orm/migrations'

/** The first ledger: tenants and keys, action types, actions with their facts and history, events, decisions, owners. */
export class Migration20261121000000_ledger extends Migration {
  override up(): void {
    this.addSql(TENANTS)
    this.addSql(ACTIONS)
    this.addSql(EVENTS)
    this.addSql(OWNERS)
  }

  override down(): void {
    this.addSql(`drop table dead_letter, mark, partition, beat, worker, decision, dedupe, event, history, fact, action,
      action_type, api_key, tenant, setting cascade; drop sequence fact_seq, event_seq; drop function stamp_change;`)
  }
}

const TENANTS = `
create table setting (name text primary key, value text not null);

create table tenant (
  id uuid primary key,
  slug text not null unique,
  created_at timestamptz not null default now()
);

-- Only a hash of a key is kept: 32 bytes of SHA-256 over the whole key, which is random enough to need no salt.
create table api_key (
  id text collate "C" primary key,
  tenant uuid not null references tenant,
  hash bytea not null unique,
  prefix text not null,
  mode text not null check (mode in ('live', 'test')),
  label text,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table action_type (
  id text collate "C" primary key,
  tenant uuid not null references tenant,
  name text not null,
  description text,
  provider text not null,
  domain text,
  parameters_schema json not null,
  delivery_webhook text not null,
  secret bytea not null,
  estimated_cost_usd text,
  retry_policy json,
  timeout text,
  expires_after text,
  max_in_flight int,
  awaits_outcome boolean not null default true,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
-- A name is free again once its type is deleted, which only sets active to false.
create unique index action_type_name on action_type (tenant, name) where active;
create index action_type_changed on action_type (updated_at);
-- Workers ask for what changed since they last asked, so the time must be the database's.
create function stamp_change() returns trigger language plpgsql as
  $f$ begin new.updated_at := clock_timestamp(); return new; end $f$;
create trigger action_type_stamp before insert or update on action_type for each row execute function stamp_change();
`

// Range partitions by id are ranges of time, since ids are time-ordered; upkeep creates the coming months.
const ACTIONS = `
create table action (
  id text collate "C" not null primary key,
  tenant uuid not null,
  type text collate "C" not null,
  user_id text not null,
  parameters json not null,
  reasoning text,
  confidence double precision,
  origin text not null,
  test boolean not null default false,
  lane bigint not null,
  p smallint not null,
  status text not null default 'pending'
    check (status in ('pending', 'dispatched', 'retrying', 'completed', 'failed', 'expired')),
  version int not null default 0,
  attempt int not null default 0,
  budget_from int not null default 0,
  next_at timestamptz,
  deadline timestamptz,
  claimed int,
  outcome json,
  failure_reason text,
  late boolean not null default false,
  scheduled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((next_at is not null) = (status in ('pending', 'retrying'))),
  check ((deadline is not null) = (status in ('pending', 'retrying', 'dispatched')))
) partition by range (id);
-- A test action is never sent, so it never stands in a lane.
create index action_lane on action (p, lane, next_at) where status in ('pending', 'retrying') and not test;
create index action_deadline on action (p, deadline) where status in ('pending', 'retrying', 'dispatched');
create index action_tenant on action (tenant, id);
create index action_changed on action (tenant, updated_at, id);

create sequence fact_seq cache 1;
create table fact (
  seq bigint not null default nextval('fact_seq'),
  p smallint not null,
  action_id text collate "C" not null,
  kind text not null check (kind in ('outcome', 'cancel', 'retry', 'pulled', 'result')),
  n int not null,
  seen_version int,
  body json,
  at timestamptz not null default now(),
  applied boolean not null default false,
  unique (action_id, kind, n)
) partition by range (action_id);
create index fact_waiting on fact (p, seq) where not applied;

create table history (
  action_id text collate "C" not null,
  version int not null,
  at timestamptz not null,
  kind text not null,
  from_status text not null,
  to_status text not null,
  attempt int not null,
  detail json,
  primary key (action_id, version)
) partition by range (action_id);
`

const EVENTS = `
create sequence event_seq cache 1;
create table event (
  id text collate "C" not null primary key,
  -- The order in which a partition is read: the inserting transaction, then the sequence inside it.
  xid xid8 not null default pg_current_xact_id(),
  seq bigint not null default nextval('event_seq'),
  p smallint not null,
  tenant uuid not null,
  user_id text not null,
  type text not null,
  data json not null,
  time timestamptz not null,
  received_at timestamptz not null default now(),
  source text not null,
  test boolean not null default false
) partition by range (id);
create index event_unread on event (p, xid, seq);

-- One table for everything that must happen once: a unique index cannot span time partitions.
create table dedupe (
  tenant uuid not null,
  scope text not null,
  key text not null,
  digest bytea,
  answer json,
  at timestamptz not null default now(),
  primary key (tenant, scope, key)
) partition by hash (tenant, scope, key);
do $$ begin
  for i in 0..7 loop
    execute format('create table dedupe_%s partition of dedupe for values with (modulus 8, remainder %s)', i, i);
  end loop;
end $$;

create table decision (
  id text collate "C" not null primary key,
  tenant uuid not null,
  user_id text not null,
  domain text not null,
  event_id text,
  -- recommendation, alternatives and what each rule said, as they were answered
  body json not null,
  action_id text,
  at timestamptz not null default now()
) partition by range (id);
create index decision_tenant on decision (tenant, id);
`

const OWNERS = `
create table worker (
  id text collate "C" primary key,
  host text not null,
  pid int not null,
  started_at timestamptz not null default now(),
  dead_at timestamptz
);
create table beat (worker text collate "C" primary key, until timestamptz not null);
create table partition (p smallint primary key, owner text collate "C", crashes int not null default 0, suspect text);
-- How far the events of a partition were read; apart from its owner, so that neither waits for the other.
create table mark (p smallint primary key, xid xid8 not null default '0', seq bigint not null default 0);

create table dead_letter (
  id text collate "C" primary key,
  p smallint not null,
  action_id text,
  reason text not null,
  error text not null,
  body json,
  at timestamptz not null default now()
);
`
