import { Migration } from '@mikro-orm/migrations'

/** Keys of operators, who resolved a dead letter, and what the backlog of a tenant is counted by. */
export class Migration20261121150000_operators extends Migration {
  override up(): void {
    this.addSql(KEYS)
    this.addSql(BACKLOGS)
  }

  override down(): void {
    this.addSql(`
      drop index timer_sleeper; alter table timer drop column sleeper;
      drop index tenant_special; alter table tenant drop column backlog_max;
      create index tenant_not_sending on tenant (id) where sending <> 'on';
      alter table dead_letter drop column resolved_by;
      delete from api_key where mode = 'operator';
      alter table api_key drop constraint api_key_tenant_check, drop constraint api_key_mode_check,
        alter column tenant set not null, add constraint api_key_mode_check check (mode in ('live', 'test'));`)
  }
}

const KEYS = `
-- An operator works across tenants, so such a key has none.
alter table api_key drop constraint api_key_mode_check,
  add constraint api_key_mode_check check (mode in ('live', 'test', 'operator')),
  alter column tenant drop not null,
  add constraint api_key_tenant_check check ((tenant is null) = (mode = 'operator'));
alter table dead_letter add column resolved_by text;
`

// Lanes are a tenant's own, so what is due is counted there. Sleep is shared by all tenants of a partition; a sleeping
// send says whose it is, and no other timer has this column or is in this index.
const BACKLOGS = `
alter table tenant add column backlog_max int check (backlog_max > 0);
drop index tenant_not_sending;
create index tenant_special on tenant (id) where sending <> 'on' or backlog_max is not null;
alter table timer add column sleeper uuid;
update timer t set sleeper = a.tenant from action a where a.id = t.id and t.lane = -9223372036854775806;
create index timer_sleeper on timer (sleeper) where sleeper is not null;
`
