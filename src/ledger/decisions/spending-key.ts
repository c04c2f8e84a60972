/** A domain of a tenant with a budget over so many days in UTC, today included. */
export interface BudgetAsk {
  tenant: string
  domain: string
  days: number
}

/** What a turn spends of a domain's budget today. */
export interface Spend {
  tenant: string
  domain: string
  usd: number
}

/** A text that is the same for the same domain of a tenant and for no other. */
export const spendingKey = ({ tenant, domain }: Pick<BudgetAsk, 'tenant' | 'domain'>): string =>
  `${tenant} ${domain}`
