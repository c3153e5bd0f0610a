/* A disk whose every flush takes SLOW_FLUSH_US microseconds longer: loaded before libc, it waits and then flushes for real. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void wait_first(void)
{
    static long microseconds = -1;
    if (microseconds < 0) {
        const char *told = getenv("SLOW_FLUSH_US");
        microseconds = told ? atol(told) : 0;
    }
    struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000};
    while (nanosleep(&left, &left) != 0) {
    }
}

static int flush(const char *name, int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    wait_first();
    return real(descriptor);
}

int fsync(int descriptor) { return flush("fsync", descriptor); }
int fdatasync(int descriptor) { return flush("fdatasync", descriptor); }
