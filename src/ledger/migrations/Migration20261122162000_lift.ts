import { Migration } from '@mikro-orm/migrations'

/** What lift looks at of a million decisions, without the body of any; rows are added at its end for each domain. */
export class Migration20261122162000_lift extends Migration {
  override up(): void {
    this.addSql(`
create index decision_lift on decision (tenant, domain, id) include (user_id, rule, holdout, sent, at, test)
where rule is not null and not test and (sent or holdout);`)
  }

  override down(): void {
    this.addSql('drop index decision_lift;')
  }
}
