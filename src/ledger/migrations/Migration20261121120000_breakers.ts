import { Migration } from '@mikro-orm/migrations'

/** Circuit breakers of destinations, shared by all workers, and each time one opened or closed. */
export class Migration20261121120000_breakers extends Migration {
  override up(): void {
    this.addSql(`
create table breaker (
  -- The destination's lane: a tenant with a scheme, host and port.
  lane bigint primary key,
  tenant uuid not null,
  destination text not null,
  state text not null check (state in ('open', 'half-open', 'closed')),
  reason text not null,
  opened_at timestamptz not null default now(),
  closed_at timestamptz,
  -- While open: when a probe may be sent. While half-open: when its answer is no longer waited for.
  retry_at timestamptz not null,
  wait_ms int not null,
  updated_at timestamptz not null default now()
);
create index breaker_not_closed on breaker (lane) where state <> 'closed';

-- What subscribers are told of; only a change of closed to open and back is one.
create table breaker_change (
  seq bigint generated always as identity primary key,
  at timestamptz not null default now(),
  lane bigint not null,
  tenant uuid not null,
  destination text not null,
  change text not null check (change in ('opened', 'closed')),
  reason text not null
);
create index breaker_change_tenant on breaker_change (tenant, seq);`)
  }

  override down(): void {
    this.addSql('drop table breaker_change; drop table breaker;')
  }
}
