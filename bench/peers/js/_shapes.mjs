// The shapes on which agent frameworks are compared, and what their drivers share.
//
// A turn: the model asks for four tools at once, they run, the model answers: two model calls and
// four tool calls. Model and tools are made up and take no time of their own, so that what is
// measured is the framework. "1,000 concurrent" is as many turns at once whose model calls take
// 100 ms each, so that 200 ms would be ideal. Tracing is off, nothing is streamed or stored.
//
// A driver hands over `{ makeAgent(delayMs), runTurn(agent) }`; the text that the turn ends with is
// checked each time, and in the end that every tool ran.

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { cpu, eachRound, main, now, report, tasks } from "../_peer.mjs";

export const TOOLS = ["t0", "t1", "t2", "t3"];
export const FINAL_TEXT = "The sum is 6.";

let toolRuns = 0, turnsDone = 0;

export function answerOfTool(name, x) {
    if (name !== TOOLS[x]) {
        throw new Error(`${name} was given ${x}`);
    }
    toolRuns++;
    return `${name}: ${x}`;
}

export async function modelDelay(delayMs) {
    if (delayMs > 0) {
        await new Promise((done) => setTimeout(done, delayMs));
    }
}

// The version of an installed package; without it the driver ends as "skipped".
function versionOf(name) {
    try {
        const url = new URL(`../node_modules/${name}/package.json`, import.meta.url);
        return JSON.parse(readFileSync(url, "utf8")).version;
    } catch {
        console.log(`skipped: ${name} is not installed (make bench-peers-install)`);
        return process.exit(77);
    }
}

async function checkedTurn(framework, agent) {
    const text = await framework.runTurn(agent);
    if (text !== FINAL_TEXT) {
        throw new Error(`a turn ended with ${JSON.stringify(text)}`);
    }
    turnsDone++;
}

function checkTools() {
    if (toolRuns !== turnsDone * TOOLS.length) {
        throw new Error(`${toolRuns} tool calls in ${turnsDone} turns`);
    }
}

async function turns(framework, agent, count) {
    for (let i = 0; i < count; i++) {
        await checkedTurn(framework, agent);
    }
}

// Per turn when many are under way, and when each waits for the one before.
async function measureTurn(peer, framework) {
    const agent = framework.makeAgent(0), count = tasks(1000);
    await turns(framework, agent, Math.ceil(count / 2));
    let together = Infinity, alone = Infinity;
    for (const _ of eachRound()) {
        const begin = now();
        await turns(framework, agent, count);
        const middle = now();
        await Promise.all(Array.from({ length: count }, () => checkedTurn(framework, agent)));
        alone = Math.min(alone, ((middle - begin) * 1e3) / count);
        together = Math.min(together, ((now() - middle) * 1e3) / count);
    }
    checkTools();
    report("agent_turn", peer, together);
    report("agent_turn_latency", peer, alone);
}

async function measureConcurrent(peer, framework) {
    const agent = framework.makeAgent(100), count = tasks(1000);
    await turns(framework, framework.makeAgent(0), 20);
    let wall = Infinity, used = Infinity;
    for (const _ of eachRound()) {
        const beginCpu = cpu(), begin = now();
        await Promise.all(Array.from({ length: count }, () => checkedTurn(framework, agent)));
        wall = Math.min(wall, now() - begin);
        used = Math.min(used, cpu() - beginCpu);
    }
    checkTools();
    report("agent_1000_wall", peer, wall);
    report("agent_1000_cpu", peer, used);
}

function heapBytes() {
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
    return process.memoryUsage().heapUsed;
}

// Model and tools are shared. Some frameworks compile a graph here, others only keep the options.
async function measureCreate(peer, framework) {
    const count = tasks(10000);
    let best = Infinity, bytes = 0;
    framework.makeAgent(0);
    for (const round of eachRound()) {
        const agents = new Array(count), before = heapBytes(), begin = now();
        for (let i = 0; i < count; i++) {
            agents[i] = framework.makeAgent(0);
        }
        best = Math.min(best, ((now() - begin) * 1e6) / count);
        bytes = round === 0 ? (heapBytes() - before) / count : bytes;
        agents.length = 0;
    }
    report("agent_create", peer, best);
    report("agent_bytes", peer, bytes);
}

// `load` imports the framework and hands over the two functions; `more` are further sections.
export async function frameworkMain(peer, packageName, load, more = {}) {
    const about = `${packageName} ${versionOf(packageName)}`;
    const section = (rows, measure) => ({ rows, run: async () => measure(peer, await load()) });
    await main(about, {
        agent_create: section(["agent_create", "agent_bytes"], measureCreate),
        agent_turn: section(["agent_turn", "agent_turn_latency"], measureTurn),
        agent_1000: section(["agent_1000_wall", "agent_1000_cpu"], measureConcurrent),
        ...more,
    });
    process.exit(0); // some frameworks leave timers behind
}
