/*
 * JSON_checker, the corpus of json.org, as Debian's python3-simplejson carries it. Skipped without
 * that package.
 */
#include "support/json_corpus.h"

int main(void)
{
    return agt_test_json_corpus("checker");
}
