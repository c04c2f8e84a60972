import { Migration } from '@mikro-orm/migrations'

/** Whether it was an operator who stopped a tenant's sending: then only an operator starts it again. */
export class Migration20261122120000_held_by_operator extends Migration {
  override up(): void {
    this.addSql('alter table tenant add column sending_held boolean not null default false;')
  }

  override down(): void {
    this.addSql('alter table tenant drop column sending_held;')
  }
}
