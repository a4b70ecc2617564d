// Plays calls through `@modelcontextprotocol/client` 2.x, in either generation.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { elicit, modern, play, transport } from './lines.js';

const capabilities = process.env.ELICIT ? { elicitation: { url: {} } } : {};
const mode = modern ? { pin: '2026-07-28' } : 'legacy';
const client = new Client(
  { name: 'interop', version: '1' },
  { capabilities, versionNegotiation: { mode } },
);
if (process.env.ELICIT) client.setRequestHandler('elicitation/create', elicit);
await client.connect(transport(StdioClientTransport, StreamableHTTPClientTransport));
await play(client, client.getNegotiatedProtocolVersion());
