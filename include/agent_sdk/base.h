/*
 * agent_sdk/base.h - what every other header of the library stands on.
 *
 * Status codes and the error value, the allocator, the clock and the source of
 * randomness that a program may replace, and the conventions of the API:
 *
 * Ownership, the whole rule. What comes through `ret_x` is yours; give it back with its noun's
 * `_free` (one owner) or `_unref` (shared). What a function returns directly is borrowed and valid
 * until its parent is next modified or freed. Inputs are copied unless the name says `take_` or
 * `ref_`. `_free(NULL)` and `_unref(NULL)` do nothing; both work on half-built objects and never
 * block; `_close(timeout_ms)` waits.
 *
 * Errors, the whole rule. Whatever can fail returns an `agt_status`: 0, or a negative code. Outputs
 * are written only on success. An optional last parameter `agt_error *err` is written only on
 * failure; it is a plain value of the caller and says what went wrong in one sentence. Where
 * something that is needed is NULL the answer is AGT_E_INVALID. Questions about a value, a set of
 * results, a reply or a verdict may be asked of NULL, which has nothing in it; other functions that
 * return no status want an object that is there.
 *
 * Configurations are structs whose first member is `struct_size`. Zero means "the default" for
 * every other member. Write them with AGT_CONFIG:
 *
 *     agt_runtime_config config = AGT_CONFIG(agt_runtime_config, .workers_max = 4);
 *
 * Threads: a function that says nothing may be called from any thread, but not from two threads at
 * once with the same object. Where that is safe too the comment says "@threads any".
 */
#ifndef AGENT_SDK_BASE_H
#define AGENT_SDK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of these headers; agt_version() tells the version of the library that is running. */
#define AGT_VERSION_MAJOR  0
#define AGT_VERSION_MINOR  1
#define AGT_VERSION_PATCH  0
#define AGT_VERSION_STRING "0.1.0"

#if defined(__GNUC__) || defined(__clang__)
#define AGT_API             __attribute__((visibility("default")))
#define AGT_MUST_CHECK      __attribute__((warn_unused_result))
#define AGT_PRINTF(f, args) __attribute__((format(printf, f, args)))
#else
#define AGT_API
#define AGT_MUST_CHECK
#define AGT_PRINTF(f, args)
#endif

/*
 * One initialiser for every configuration: sets `struct_size`, leaves the rest zero except for the
 * members that are named. C++17 has no designated initialisers: there agt::config<T>() does the
 * same and the members are assigned afterwards.
 */
#ifndef __cplusplus
#define AGT_CONFIG(type, ...) ((type){.struct_size = sizeof(type), __VA_ARGS__})
#endif

/*
 * What a function answers. Zero is success; codes are negative, and never renumbered.
 *
 * The codes from AGT_E_TIMEOUT to AGT_E_UNKNOWN are expected ends of a call and map one to one to
 * the outcomes of agent_sdk/exec.h.
 */
typedef int32_t agt_status;
enum {
    AGT_OK = 0,
    AGT_E_INVALID = -1,      /* an argument or a state that the function's comment rules out      */
    AGT_E_NOMEM = -2,        /* the allocator said no                                             */
    AGT_E_NOT_FOUND = -3,    /* a name, key, pointer or file that is not there                    */
    AGT_E_EXISTS = -4,       /* a name that is taken                                              */
    AGT_E_TYPE = -5,         /* a value of another kind than asked for                            */
    AGT_E_RANGE = -6,        /* a number that does not fit                                        */
    AGT_E_LIMIT = -7,        /* a configured limit (depth, size, count, rate) was reached         */
    AGT_E_SYNTAX = -8,       /* text that is not what it claims to be: JSON, YAML, a pointer      */
    AGT_E_SCHEMA = -9,       /* a value that its schema refuses                                   */
    AGT_E_CYCLE = -10,       /* a dependency that would never be satisfied                        */
    AGT_E_IO = -11,          /* the operating system failed; `cause` is errno                     */
    AGT_E_NETWORK = -12,     /* a connection, TLS or protocol failure                             */
    AGT_E_HTTP = -13,        /* an HTTP answer that is an error; `cause` is its status            */
    AGT_E_PROCESS = -14,     /* a child process failed; `cause` is exit status, or -signal        */
    AGT_E_BUSY = -15,        /* somebody else holds it; try again                                 */
    AGT_E_CLOSED = -16,      /* the object was closed or its runtime is going away                */
    AGT_E_FORKED = -17,      /* the object belongs to the parent of this forked process           */
    AGT_E_VERSION = -18,     /* a file or struct of a newer version than this library knows       */
    AGT_E_UNSUPPORTED = -19, /* not available in this build or on this system                    */
    AGT_E_PARTIAL = -20,     /* some parts failed; the result says which                          */
    AGT_E_TOOL = -21,        /* a tool answered with an error of its own                          */
    AGT_E_MODEL = -22,       /* a model answered with an error of its own                         */
    AGT_E_INTERNAL = -23,    /* an invariant of the library does not hold: please report          */

