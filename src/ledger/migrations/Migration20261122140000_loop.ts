import { Migration } from '@mikro-orm/migrations'

/** What closes the loop: where people stand, when they are due, what was learnt, and what was spent. */
export class Migration20261122140000_loop extends Migration {
  override up(): void {
    this.addSql(`
alter table person add column standing json, add column due_at timestamptz;

-- Beside the rows, as timers are: what nobody is due for costs nothing.
create table due (
  p smallint not null,
  at timestamptz not null,
  tenant uuid not null,
  test boolean not null,
  id text collate "C" not null,
  primary key (p, at, tenant, test, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- What outcomes taught of a rule in a segment, each partition its own share: its owner is the only writer. Numbers are
-- as of "at", and count half after each half-life.
create table lesson (
  tenant uuid not null,
  domain text collate "C" not null,
  rule text collate "C" not null,
  segment text collate "C" not null,
  p smallint not null,
  successes float8 not null,
  failures float8 not null,
  rejected float8 not null,
  unanswered float8 not null,
  at timestamptz not null,
  half_life_ms float8 not null,
  primary key (tenant, domain, rule, segment, p)
) with (fillfactor = 70);

-- What a domain with a budget has spent, by day in UTC.
create table spending (
  tenant uuid not null,
  domain text collate "C" not null,
  day date not null,
  usd float8 not null,
  primary key (tenant, domain, day)
);

alter table event drop constraint event_kind_check,
  add constraint event_kind_check check (kind in ('event', 'traits', 'join', 'delete', 'merge', 'pass', 'report'));`)
  }

  override down(): void {
    this.addSql(`
delete from event where kind = 'report';
alter table event drop constraint event_kind_check,
  add constraint event_kind_check check (kind in ('event', 'traits', 'join', 'delete', 'merge', 'pass'));
drop table spending, lesson, due;
alter table person drop column due_at, drop column standing;`)
  }
}
