/*
 * Languages by file name. A name is all there is: nothing in the reviewed repository (such as
 * .gitattributes) gets a say, and no file is opened for it.
 */
#include "languages.h"

const language all_languages[] = {
    {".c", "C", FAMILY_C},
    {".h", "C", FAMILY_C},
    {".cc", "C++", FAMILY_C},
    {".cpp", "C++", FAMILY_C},
    {".cxx", "C++", FAMILY_C},
    {".hpp", "C++", FAMILY_C},
    {".py", "Python", FAMILY_PYTHON},
    {".js", "JavaScript", FAMILY_JAVASCRIPT},
    {".mjs", "JavaScript", FAMILY_JAVASCRIPT},
    {".cjs", "JavaScript", FAMILY_JAVASCRIPT},
    {".jsx", "JavaScript", FAMILY_JAVASCRIPT},
    {".ts", "TypeScript", FAMILY_JAVASCRIPT},
    {".tsx", "TypeScript", FAMILY_JAVASCRIPT},
    {".sh", "Shell", FAMILY_SHELL},
    {".bash", "Shell", FAMILY_SHELL},
    {".go", "Go", FAMILY_OTHER},
    {".rs", "Rust", FAMILY_OTHER},
    {".java", "Java", FAMILY_OTHER},
    {".kt", "Kotlin", FAMILY_OTHER},
    {".rb", "Ruby", FAMILY_OTHER},
    {".php", "PHP", FAMILY_OTHER},
    {".cs", "C#", FAMILY_OTHER},
    {".swift", "Swift", FAMILY_OTHER},
    {".S", "Assembly", FAMILY_OTHER},
    {".md", "Markdown", FAMILY_OTHER},
    {".rst", "reStructuredText", FAMILY_OTHER},
    {".html", "HTML", FAMILY_OTHER},
    {".css", "CSS", FAMILY_OTHER},
    {".json", "JSON", FAMILY_OTHER},
    {".yaml", "YAML", FAMILY_OTHER},
    {".yml", "YAML", FAMILY_OTHER},
    {".cmake", "CMake", FAMILY_OTHER},
    {"CMakeLists.txt", "CMake", FAMILY_OTHER},
    {"Makefile", "Make", FAMILY_OTHER},
    {NULL, "other", FAMILY_OTHER},
};

const language *language_of(piece path)
{
    const language *entry = all_languages;
    path.length -= ends_with(path, "\"") ? 1 : 0; /* an unusual name, as git prints it */
    while (entry->ending != NULL && !ends_with(path, entry->ending)) {
        entry++;
    }
    return entry;
}
