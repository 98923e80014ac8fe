/* What stands around the declarations of each public header: C linkage for C++, and visibility. libreactor is compiled
 * with -fvisibility=hidden, so these names are all that libreactor.so shows and libreactor.a defines for its users.
 * A header is public when CMakeLists.txt installs it; only then it has these two lines, behind its includes and last. */
#ifndef REACTOR_API_H
#define REACTOR_API_H

#ifdef __cplusplus
#define REACTOR_API_BEGIN extern "C" { _Pragma("GCC visibility push(default)")
#define REACTOR_API_END _Pragma("GCC visibility pop") }
#else
#define REACTOR_API_BEGIN _Pragma("GCC visibility push(default)")
#define REACTOR_API_END _Pragma("GCC visibility pop")
#endif

#endif
