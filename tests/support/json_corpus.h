/*
 * json_corpus.h - the parser against a public corpus of JSON texts.
 */
#ifndef AGT_TESTS_JSON_CORPUS_H
#define AGT_TESTS_JSON_CORPUS_H

/*
 * The main function of a test: runs all texts of `mode` (see support/json_peer.h) and prints the
 * score. What must be accepted is compared with Python's reading of it; of what may be either, the
 * outcome is counted.
 *
 * @return the exit status: 0, 1, or 77 if the corpus is not there, which has been said on stdout
 */
int agt_test_json_corpus(const char *mode);

#endif /* AGT_TESTS_JSON_CORPUS_H */
