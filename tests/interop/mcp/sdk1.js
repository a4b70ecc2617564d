// Plays calls through `@modelcontextprotocol/sdk` 1.x, which knows the first generation alone.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { elicit, play, transport } from './lines.js';

const capabilities = process.env.ELICIT ? { elicitation: { url: {} } } : {};
const client = new Client({ name: 'interop', version: '1' }, { capabilities });
if (process.env.ELICIT) client.setRequestHandler(ElicitRequestSchema, elicit);
const way = transport(StdioClientTransport, StreamableHTTPClientTransport);
let version;
way.setProtocolVersion = ((set) => (said) => {
  version = said;
  set?.call(way, said);
})(way.setProtocolVersion);
await client.connect(way);
await play(client, version);
