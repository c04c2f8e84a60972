import { Migration } from '@mikro-orm/migrations'

/** What workers died of: since when a partition has its owner, and what its owners worked on alone when they died. */
export class Migration20261121160000_suspects extends Migration {
  override up(): void {
    this.addSql(`
alter table partition add column claimed_at timestamptz;
-- An action or an event with the deaths of workers that had it in hand, and nothing else of its partition.
create table suspect (
  id text collate "C" primary key,
  p smallint not null,
  deaths int not null,
  died_at timestamptz not null default now()
);`)
  }

  override down(): void {
    this.addSql('drop table suspect; alter table partition drop column claimed_at;')
  }
}
