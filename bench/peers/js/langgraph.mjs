// LangGraph.js as a peer: createReactAgent for agents, StateGraph for steps of a graph.

import { eachRound, now, report, tasks } from "../_peer.mjs";
import { FINAL_TEXT, TOOLS, answerOfTool, frameworkMain, modelDelay } from "./_shapes.mjs";

const PEER = "LangGraph.js";

process.env.LANGSMITH_TRACING = "false";

async function load() {
    const { BaseChatModel } = await import("@langchain/core/language_models/chat_models");
    const { AIMessage } = await import("@langchain/core/messages");
    const { tool } = await import("@langchain/core/tools");
    const { createReactAgent } = await import("@langchain/langgraph/prebuilt");
    const { z } = await import("zod");

    class Model extends BaseChatModel {
        constructor(delayMs) {
            super({});
            this.delayMs = delayMs;
        }

        _llmType() {
            return "made-up";
        }

        bindTools() {
            return this;
        }

        async _generate(messages) {
            await modelDelay(this.delayMs);
            const message = messages.at(-1).getType() === "tool"
                ? new AIMessage(FINAL_TEXT)
                : new AIMessage({
                    content: "",
                    tool_calls: TOOLS.map((name, x) => (
                        { name, args: { x }, id: `call_${name}`, type: "tool_call" })),
                });
            return { generations: [{ message, text: message.content }], llmOutput: {} };
        }
    }

    const schema = z.object({ x: z.number() });
    const tools = TOOLS.map((name) => tool(
        async ({ x }) => answerOfTool(name, x), { name, description: "A tool.", schema }));
    const models = new Map();
    return {
        makeAgent(delayMs) {
            if (!models.has(delayMs)) {
                models.set(delayMs, new Model(delayMs));
            }
            return createReactAgent({ llm: models.get(delayMs), tools });
        },
        async runTurn(agent) {
            const state = await agent.invoke({ messages: [{ role: "user", content: "Sum." }] });
            return state.messages.at(-1).content;
        },
    };
}

// A chain of 100 nodes that add one: built and run, and run again. 1,000 cost more per node, not
// less.
async function measureChain() {
    const { Annotation, END, START, StateGraph } = await import("@langchain/langgraph");
    const count = tasks(100);
    const State = Annotation.Root({
        sum: Annotation({ reducer: (a, b) => a + b, default: () => 0 }),
    });
    const run = async (graph) => {
        const { sum } = await graph.invoke({ sum: 0 }, { recursionLimit: count + 10 });
        if (sum !== count) {
            throw new Error(`${sum} of ${count} nodes ran`);
        }
    };
    let once = Infinity, again = Infinity;
    for (const _ of eachRound()) {
        const begin = now();
        const builder = new StateGraph(State);
        for (let i = 0; i < count; i++) {
            builder.addNode(`n${i}`, async () => ({ sum: 1 }));
            builder.addEdge(i === 0 ? START : `n${i - 1}`, `n${i}`);
        }
        builder.addEdge(`n${count - 1}`, END);
        const graph = builder.compile();
        await run(graph);
        const middle = now();
        await run(graph);
        once = Math.min(once, ((middle - begin) * 1e6) / count);
        again = Math.min(again, ((now() - middle) * 1e6) / count);
    }
    report("chain_1m_once", PEER, once);
    report("chain_1m_rerun", PEER, again);
}

await frameworkMain(PEER, "@langchain/langgraph", load, {
    chain_1m: { rows: ["chain_1m_once", "chain_1m_rerun"], run: measureChain },
});
