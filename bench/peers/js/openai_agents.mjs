// The OpenAI Agents SDK for JavaScript as a peer: Agent and one Runner.

import { FINAL_TEXT, TOOLS, answerOfTool, frameworkMain, modelDelay } from "./_shapes.mjs";

process.env.OPENAI_AGENTS_DISABLE_TRACING = "1";

async function load() {
    const { Agent, Runner, Usage, tool } = await import("@openai/agents");
    const { z } = await import("zod");

    const answer = [{
        type: "message", id: "m", role: "assistant", status: "completed",
        content: [{ type: "output_text", text: FINAL_TEXT }],
    }];
    const calls = TOOLS.map((name, x) => ({
        type: "function_call", id: `f_${name}`, callId: `call_${name}`, name, status: "completed",
        arguments: JSON.stringify({ x }),
    }));
    const usage = { requests: 1, inputTokens: 10, outputTokens: 5, totalTokens: 15 };
    const makeModel = (delayMs) => ({
        async getResponse({ input }) {
            await modelDelay(delayMs);
            const isAnswered = Array.isArray(input) && input.at(-1).type === "function_call_result";
            return { usage: new Usage(usage), output: isAnswered ? answer : calls };
        },
        // eslint-disable-next-line require-yield
        async *getStreamedResponse() {
            throw new Error("not streamed");
        },
    });

    const parameters = z.object({ x: z.number() });
    const tools = TOOLS.map((name) => tool({
        name, description: "A tool.", parameters, execute: async ({ x }) => answerOfTool(name, x),
    }));
    const runner = new Runner({ tracingDisabled: true });
    const models = new Map();
    return {
        makeAgent(delayMs) {
            if (!models.has(delayMs)) {
                models.set(delayMs, makeModel(delayMs));
            }
            return new Agent({
                name: "worker", instructions: "Sum.", model: models.get(delayMs), tools,
            });
        },
        async runTurn(agent) {
            return (await runner.run(agent, "Sum.")).finalOutput;
        },
    };
}

await frameworkMain("OpenAI Agents JS", "@openai/agents", load);
