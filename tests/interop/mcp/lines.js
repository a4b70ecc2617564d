// What both clients of npm share: calls come as lines of JSON, and results go out as such.
// `PLAYER ERA stdio PROGRAM ARGUMENT…` or `PLAYER ERA http URL TOKEN`.
import readline from 'node:readline';

const [era, way, ...rest] = process.argv.slice(2);

/** The generation of MCP to speak: `modern` or `legacy`. */
export const modern = era === 'modern';

/** Makes the client's own transport. */
export function transport(Stdio, Http) {
  if (way === 'stdio') {
    const env = Object.fromEntries(Object.entries(process.env));
    return new Stdio({ command: rest[0], args: rest.slice(1), env, stderr: 'inherit' });
  }
  const headers = { authorization: `Bearer ${rest[1]}` };
  return new Http(new URL(rest[0]), { requestInit: { headers } });
}

const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const say = (value) => process.stdout.write(JSON.stringify(value) + '\n');

/** Reads one line of JSON, or undefined at the end. */
export async function read() {
  const { value, done } = await input.next();
  return done ? undefined : JSON.parse(value);
}

/** Asks the test what a person would answer. */
export async function elicit(request) {
  say({ elicit: request.params });
  return await read();
}

/** Lists the tools, then plays all calls. */
export async function play(client, version) {
  const { tools } = await client.listTools();
  say({ version, tools, server: client.getServerVersion() });
  for (let call = await read(); call !== undefined; call = await read()) {
    try {
      const result = await client.callTool({ name: call.tool, arguments: call.arguments });
      say({ result });
    } catch (error) {
      say({ error: { code: error.code ?? null, message: String(error.message) } });
    }
  }
  await client.close();
}
