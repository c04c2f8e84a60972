import { Migration } from '@mikro-orm/migrations'

/** Whether a tenant's actions are sent, and which were accepted or decided on only to be recorded. */
export class Migration20261121130000_sending extends Migration {
  override up(): void {
    this.addSql(`
alter table tenant
  add column sending text not null default 'on' check (sending in ('on', 'paused', 'shadow')),
  add column sending_reason text,
  add column sending_changed_at timestamptz;
create index tenant_not_sending on tenant (id) where sending <> 'on';
-- Recorded and never sent, like an action of a test key; it stands in no lane.
alter table action add column shadow boolean not null default false;`)
  }

  override down(): void {
    this.addSql(`alter table action drop column shadow;
      alter table tenant drop column sending, drop column sending_reason, drop column sending_changed_at;`)
  }
}
