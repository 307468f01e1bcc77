// The AI SDK as a peer: ToolLoopAgent, with the mock model that comes with the package.

import { FINAL_TEXT, TOOLS, answerOfTool, frameworkMain, modelDelay } from "./_shapes.mjs";

async function load() {
    const { ToolLoopAgent, tool } = await import("ai");
    const mocks = await import("ai/test");
    const { z } = await import("zod");
    const Mock = mocks.MockLanguageModelV4 ?? mocks.MockLanguageModelV3;

    const usage = {
        inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 5, text: 5, reasoning: 0 },
    };
    const answer = {
        content: [{ type: "text", text: FINAL_TEXT }],
        finishReason: { unified: "stop", raw: "stop" }, usage, warnings: [],
    };
    const calls = {
        content: TOOLS.map((name, x) => ({
            type: "tool-call", toolCallId: `call_${name}`, toolName: name,
            input: JSON.stringify({ x }),
        })),
        finishReason: { unified: "tool-calls", raw: "tool_calls" }, usage, warnings: [],
    };
    const makeModel = (delayMs) => {
        const model = new Mock({
            async doGenerate({ prompt }) {
                model.doGenerateCalls.length = 0; // the mock keeps every call
                await modelDelay(delayMs);
                return prompt.at(-1).role === "tool" ? answer : calls;
            },
        });
        return model;
    };

    const inputSchema = z.object({ x: z.number() });
    const tools = Object.fromEntries(TOOLS.map((name) => [name, tool({
        description: "A tool.", inputSchema, execute: async ({ x }) => answerOfTool(name, x),
    })]));
    const models = new Map();
    return {
        makeAgent(delayMs) {
            if (!models.has(delayMs)) {
                models.set(delayMs, makeModel(delayMs));
            }
            return new ToolLoopAgent({ model: models.get(delayMs), tools });
        },
        async runTurn(agent) {
            return (await agent.generate({ prompt: "Sum." })).text;
        },
    };
}

await frameworkMain("AI SDK", "ai", load);
