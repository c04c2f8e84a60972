import { Migration } from '@mikro-orm/migrations'

/** Workers ask each second whose permissions changed, for what they have loaded already. */
export class Migration20261121210000_refusals_changed extends Migration {
  override up(): void {
    this.addSql(`
alter table refusal add column changed_at timestamptz not null default clock_timestamp();
create index refusal_changed on refusal (changed_at);`)
  }

  override down(): void {
    this.addSql('alter table refusal drop column changed_at;')
  }
}
