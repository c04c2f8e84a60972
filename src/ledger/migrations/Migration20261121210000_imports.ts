import { Migration } from '@mikro-orm/migrations'

/** Files that were imported, and how far. */
export class Migration20261121210000_imports extends Migration {
  override up(): void {
    this.addSql(`
create table import (
  tenant uuid not null,
  source text not null,
  test boolean not null,
  -- Of the file's size, its beginning and its end.
  fingerprint text collate "C" not null,
  file text not null,
  -- So many lines are behind it, in the very transaction that kept what they say.
  lines bigint not null default 0,
  counts json not null,
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  done_at timestamptz,
  primary key (tenant, source, test, fingerprint)
);`)
  }

  override down(): void {
    this.addSql('drop table import;')
  }
}
