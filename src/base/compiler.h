/* What the compiler is told beyond C11. */
#ifndef AGT_BASE_COMPILER_H
#define AGT_BASE_COMPILER_H

/*
 * For a large local array that is written before it is read: without this, builds that fill every
 * local variable (-ftrivial-auto-var-init) would clear kilobytes on each call of a short function.
 */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define AGT__UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef AGT__UNINITIALIZED
#define AGT__UNINITIALIZED
#endif

#endif
