import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** A way to `url` that passes each request on and loses the first `answers` answers. */
export async function lossyWay(
  url: string,
  answers: number,
): Promise<{ url: string; requests(): number; close(): Promise<void> }> {
  let requests = 0
  const server = createServer(async (request, response) => {
    const isLost = requests++ < answers
    const { host, connection, 'content-length': length, ...headers } = request.headers
    const answer = await fetch(url + request.url, {
      method: request.method!,
      headers: headers as Record<string, string>,
      body: await buffer(request),
    })
    const text = await answer.text()
    if (isLost) request.socket.destroy()
    else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
