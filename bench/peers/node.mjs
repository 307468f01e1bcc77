// Node as a peer: async functions, Promise.all, setTimeout; nothing but the language. There is no
// graph that could be run again.

import { Worker, isMainThread, parentPort } from "node:worker_threads";

import { cpu, eachRound, main, now, percentile, report, residentBytes, tasks } from "./_peer.mjs";

const PEER = "node";

async function nothing() {}

async function after(before) {
    await before;
}

async function afterAll(before) {
    await Promise.all(before);
}

function independent(count) {
    return Promise.all(Array.from({ length: count }, nothing));
}

function chain(count) {
    let task = nothing();
    for (let i = 1; i < count; i++) {
        task = after(task);
    }
    return task;
}

// Layers of 100 tasks, each with four edges from the layer before.
function layers(count) {
    const all = [];
    let random = 1;
    for (let i = 0; i < count; i++) {
        const before = [];
        for (let n = 0; i >= 100 && n < 4; n++) {
            random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
            before.push(all[(Math.floor(i / 100) - 1) * 100 + ((random >>> 16) % 100)]);
        }
        all.push(afterAll(before));
    }
    return Promise.all(all);
}

async function measure(name, shape, fullCount) {
    const count = tasks(fullCount);
    let once = Infinity, bytes = 0;
    for (const round of eachRound()) {
        const before = residentBytes(), begin = now();
        const all = shape(count);
        const resident = residentBytes();
        await all;
        once = Math.min(once, ((now() - begin) * 1e6) / count);
        bytes = round === 0 ? (resident - before) / count : bytes;
    }
    report(`${name}_once`, PEER, once);
    report(`${name}_bytes`, PEER, bytes);
}

async function measureSleepers(fullCount) {
    const count = tasks(fullCount);
    let wall = Infinity, used = Infinity, bytes = 0;
    for (const round of eachRound()) {
        const before = residentBytes(), beginCpu = cpu(), begin = now();
        const all = Promise.all(
            Array.from({ length: count }, () => new Promise((done) => setTimeout(done, 50))));
        const resident = residentBytes();
        await all;
        wall = Math.min(wall, now() - begin);
        used = Math.min(used, cpu() - beginCpu);
        bytes = round === 0 ? (resident - before) / count : bytes;
    }
    report(`sleep50_${fullCount}_wall`, PEER, wall);
    report(`sleep50_${fullCount}_cpu`, PEER, used);
    report(`sleep50_${fullCount}_bytes`, PEER, bytes);
}

// From this thread to an event loop that sleeps on another: a message to a worker.
async function latency() {
    const worker = new Worker(new URL(import.meta.url));
    await new Promise((done) => worker.once("message", done));
    const startUs = [], submitUs = [];
    for (let i = 0; i < tasks(500); i++) {
        await new Promise((done) => setTimeout(done, 1));
        const answer = new Promise((done) => worker.once("message", done));
        const begin = now();
        worker.postMessage(null);
        const submitted = now();
        startUs.push(((await answer) - begin) * 1e3);
        submitUs.push((submitted - begin) * 1e3);
    }
    await worker.terminate();
    report("start_latency_p50", PEER, percentile(startUs, 50));
    report("start_latency_p99", PEER, percentile(startUs, 99));
    report("submit_cost_p50", PEER, percentile(submitUs, 50));
}

function shapeSection(name, shape, count) {
    return { rows: [`${name}_once`, `${name}_bytes`], run: () => measure(name, shape, count) };
}

function sleepSection(count) {
    const rows = ["wall", "cpu", "bytes"].map((what) => `sleep50_${count}_${what}`);
    return { rows, run: () => measureSleepers(count) };
}

if (isMainThread) {
    await main(`node ${process.versions.node}`, {
        sleep50_10000: sleepSection(10000),
        sleep50_100000: sleepSection(100000),
        independent_1m: shapeSection("independent_1m", independent, 1000000),
        chain_1m: shapeSection("chain_1m", chain, 1000000),
        layers_100k: shapeSection("layers_100k", layers, 100000),
        start_latency: {
            rows: ["start_latency_p50", "start_latency_p99", "submit_cost_p50"],
            run: latency,
        },
    });
} else {
    parentPort.on("message", () => parentPort.postMessage(now()));
    parentPort.postMessage("ready");
}
