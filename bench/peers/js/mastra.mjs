// Mastra as a peer: Agent, with a model of version 2 of the AI SDK's specification.

import { FINAL_TEXT, TOOLS, answerOfTool, frameworkMain, modelDelay } from "./_shapes.mjs";

process.env.MASTRA_TELEMETRY_DISABLED = "1";

async function load() {
    const { Agent } = await import("@mastra/core/agent");
    const { createTool } = await import("@mastra/core/tools");
    const { z } = await import("zod");

    const usage = { inputTokens: 10, outputTokens: 5, totalTokens: 15 };
    const answer = {
        content: [{ type: "text", text: FINAL_TEXT }], finishReason: "stop", usage, warnings: [],
    };
    const calls = {
        content: TOOLS.map((name, x) => ({
            type: "tool-call", toolCallId: `call_${name}`, toolName: name,
            input: JSON.stringify({ x }),
        })),
        finishReason: "tool-calls", usage, warnings: [],
    };
    const partsOf = (result) => [
        { type: "stream-start", warnings: [] },
        ...result.content.flatMap((part) => part.type !== "text" ? [part] : [
            { type: "text-start", id: "1" },
            { type: "text-delta", id: "1", delta: part.text },
            { type: "text-end", id: "1" },
        ]),
        { type: "finish", finishReason: result.finishReason, usage },
    ];
    const makeModel = (delayMs) => {
        const choose = async ({ prompt }) => {
            await modelDelay(delayMs);
            return prompt.at(-1).role === "tool" ? answer : calls;
        };
        return {
            specificationVersion: "v2", provider: "made-up", modelId: "made-up", supportedUrls: {},
            doGenerate: choose,
            async doStream(options) {
                const parts = partsOf(await choose(options));
                return {
                    stream: new ReadableStream({
                        start(controller) {
                            parts.forEach((part) => controller.enqueue(part));
                            controller.close();
                        },
                    }),
                };
            },
        };
    };

    const inputSchema = z.object({ x: z.number() });
    // The argument of a tool was wrapped in a context before version 1.
    const tools = Object.fromEntries(TOOLS.map((name) => [name, createTool({
        id: name, description: "A tool.", inputSchema,
        execute: async (input) => answerOfTool(name, (input.context ?? input).x),
    })]));
    const models = new Map();
    return {
        makeAgent(delayMs) {
            if (!models.has(delayMs)) {
                models.set(delayMs, makeModel(delayMs));
            }
            return new Agent({
                id: "worker", name: "worker", instructions: "Sum.", model: models.get(delayMs),
                tools,
            });
        },
        async runTurn(agent) {
            return (await agent.generate("Sum.")).text;
        },
    };
}

await frameworkMain("Mastra", "@mastra/core", load);
