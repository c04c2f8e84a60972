import { Migration } from '@mikro-orm/migrations'

/** From whom a tenant learns beside its own outcomes, and who lets others do so. */
export class Migration20261122161000_partners extends Migration {
  override up(): void {
    this.addSql(`
alter table tenant
  add column shares_learning boolean not null default false,
  add column learns_from uuid references tenant,
  add check (learns_from <> id);`)
  }

  override down(): void {
    this.addSql('alter table tenant drop column learns_from, drop column shares_learning;')
  }
}
