import { registerHooks } from 'node:module'

/**
 * Preloaded into a worker process, this makes some users deadly: whoever works on what is theirs at the named place ends
 * at once, as a process does that runs out of memory there.
 */
const DEADLY: Record<string, string> = {
  '/src/dispatch/request.ts': `
    const realBody = dispatchBody
    dispatchBody = (action, now) => {
      if (action.userId === 'kills-when-sent') process.kill(process.pid, 'SIGKILL')
      return realBody(action, now)
    }`,
  '/src/turn/decide-actions.ts': `
    const realActions = decideActions
    decideActions = (loaded, moment) => {
      for (const { row, results, facts } of loaded.subjects) {
        if (row.userId === 'kills-when-answered' && results.length > 0) process.kill(process.pid, 'SIGKILL')
        if (row.userId === 'kills-when-told' && facts.length > 0) process.kill(process.pid, 'SIGKILL')
        if (row.userId === 'kills-when-late' && row.state.deadline < moment.now) process.kill(process.pid, 'SIGKILL')
      }
      return realActions(loaded, moment)
    }`,
  '/src/turn/decide-events.ts': `
    const realEvents = decideEvents
    decideEvents = (loaded, ...more) => {
      if (loaded.events.some(({ userId }) => userId === 'kills-when-decided')) process.kill(process.pid, 'SIGKILL')
      if (loaded.due.some(({ id }) => id === 'kills-when-due')) process.kill(process.pid, 'SIGKILL')
      return realEvents(loaded, ...more)
    }`,
}

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const deadly = Object.keys(DEADLY).find((file) => url.endsWith(file))
    // A function that a module declares may be replaced inside of it; whoever imports it gets the other one.
    return deadly === undefined ? loaded : { ...loaded, source: `${loaded.source}\n${DEADLY[deadly]}` }
  },
})
