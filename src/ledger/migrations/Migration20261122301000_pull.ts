import { Migration } from '@mikro-orm/migrations'

/** Endpoints from which what they are told is pulled: it waits in a lane that nobody sends from, found by its endpoint. */
export class Migration20261122301000_pull extends Migration {
  override up(): void {
    this.addSql(`
alter table endpoint add column delivery text not null default 'push' check (delivery in ('push', 'pull'));

-- What waits for one endpoint and is not in its lane, by id; the same for what sleeps of a tenant's actions.
update timer t set sleeper = md5(a.type)::uuid from action a
where a.id = t.id and t.lane = -9223372036854775806 and a.type >= 'we_';
drop index timer_sleeper;
create index timer_sleeper on timer (sleeper, id) where sleeper is not null;

-- What was given in one answer, and is acknowledged by its id.
create table pull_page (
  id text collate "C" primary key,
  endpoint text collate "C" not null,
  ids json not null,
  at timestamptz not null default now()
);`)
  }

  override down(): void {
    this.addSql(`
drop table pull_page;
drop index timer_sleeper;
create index timer_sleeper on timer (sleeper) where sleeper is not null;
alter table endpoint drop column delivery;`)
  }
}
