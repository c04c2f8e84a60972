import { Migration } from '@mikro-orm/migrations'

/** How an action reaches its user: what the user's consent goes by. */
export class Migration20261121200000_channels extends Migration {
  override up(): void {
    this.addSql('alter table action_type add column channel text;')
  }

  override down(): void {
    this.addSql('alter table action_type drop column channel;')
  }
}
