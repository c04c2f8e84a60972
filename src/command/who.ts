import { hostname, userInfo } from 'node:os'

/** Who gives a command, for the record: a user and a host. */
export function whoAmI(): string {
  return `${userName()} on ${hostname()}`
}

/** In a container the user need not have a name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}
