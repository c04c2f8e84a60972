import { Migration } from '@mikro-orm/migrations'

/** What is made of an event before an endpoint is sent it: a template of JSON-logic; null: it is sent as it is. */
export class Migration20261122302000_payload_mappings extends Migration {
  override up(): void {
    this.addSql('alter table endpoint add column payload_mapping json;')
  }

  override down(): void {
    this.addSql('alter table endpoint drop column payload_mapping;')
  }
}
