/*
 * The rules about unsafe calls, and how they become a pattern for git grep and back.
 *
 * git grep prints what matched and nothing else, which keeps the contents of files out of the
 * output. This is a search by name, not an analysis: comments and strings count as well, and a name
 * behind a letter, a digit, `_`, `.`, `-`, `>` or a quote is another name.
 */
#include "unsafe_rules.h"

#include <ctype.h>
#include <string.h>

#define BEFORE_A_WORD "(?<![\\w.>\"'-])"
#define BLANKS        "[ \\t]*"

static const unsafe_rule rules[] = {
    {FAMILY_C, "gets", NULL, NULL, 3, "reads without a bound", "fgets"},
    {FAMILY_C, "strcpy", NULL, NULL, 3, "copies without a bound", "snprintf"},
    {FAMILY_C, "strcat", NULL, NULL, 3, "appends without a bound", "snprintf"},
    {FAMILY_C, "sprintf", NULL, NULL, 3, "writes without a bound", "snprintf"},
    {FAMILY_C, "vsprintf", NULL, NULL, 3, "writes without a bound", "vsnprintf"},
    {FAMILY_C, "system", NULL, NULL, 3, "starts a shell", "posix_spawn"},
    {FAMILY_C, "popen", NULL, NULL, 3, "starts a shell", "posix_spawn and a pipe"},
    {FAMILY_C, "mktemp", NULL, NULL, 1, "leaves time for a race", "mkstemp"},
    {FAMILY_C, "tmpnam", NULL, NULL, 1, "leaves time for a race", "mkstemp"},
    {FAMILY_C, "strtok", NULL, NULL, 1, "keeps global state", "strtok_r"},
    {FAMILY_PYTHON, "eval", NULL, NULL, 3, "runs text as code", "ast.literal_eval"},
    {FAMILY_PYTHON, "exec", NULL, NULL, 3, "runs text as code", "a function"},
    {FAMILY_PYTHON, "os.system", NULL, NULL, 3, "starts a shell", "subprocess.run with a list"},
    {FAMILY_PYTHON, "os.popen", NULL, NULL, 3, "starts a shell", "subprocess.run with a list"},
    {FAMILY_PYTHON, "pickle.load", NULL, NULL, 3, "runs code from its input", "json"},
    {FAMILY_PYTHON, "pickle.loads", NULL, NULL, 3, "runs code from its input", "json"},
    {FAMILY_PYTHON, "yaml.load", NULL, NULL, 1, "may build any object", "yaml.safe_load"},
    {FAMILY_PYTHON, "shell=True", "shell", "shell" BLANKS "=" BLANKS "True", 3, "starts a shell",
     "a list of arguments"},
    {FAMILY_JAVASCRIPT, "eval", NULL, NULL, 3, "runs text as code", "JSON.parse"},
    {FAMILY_JAVASCRIPT, "new Function", "new", "new[ \\t]+Function" BLANKS "\\(", 3,
     "runs text as code", "a function"},
    {FAMILY_JAVASCRIPT, "document.write", NULL, NULL, 1, "injects markup", "textContent"},
    {FAMILY_JAVASCRIPT, "innerHTML", ".innerHTML", "\\.innerHTML" BLANKS "=(?!=)", 1,
     "injects markup", "textContent"},
    {FAMILY_JAVASCRIPT, "execSync", NULL, NULL, 3, "starts a shell", "execFileSync"},
    {FAMILY_SHELL, "eval", "eval", "eval[ \\t]", 3, "runs text as code", "a function or an array"},
    {FAMILY_SHELL, "| sh", "|", "\\|" BLANKS "(?:sudo[ \\t]+)?(?:ba|da|z)?sh\\b", 3,
     "runs what was downloaded", "a file whose hash is checked"},
    {FAMILY_SHELL, "rm -rf $", "rm", "rm[ \\t]+-(?:rf|fr)[ \\t]+\"?\\$", 1,
     "removes what a variable names", "a check of the variable, and --"},
};

enum {
    rules_count = sizeof(rules) / sizeof(rules[0])
};

/* Append @text, with a backslash before each dot if it is a name. */
static void append(char *target, const char *text, bool is_name)
{
    size_t used = strlen(target);
    for (; *text != '\0' && used + 3 < UNSAFE_PATTERN_BYTES; text++) {
        if (is_name && *text == '.') {
            target[used++] = '\\';
        }
        target[used++] = *text;
    }
    target[used] = '\0';
}

/* Append the patterns of the rules that are about a word, or of those about an operator. */
static void append_rules(char *target, bool words)
{
    const char *separator = "";
    for (size_t i = 0; i < rules_count; i++) {
        const unsafe_rule *rule = &rules[i];
        bool is_word = rule->begin == NULL || isalpha((unsigned char)rule->begin[0]) != 0;
        if (is_word != words) {
            continue;
        }
        append(target, separator, false);
        append(target, rule->pattern != NULL ? rule->pattern : rule->name, rule->pattern == NULL);
        append(target, rule->pattern != NULL ? "" : BLANKS "\\(", false);
        separator = "|";
    }
}

void unsafe_write_pattern(char target[UNSAFE_PATTERN_BYTES])
{
    target[0] = '\0';
    append(target, BEFORE_A_WORD "(?:", false);
    append_rules(target, true);
    append(target, ")|", false);
    append_rules(target, false);
}

/* Whether @match is what @rule is about. */
static bool fits(const unsafe_rule *rule, piece match)
{
    const char *begin = rule->begin != NULL ? rule->begin : rule->name;
    if (!starts_with(match, begin)) {
        return false;
    }
    size_t length = strlen(begin);
    return rule->begin != NULL ||
           (match.length > length && memchr("\t (", match.bytes[length], 3) != NULL);
}

const unsafe_rule *unsafe_find_rule(piece path, piece match)
{
    family wanted = language_of(path)->family;
    for (size_t i = 0; wanted != FAMILY_OTHER && i < rules_count; i++) {
        if (rules[i].family == wanted && fits(&rules[i], match)) {
            return &rules[i];
        }
    }
    return NULL;
}
