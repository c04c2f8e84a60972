import { Migration } from '@mikro-orm/migrations'

/** What lists and lift ask of many decisions, beside the body that says why; and what a client carried out itself. */
export class Migration20261122160000_decisions extends Migration {
  override up(): void {
    this.addSql(`
alter table decision
  -- Name of the rule that was picked; null: none offered anything.
  add column rule text collate "C",
  add column sent boolean not null default false,
  add column holdout boolean not null default false;

-- A decision is carried out once: by an action that a client made of it, or by the client itself, who tells its outcome.
create table carried (
  decision_id text collate "C" not null primary key,
  tenant uuid not null,
  action_id text collate "C",
  -- status and result, as a fact of an action has them; null where the action has it
  outcome json,
  at timestamptz not null default now(),
  check ((action_id is null) <> (outcome is null))
) partition by range (decision_id);`)
  }

  override down(): void {
    this.addSql(
      `drop table carried; alter table decision drop column rule, drop column sent, drop column holdout;`,
    )
  }
}
