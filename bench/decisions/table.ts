import { drawn } from '../statistics.ts'
import { TITLES } from './contenders.ts'
import type { Estimate, WorldFigures } from './figures.ts'

/** The figures of all worlds, a contender a line, and what Volley loses in comparison. */
export function tableOf(worlds: readonly WorldFigures[]): string {
  const rows = worlds.flatMap(({ world, contenders, ratios }) =>
    contenders.map(({ contender, regret, reward }, index) => {
      const compared = ratios.find((ratio) => ratio.contender === contender)
      return [
        index === 0 ? world : '',
        TITLES[contender],
        `${regret.mean.toFixed(1)} ± ${regret.margin.toFixed(1)}`,
        reward.mean.toFixed(4),
        compared === undefined ? '' : ratioText(compared.ratio),
        compared?.aim == null ? '' : `≤ ${compared.aim}`,
        compared?.isMet == null ? '' : compared.isMet ? 'met' : 'NOT met',
      ]
    }),
  )
  return drawn(['world', 'contender', 'regret', 'reward each', 'Volley × this', 'aim', ''], rows)
}

const ratioText = (ratio: Estimate | null): string =>
  ratio === null ? '–' : `${ratio.mean.toFixed(3)} ± ${ratio.margin.toFixed(3)}`
