/* Responses: the vectors of tests/data/llm/openai_responses; t01 … are the traps of the formats. */
#include "support/test.h"
#include "support/wire_vectors.h"

int main(void)
{
    return agt_test_wire_vectors(&agt__wire_openai_responses, "tests/data/llm/openai_responses",
                                 "input");
}
