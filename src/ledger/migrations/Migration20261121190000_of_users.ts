import { Migration } from '@mikro-orm/migrations'

/** What was done for one user is found without reading what was done for all: a profile, a list, an erasure. */
export class Migration20261121190000_of_users extends Migration {
  override up(): void {
    this.addSql(`
create index action_user on action (tenant, user_id, id);
create index decision_user on decision (tenant, user_id, id);
alter table decision add column test boolean not null default false;
-- What else was joined to whoever is erased, and until when it was; known only as long as the erasure goes on.
alter table erasure add column other_ids text[], add column gathered_at timestamptz;`)
  }

  override down(): void {
    this.addSql(`
alter table erasure drop column other_ids, drop column gathered_at;
alter table decision drop column test;
drop index decision_user; drop index action_user;`)
  }
}
