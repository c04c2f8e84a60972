/** A bare Koa route that reads a JSON body and answers: what accepting over HTTP costs where nothing is kept. */
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import getRawBody from 'raw-body'

const koa = new Koa()
const router = new Router()
router.post('/', async (context) => {
  const body = JSON.parse(await getRawBody(context.req, { encoding: 'utf8', limit: 5_000_000 })) as object
  context.status = 202
  context.body = { accepted: Object.keys(body).length, duplicates: 0, rejected: [] }
})
koa.use(router.routes())

process.on('disconnect', () => process.exit(0))
const server = koa.listen(0, '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
)
