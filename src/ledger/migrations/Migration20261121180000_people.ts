import { Migration } from '@mikro-orm/migrations'

/** People, written by the turns that read what comes in about them; what they do not allow; and their erasure. */
export class Migration20261121180000_people extends Migration {
  override up(): void {
    this.addSql(`
create table person (
  tenant uuid not null,
  -- What test keys send is about people of their own.
  test boolean not null,
  -- A user id, or the anonymous id of a visitor.
  id text collate "C" not null,
  p smallint not null,
  traits jsonb not null,
  activities json not null,
  events int not null,
  first_seen timestamptz,
  last_seen timestamptz,
  timezone text,
  locale text,
  permissions json,
  is_anonymous boolean not null,
  merged_into text collate "C",
  refused int not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant, test, id)
) with (fillfactor = 70);
create index person_merged on person (tenant, test, merged_into) where merged_into is not null;

-- What people do not allow, apart from all else that is known of them: nearly nobody is here, and every sending asks.
create table refusal (
  tenant uuid not null,
  user_id text collate "C" not null,
  permissions json not null,
  primary key (tenant, user_id)
);

-- That somebody was erased, and what of; whom is only known as long as it goes on.
create table erasure (
  id text collate "C" primary key,
  tenant uuid not null,
  test boolean not null,
  user_id text,
  -- What was received until then belongs to it.
  until timestamptz not null,
  asked_at timestamptz not null default now(),
  done_at timestamptz,
  counts json
);
create index erasure_open on erasure (id) where done_at is null;
create index erasure_tenant on erasure (tenant, id);

alter table event drop constraint event_kind_check,
  add constraint event_kind_check check (kind in ('event', 'traits', 'join', 'delete', 'merge', 'pass'));`)
  }

  override down(): void {
    this.addSql(`
delete from event where kind = 'pass';
alter table event drop constraint event_kind_check,
  add constraint event_kind_check check (kind in ('event', 'traits', 'join', 'delete', 'merge'));
drop table erasure, refusal, person;`)
  }
}
