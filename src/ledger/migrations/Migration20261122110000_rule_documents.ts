import { Migration } from '@mikro-orm/migrations'

/** Documents that a tenant keeps itself: every version, of which at most one is in force. */
export class Migration20261122110000_rule_documents extends Migration {
  override up(): void {
    this.addSql(`
create table rule_document (
  tenant uuid not null references tenant,
  kind text not null,
  name text not null,
  version integer not null,
  state text not null check (state in ('draft', 'checked', 'active', 'retired')),
  -- As it was written, the order of names too.
  document json not null,
  cases json,
  made_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  primary key (tenant, kind, name, version)
);
create unique index rule_document_active on rule_document (tenant, kind, name) where state = 'active';
create index rule_document_changed on rule_document (changed_at);`)
  }

  override down(): void {
    this.addSql('drop table rule_document;')
  }
}
