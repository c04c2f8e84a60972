import { Migration } from '@mikro-orm/migrations'

/** Limits of an action type, what of them is in use, and types that must not be sent twice. */
export class Migration20261121110000_limits extends Migration {
  override up(): void {
    this.addSql(`
alter table action_type add column rate_limit json,
  add column resend text not null default 'always' check (resend in ('always', 'never'));

-- One row a limited type: the time before which its next POST may not begin, and the lock under which it is asked for.
create table allowance (type text collate "C" primary key, next_at timestamptz(3) not null default '-infinity');

-- A POST that was given leave; the turn that records its result deletes it. Past \`until\` it is over, whoever sent it.
create table permit (
  type text collate "C" not null,
  action_id text collate "C" not null,
  until timestamptz not null,
  primary key (type, action_id)
) with (autovacuum_vacuum_threshold = 1000);`)
  }

  override down(): void {
    this.addSql(
      `drop table permit; drop table allowance; alter table action_type drop column rate_limit, drop column resend;`,
    )
  }
}
