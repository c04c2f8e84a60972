import { Migration } from '@mikro-orm/migrations'

/** Which of the events that it subscribed to an endpoint is told of: JSON-logic; null: all. */
export class Migration20261122130000_endpoint_filters extends Migration {
  override up(): void {
    this.addSql('alter table endpoint add column filter json;')
  }

  override down(): void {
    this.addSql('alter table endpoint drop column filter;')
  }
}
