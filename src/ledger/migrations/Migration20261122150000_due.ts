import { Migration } from '@mikro-orm/migrations'

/** Who is due, tenant by tenant, and how far the people of each tenant are armed for what its rules wait for. */
export class Migration20261122150000_due extends Migration {
  override up(): void {
    this.addSql(`
-- One tenant of whom many are due at once does not stand before the others.
create index due_tenant on due (p, tenant, at);
-- A row is taken away by its whole key, which turns know to the millisecond.
alter table due add constraint due_at_ms check (at = date_trunc('milliseconds', at));

create table armed (
  tenant uuid primary key,
  -- The triggers that the people before the mark are armed for, and those that all are.
  wanted text[] not null,
  done text[] not null,
  after_test boolean,
  after_id text collate "C",
  changed_at timestamptz not null default now()
) with (fillfactor = 50);`)
  }

  override down(): void {
    this.addSql('drop table armed; alter table due drop constraint due_at_ms; drop index due_tenant;')
  }
}
