/*
 * Risk scores, 0 … 100: one formula per specialist, from what its tools found.
 *
 * A model is good at words; figures come from here. Each answer holds the formula and the formula
 * with its numbers filled in, rounded as they were used, so that anybody can do the sum again.
 * The confidence says how much there was to look at: n / (n + k).
 */
#include "facts.h"

#include <math.h>
#include <stdio.h>

static double rounded(double number, int decimals)
{
    double unit = pow(10, decimals);
    return round(number * unit) / unit;
}

typedef struct rating {
    double score;
    double seen, half; /* how much there was; how much makes one half sure */
    const char *formula;
    char filled[256]; /* the formula with its numbers */
} rating;

static agt_status add_rating(const inquiry *in, const rating *rated)
{
    double confidence = rated->seen / (rated->seen + rated->half);
    char sure[128];
    snprintf(sure, sizeof(sure), "%.0f / (%.0f + %.0f) = %.2f", rated->seen, rated->seen,
             rated->half, confidence);
    add_rounded_member(in->to, "score", rated->score, 1);
    add_rounded_member(in->to, "confidence", confidence, 2);
    add_text_member(in->to, "formula", piece_of(rated->formula));
    add_text_member(in->to, "filled", piece_of(rated->filled));
    add_text_member(in->to, "confidence_filled", piece_of(sure));
    return AGT_OK;
}

agt_status rate_history(const inquiry *in)
{
    const agt_value *commits = get_fact(in, "commits"), *authors = get_fact(in, "authors");
    double top = rounded(get_number(authors, "top_share"), 2);
    double bus = fmax(get_number(authors, "bus_factor"), 1);
    double silence = get_number(commits, "longest_silence_days");
    double span = fmax(get_number(commits, "span_days"), 1);
    rating rated = {.seen = get_number(commits, "commits"), .half = 20};
    rated.score = 100 * (0.5 * top + 0.3 / bus + 0.2 * silence / span);
    rated.formula = "100 × (0.5 × share of the most active author + 0.3 / bus factor + "
                    "0.2 × longest silence / span)";
    snprintf(rated.filled, sizeof(rated.filled),
             "100 × (0.5 × %.2f + 0.3 / %.0f + 0.2 × %.0f d / %.0f d) = %.1f", top, bus, silence,
             span, rated.score);
    return add_rating(in, &rated);
}

agt_status rate_code(const inquiry *in)
{
    const agt_value *languages = get_fact(in, "languages");
    double lines = fmax(get_number(languages, "lines"), 1);
    double weight = get_number(get_fact(in, "unsafe_calls"), "weight");
    double markers = get_number(get_fact(in, "markers"), "total");
    double u = rounded(1000 * weight / lines, 2), m = rounded(1000 * markers / lines, 2);
    rating rated = {.seen = get_number(languages, "files"), .half = 5};
    rated.score = 100 * (0.7 * u / (u + 2) + 0.3 * m / (m + 5));
    rated.formula = "100 × (0.7 × u / (u + 2) + 0.3 × m / (m + 5)), u and m being the weight of "
                    "unsafe calls and the number of markers per 1,000 lines";
    snprintf(rated.filled, sizeof(rated.filled),
             "100 × (0.7 × %.2f / %.2f + 0.3 × %.2f / %.2f) = %.1f, as u = %.0f / %.3f and "
             "m = %.0f / %.3f",
             u, u + 2, m, m + 5, rated.score, weight, lines / 1000, markers, lines / 1000);
    return add_rating(in, &rated);
}

agt_status rate_structure(const inquiry *in)
{
    const agt_value *hotspots = get_fact(in, NULL);
    double hottest = get_number(hotspots, "hottest"), mean = get_number(hotspots, "mean_of_five");
    rating rated = {.seen = get_number(hotspots, "commits"), .half = 20};
    rated.score = 100 * (0.6 * hottest + 0.4 * mean);
    rated.formula = "100 × (0.6 × heat of the hottest file + 0.4 × mean heat of the five hottest), "
                    "heat being t / (t + 0.1) × s / (s + 32 KiB) for a file of size s that a share "
                    "t of the commits touches";
    snprintf(rated.filled, sizeof(rated.filled), "100 × (0.6 × %.3f + 0.4 × %.3f) = %.1f", hottest,
             mean, rated.score);
    return add_rating(in, &rated);
}
