// What the foreign drivers in JavaScript share; bench/peers/README.md says what a driver is.

import { readFileSync } from "node:fs";

export function rounds() {
    return Number(process.env.BENCH_ROUNDS ?? 5);
}

export function tasks(count) {
    return Math.min(count, Number(process.env.BENCH_TASKS_MAX ?? count));
}

export function now() { // milliseconds
    return Number(process.hrtime.bigint()) / 1e6;
}

export function cpu() { // milliseconds of the whole process
    const used = process.cpuUsage();
    return (used.user + used.system) / 1e3;
}

export function residentBytes() {
    return Number(readFileSync("/proc/self/statm", "ascii").split(" ")[1]) * 4096;
}

export function report(row, peer, value) {
    console.log(JSON.stringify({ name: row, peer, value: Number(value.toPrecision(4)) }));
}

export function percentile(values, percent) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.floor((sorted.length * percent) / 100)];
}

// At least one round, at most BENCH_ROUNDS, none after five seconds.
export function* eachRound() {
    const begin = now();
    for (let round = 0; round === 0 || (round < rounds() && now() - begin < 5000); round++) {
        yield round;
    }
}

// `sections` is {name: {rows, run}}. Arguments: --list, or the sections to run.
export async function main(about, sections) {
    const wanted = process.argv.slice(2);
    if (wanted.length === 1 && wanted[0] === "--list") {
        const rows = Object.entries(sections).map(([name, section]) => [name, section.rows]);
        console.log(JSON.stringify({ about, sections: Object.fromEntries(rows) }));
        return;
    }
    for (const [name, section] of Object.entries(sections)) {
        if (wanted.length === 0 || wanted.includes(name)) {
            await section.run();
        }
    }
}
