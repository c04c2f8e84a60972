import { Migration } from '@mikro-orm/migrations'

/** What became of a dead letter; it is kept, so that it can be told who did what. */
export class Migration20261121140000_letters extends Migration {
  override up(): void {
    this.addSql(`
alter table dead_letter
  add column resolved_at timestamptz,
  add column resolution text check (resolution in ('retried', 'dropped'));
create index dead_letter_open on dead_letter (id) where resolved_at is null;`)
  }

  override down(): void {
    this.addSql(`alter table dead_letter drop column resolved_at, drop column resolution;`)
  }
}
