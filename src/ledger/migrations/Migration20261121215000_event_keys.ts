import { Migration } from '@mikro-orm/migrations'

/**
 * Ids of events that were accepted are kept as half of a SHA-256, apart from idempotency keys with their answers: there are
 * as many as events, for a week, and so each takes 92 bytes with its index instead of 236.
 */
export class Migration20261121215000_event_keys extends Migration {
  override up(): void {
    this.addSql(`
create table event_key (
  -- The first 16 bytes of the SHA-256 of tenant, scope and id with spaces between.
  digest uuid not null primary key,
  at timestamptz not null default now()
) partition by hash (digest);
do $$ begin
  for i in 0..7 loop
    execute format('create table event_key_%s partition of event_key for values with (modulus 8, remainder %s)', i, i);
  end loop;
end $$;
insert into event_key
select encode(substr(sha256(convert_to(tenant::text || ' ' || scope || ' ' || key, 'UTF8')), 1, 16), 'hex')::uuid, at
from dedupe where digest is null;
delete from dedupe where digest is null;`)
  }

  override down(): void {
    this.addSql('drop table event_key;')
  }
}
