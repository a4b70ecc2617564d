// Programs, checks and the count of them.

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

/** Each program of a run, so that none outlives it. */
const programs = new Set();
let passed = 0;
let failed = 0;

// Traffic stays on this machine, also where the environment names a proxy.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.toLowerCase().endsWith("_proxy")),
);

/** Starts a program that serves, and returns it with the first line of its output, as JSON. */
export async function serve(command, args, home) {
  const child = spawn(command, args, {
    env: { ...environment, L402_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  programs.add(child);
  let errors = "";
  child.stderr.on("data", (text) => (errors = (errors + text).slice(-4000)));
  const ended = new Promise((_, reject) =>
    child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}: ${errors}`))),
  );
  ended.catch(() => {});
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([
    new Promise((resolve) => lines.once("line", resolve)),
    ended,
    late(20_000, `${args[0]} printed nothing`),
  ]);
  return { report: JSON.parse(line), stop: () => stop(child), errors: () => errors };
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
  child.kill("SIGKILL");
  programs.delete(child);
}

/** Runs a program to its end. */
export function run(command, args, home) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...environment, L402_HOME: home },
      stdio: ["ignore", "pipe", "pipe"],
    });
    programs.add(child);
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    child.once("error", reject);
    child.once("close", (status) => {
      programs.delete(child);
      resolve({ status, stdout, stderr });
    });
    setTimeout(() => child.kill("SIGKILL"), 30_000).unref();
  });
}

/** Serves one text to everybody, as the upstream of a gateway. */
export async function upstream(text) {
  const server = createServer((_, answer) => answer.end(text));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

/** Runs a check, prints a line for it, and counts it. */
export async function check(name, work) {
  try {
    await Promise.race([work(), late(30_000, "no outcome in 30 s")]);
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n        ${error.stack ?? error}`);
  }
}

/** Waits until something holds. Nothing tells when another process has done its part. */
export async function until(what, holds) {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not in time: ${what}`);
}

/** Ends all programs and the run. */
export async function finish() {
  await Promise.all([...programs].map(stop));
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}

function late(millis, text) {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(text)), millis).unref();
  });
}
