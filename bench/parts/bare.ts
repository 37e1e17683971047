/**
 * The floor under any tool in Node: the SSH library alone, hosts in parallel, commands one after the other, exit codes
 * looked at, Nagle's algorithm off, the host's key compared. Reads what to do from its arguments.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import ssh2, { type Client } from 'ssh2'

const [port = '', user = '', key = '', hostKey = '', hosts = '', commands = ''] = process.argv.slice(2)
const privateKey = readFileSync(key)
const expected = Buffer.from(hostKey, 'base64')

await Promise.all(
  Array.from({ length: Number(hosts) }, async () => {
    const client = await login()
    for (let turn = 0; turn < Number(commands); turn += 1) if ((await exec(client, 'true')) !== 0) throw new Error('a command failed')
    client.end()
  }),
)

function login(): Promise<Client> {
  return new Promise((resolve, reject) => {
    const sock = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
    const client = new ssh2.Client()
    client.once('ready', () => resolve(client)).once('error', reject)
    client.connect({ sock, username: user, privateKey, hostVerifier: (wire: Buffer) => wire.equals(expected) })
  })
}

function exec(client: Client, command: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error)
      let status: number | null = null
      channel.on('exit', (code: number | null) => (status = code)).on('close', () => resolve(status))
      channel.resume().stderr.resume()
      channel.end()
    })
  })
}
