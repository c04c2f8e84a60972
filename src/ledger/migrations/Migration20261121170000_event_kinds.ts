import { Migration } from '@mikro-orm/migrations'

/** Everything that comes in about a person is a row of `event`, in the order of its user: see canonical-events.ts. */
export class Migration20261121170000_event_kinds extends Migration {
  override up(): void {
    this.addSql(`
alter table event
  add column kind text not null default 'event' check (kind in ('event', 'traits', 'join', 'delete', 'merge')),
  -- Whether user_id is the id of a visitor who is no user yet.
  add column is_anonymous boolean not null default false,
  -- The sender's own id, under which it counts once within its source, kind and mode; null where there is none.
  add column dedupe_id text,
  -- False for what is only to be known, as a history that is imported: no rule is asked.
  add column decides boolean not null default true;
-- A list of one tenant's, or of one user's, newest first.
create index event_tenant on event (tenant, id);
create index event_user on event (tenant, user_id, id);
-- Segment signs what its webhooks send by a secret that both sides know; sealed, null where it is not checked.
alter table tenant add column segment_secret bytea;`)
  }

  override down(): void {
    this.addSql(`
alter table tenant drop column segment_secret;
drop index event_user; drop index event_tenant;
delete from event where kind <> 'event';
alter table event drop column kind, drop column is_anonymous, drop column dedupe_id, drop column decides;`)
  }
}
