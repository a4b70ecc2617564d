// The login of the dashboard.
import { press } from './browser.js';

export async function signIn(tab, { address, token }, path = '/') {
  await tab.goto(address + path);
  await tab.type('#token', token);
  await press(tab, 'form[action="/login"] button');
}
