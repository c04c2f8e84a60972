import { Migration } from '@mikro-orm/migrations'

/** By which rules each process decides, so that a broken edit shows where an operator looks. */
export class Migration20261122100000_rules_in_use extends Migration {
  override up(): void {
    this.addSql(`
create table rules_in_use (
  process uuid primary key,
  host text not null,
  pid integer not null,
  kind text not null,
  digest text not null,
  problem text,
  problem_since timestamptz,
  seen_at timestamptz not null
);`)
  }

  override down(): void {
    this.addSql('drop table rules_in_use;')
  }
}
