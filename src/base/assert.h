/*
 * Assertions for what only a defect of this library can break. They stay on in release builds: a
 * broken invariant in a ledger or a scheduler is worse than a stop. Never on input, I/O or what a
 * model says: those get a status.
 */
#ifndef AGT_BASE_ASSERT_H
#define AGT_BASE_ASSERT_H

/** Report the broken invariant and stop the process. */
_Noreturn void agt__assert_failed(const char *condition, const char *file, int line);

#define AGT_ASSERT(condition)                                                                      \
    ((condition) ? (void)0 : agt__assert_failed(#condition, __FILE__, __LINE__))

/* For checks that are O(n) or on a path counted in nanoseconds: only where AGT_DEBUG is defined. */
#ifdef AGT_DEBUG
#define AGT_DEBUG_ASSERT(condition) AGT_ASSERT(condition)
#else
#define AGT_DEBUG_ASSERT(condition) ((void)sizeof(condition))
#endif

#endif
