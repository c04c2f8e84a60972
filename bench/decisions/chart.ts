import asciichart from 'asciichart'
import { type ContenderName, TITLES } from './contenders.ts'
import type { WorldFigures } from './figures.ts'

const COLOURS: Record<ContenderName, { terminal: string; svg: string }> = {
  volley: { terminal: asciichart.green, svg: '#0a7d4f' },
  author: { terminal: asciichart.red, svg: '#c0392b' },
  thompson: { terminal: asciichart.blue, svg: '#2563c9' },
  linucb: { terminal: asciichart.yellow, svg: '#b7791f' },
}

/** Rows of a chart in the terminal. */
const HEIGHT = 12

/**
 * Regret by decisions for a terminal. Only as high as the second highest contender ends twice: one that never learns would
 * leave the others on the ground.
 */
export function chartOf({ world, contenders, decisions }: WorldFigures): string {
  const ends = contenders.map(({ regret }) => regret.mean).sort((a, b) => b - a)
  const top = Math.max(1, Math.min(ends[0]!, 2 * ends[1]!))
  // The one that matters most is drawn last, over the others.
  const shown = [...contenders].reverse()
  const lines = asciichart.plot(
    shown.map(({ path }) => path.map((regret) => Math.min(top, regret))),
    {
      height: HEIGHT,
      min: 0,
      max: top,
      format: labelled,
      colors: shown.map(({ contender }) => COLOURS[contender].terminal),
    },
  )
  const legend = contenders.map(({ contender }) =>
    asciichart.colored(`── ${TITLES[contender]}`, COLOURS[contender].terminal),
  )
  return `${world}: regret in ${decisions} decisions\n${lines}\n${legend.join('   ')}`
}

const labelled = (regret: number): string => Math.abs(regret).toFixed(0).padStart(9)

const PANEL = { width: 460, height: 300, left: 56, right: 16, top: 36, bottom: 34 }
const COLUMNS = 2

/** All worlds as one SVG image: a panel each, regret by decisions. */
export function svgOf(worlds: readonly WorldFigures[]): string {
  const rows = Math.ceil(worlds.length / COLUMNS)
  const width = Math.min(COLUMNS, worlds.length) * PANEL.width
  const height = rows * PANEL.height + 30
  const panels = worlds.map((world, index) => {
    const x = (index % COLUMNS) * PANEL.width
    const y = Math.floor(index / COLUMNS) * PANEL.height + 30
    return `<g transform="translate(${x} ${y})">${panelOf(world)}</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${legend()}
${panels.join('\n')}
</svg>
`
}

function legend(): string {
  return Object.entries(TITLES)
    .map(([contender, title], index) => {
      const x = 16 + index * 200
      const colour = COLOURS[contender as ContenderName].svg
      return `<path d="M${x} 16h18" stroke="${colour}" stroke-width="2"/><text x="${x + 24}" y="20">${escaped(title)}</text>`
    })
    .join('\n')
}

function panelOf({ world, contenders, decisions }: WorldFigures): string {
  const top = Math.max(1, ...contenders.map(({ regret }) => regret.mean))
  const right = PANEL.width - PANEL.right
  const bottom = PANEL.height - PANEL.bottom
  const x = (share: number): string => (PANEL.left + share * (right - PANEL.left)).toFixed(1)
  // Square roots: what learns and what does not are then told apart in one panel.
  const y = (regret: number): string =>
    (bottom - Math.sqrt(Math.max(0, regret) / top) * (bottom - PANEL.top)).toFixed(1)
  const ticks = [0, 0.05, 0.25, 0.5, 1].map((share) => {
    const at = y(share * top)
    return `<path d="M${PANEL.left} ${at}H${right}" stroke="#e5e7eb"/><text x="${PANEL.left - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${Math.round(share * top)}</text>`
  })
  const lines = [...contenders].reverse().map(({ contender, path }) => {
    const points = path.map((regret, index) => `${x((index + 1) / path.length)},${y(regret)}`)
    return `<polyline fill="none" stroke="${COLOURS[contender].svg}" stroke-width="2" points="${x(0)},${y(0)} ${points.join(' ')}"/>`
  })
  return [
    `<text x="${PANEL.left}" y="20" font-weight="bold">${escaped(world)}</text>`,
    ...ticks,
    ...lines,
    `<text x="${PANEL.left}" y="${bottom + 18}">0</text>`,
    `<text x="${right}" y="${bottom + 18}" text-anchor="end">${decisions} decisions</text>`,
  ].join('\n')
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
