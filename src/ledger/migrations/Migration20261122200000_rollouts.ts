import { Migration } from '@mikro-orm/migrations'

/** Versions that are in force for a share of users, wait for a second person, or were stopped for what came of them. */
export class Migration20261122200000_rollouts extends Migration {
  override up(): void {
    this.addSql(`
alter table rule_document drop constraint rule_document_state_check;
alter table rule_document add check (state in ('draft', 'checked', 'partial', 'active', 'retired', 'stopped'));
alter table rule_document
  -- Of users for whom it is in force while it is partial.
  add column share real not null default 1,
  -- The largest share for which it was ever let into force; null: it never was.
  add column cleared_share real,
  -- The share that waits for a second person, and the key that asked for it.
  add column waiting_share real,
  add column asked_by text,
  add column approved_by text,
  -- The version in whose place it came; null: there was none.
  add column replaced integer,
  add column in_force_since timestamptz,
  -- What came of its decisions when it was stopped.
  add column figures json;
update rule_document set cleared_share = 1, in_force_since = changed_at where state in ('active', 'retired');
create unique index rule_document_partial on rule_document (tenant, kind, name) where state = 'partial';
create index rule_document_watched on rule_document (in_force_since)
  where state in ('partial', 'active') and (document->'rollout'->'stop') is not null;
create index rule_document_stopped on rule_document (changed_at) where state = 'stopped';`)
  }

  override down(): void {
    this.addSql(`
update rule_document set state = 'retired' where state in ('partial', 'stopped');
drop index rule_document_stopped, rule_document_watched, rule_document_partial;
alter table rule_document drop column share, drop column cleared_share, drop column waiting_share, drop column asked_by,
  drop column approved_by, drop column replaced, drop column in_force_since, drop column figures;
alter table rule_document drop constraint rule_document_state_check;
alter table rule_document add check (state in ('draft', 'checked', 'active', 'retired'));`)
  }
}