    AGT_E_TIMEOUT = -40,            /* outcome timeout                                           */
    AGT_E_CANCELLED = -41,          /* outcome cancelled                                         */
    AGT_E_SKIPPED_DEPENDENCY = -42, /* outcome skipped_dependency: something it needs failed     */
    AGT_E_BREAKER_OPEN = -43,       /* outcome breaker_open                                      */
    AGT_E_RATE_LIMITED = -44,       /* outcome rate_limited                                      */
    AGT_E_BUDGET_DENIED = -45,      /* outcome budget_denied                                     */
    AGT_E_DENIED = -46,             /* outcome denied: a policy or a person said no              */
    AGT_E_REJECTED = -47,           /* outcome rejected: the input does not fit                  */
    AGT_E_UNKNOWN = -48             /* outcome unknown: it may have had its effect               */
};

/** Flags of an agt_error. */
enum {
    AGT_ERROR_RETRYABLE = 1u << 0, /* the same call may succeed later                            */
    AGT_ERROR_FATAL = 1u << 1,     /* the object is of no further use                            */
    AGT_ERROR_UNSENT = 1u << 2     /* a request of which not a byte has left: it had no effect   */
};

/** What went wrong. A plain value: copy it freely, there is nothing to free. */
typedef struct agt_error {
    int32_t status; /* an agt_status                                                    */
    uint32_t flags; /* AGT_ERROR_…                                                      */
    int32_t cause;  /* errno, HTTP status, exit status; 0 if none                       */
    uint32_t retry_after_ms; /* 0 = unspecified                                                  */
    uint32_t line, column;   /* in a file or text, from 1; 0 = not applicable                    */
    char origin[48];         /* who says so: "base/json", "exec/search"                          */
    char message[400];       /* UTF-8, one line, never a secret                                  */
    char reserved[40];       /* zero                                                             */
} agt_error;

/**
 * The name of a status, such as "AGT_E_TIMEOUT".
 *
 * @return a static string; "AGT_E_?" for a number that is no status
 * @threads any
 */
AGT_API const char *agt_status_get_name(agt_status status);

/**
 * What a status means in a few words, such as "timed out".
 *
 * @return a static string; never NULL
 * @threads any
 */
AGT_API const char *agt_status_get_text(agt_status status);

/**
 * The version of the library that is running, such as "0.1.0".
 *
 * @return a static string
 * @threads any
 */
AGT_API const char *agt_version(void);

/**
 * "Did you mean …": the one of @names that @name most likely was meant to be, the nearest by
 * letters added, left out, changed or swapped, if it is near enough to be worth saying.
 *
 * @return one of @names; NULL if none is near
 * @threads any
 */
AGT_API const char *agt_names_suggest(const char *name, const char *const *names, size_t count);

/** A name and its text: a header, a variable, a piece of metadata. */
typedef struct agt_kv {
    const char *key;
    const char *value;
} agt_kv;

/** A duration that means "without limit" wherever 0 means "the default". */
#define AGT_MS_NONE UINT32_MAX

/**
 * Where the library gets its memory: one function, shaped like realloc.
 *
 * `resize(ctx, NULL, n)` allocates, `resize(ctx, p, n)` changes the size and may move, and
 * `resize(ctx, p, 0)` frees and returns NULL. Results are aligned for any type. NULL for n > 0
 * means "no": the library then answers AGT_E_NOMEM, and `p` is still valid.
 *
 * The struct is used by address, not copied: it must outlive every object made with it, values
 * included. It may be called from any thread. Libraries underneath (libcurl, SQLite, libevent)
 * have allocators of their own.
 */
typedef struct agt_allocator {
    void *(*resize)(void *ctx, void *ptr, size_t size);
    void *ctx;
} agt_allocator;

/**
 * The allocator that is used where NULL is given: the C library's.
 *
 * @return a static object
 * @threads any
 */
AGT_API const agt_allocator *agt_allocator_get_default(void);

/**
 * Where the library gets the time. Both functions are called from any thread, often.
 *
 * Used by address: it must outlive the runtime it is given to.
 */
typedef struct agt_clock {
    uint64_t (*get_monotonic_ns)(void *ctx); /* never goes back; any origin                      */
    uint64_t (*get_unix_ns)(void *ctx);      /* since 1970-01-01 00:00 UTC; may jump             */
    void *ctx;
} agt_clock;

/**
 * The clock of the system.
 *
 * @return a static object
 * @threads any
 */
AGT_API const agt_clock *agt_clock_get_system(void);

/**
 * Where the library gets random bytes (identifiers, jitter, seeds of hash tables).
 *
 * `fill` writes `size` bytes and answers AGT_OK, or another status if it cannot. Called from any
 * thread. Used by address: it must outlive the runtime it is given to.
 */
typedef struct agt_random {
    agt_status (*fill)(void *ctx, void *bytes, size_t size);
    void *ctx;
} agt_random;

/**
 * The system's source of random bytes: getrandom(2).
 *
 * @return a static object
 * @threads any
 */
AGT_API const agt_random *agt_random_get_system(void);

#ifdef __cplusplus
} /* extern "C" */

namespace agt
{
/** C++ counterpart of AGT_CONFIG: all zero but for `struct_size`. */
template <typename T> inline T config()
{
    T value{};
    value.struct_size = sizeof(T);
    return value;
}
} // namespace agt
#endif

#endif /* AGENT_SDK_BASE_H */
