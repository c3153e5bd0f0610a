/* Writes down, in order, all that a process does to the files below one folder, and the promises it makes meanwhile.
 *
 * Preloaded into the till (LD_PRELOAD). POWER_ROOT is the folder, POWER_PROMISES a file outside it: a line written there is a
 * promise that the till has made to somebody by then. POWER_LOG gets one record for each successful call:
 *
 *     u32 kind, u32 length of the path, u64 length of the data, i64 offset, path, data
 *
 *     'c' made a file      'd' made a folder     'w' wrote data at offset     't' cut or grew to offset
 *     's' flushed a file or a folder             'u' removed                  'r' renamed; data is the new path
 *     'p' promised; data is the line             '?' a call that the replay does not know; data is its name
 *
 * Memory-mapped writes are not seen. SQLite maps only its -shm file, which a start after a power cut makes anew.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int record_file = -1;
static const char *root, *promises;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("POWER_LOG");
    root = getenv("POWER_ROOT");
    promises = getenv("POWER_PROMISES");
    if (name && root && promises)
        record_file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(uint32_t kind, const char *path, int64_t offset, const void *data, uint64_t length) {
    struct { uint32_t kind, path; uint64_t data; int64_t offset; } head = {kind, strlen(path), length, offset};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)data, length}};
    int before = errno;
    uint64_t whole = sizeof head + head.path + length;
    if ((uint64_t)syscall(SYS_writev, record_file, parts, 3) != whole) abort(); /* half a recording is worse than none */
    errno = before;
}

static int is_below_root(const char *path) {
    size_t length = root ? strlen(root) : 0;
    return record_file >= 0 && length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

/* The path of an open file if it is to be recorded, else NULL. */
static const char *path_of(int fd, char *room) {
    char link[64];
    int before = errno;
    if (record_file < 0 || fd < 0) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, room, PATH_MAX - 1);
    errno = before;
    if (length <= 0) return NULL;
    room[length] = 0;
    return is_below_root(room) || !strcmp(room, promises) ? room : NULL;
}

static const char *whole_path(int folder, const char *path, char *room) {
    char of_folder[PATH_MAX];
    if (path[0] == '/') return path;
    if (folder == AT_FDCWD) {
        if (!getcwd(of_folder, sizeof of_folder)) return path;
    } else if (!path_of(folder, of_folder)) return path;
    snprintf(room, PATH_MAX, "%.2000s/%.2000s", of_folder, path);
    return room;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void wrote(int fd, const void *data, ssize_t length, int64_t offset) {
    char room[PATH_MAX];
    const char *path = length > 0 ? path_of(fd, room) : NULL;
    if (!path) return;
    put(strcmp(path, promises) ? 'w' : 'p', path, offset, data, length);
}

static void noted(int fd, uint32_t kind, int64_t offset, const char *more) {
    char room[PATH_MAX];
    const char *path = path_of(fd, room);
    if (path && strcmp(path, promises)) put(kind, path, offset, more, more ? strlen(more) : 0);
}

static int64_t place(int fd) {
    char room[PATH_MAX];
    if (!path_of(fd, room)) return 0;
    int flags = fcntl(fd, F_GETFL);
    return lseek(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    int64_t at = place(fd);
    ssize_t done = real(fd, data, length);
    wrote(fd, data, done, at);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    REAL(pwrite);
    ssize_t done = real(fd, data, length, at);
    wrote(fd, data, done, at);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    REAL(pwrite64);
    ssize_t done = real(fd, data, length, at);
    wrote(fd, data, done, at);
    return done;
}

static void wrote_parts(int fd, const struct iovec *parts, int count, ssize_t done, int64_t at) {
    for (int each = 0; each < count && done > 0; each++) {
        ssize_t length = (ssize_t)parts[each].iov_len < done ? (ssize_t)parts[each].iov_len : done;
        wrote(fd, parts[each].iov_base, length, at);
        at += length;
        done -= length;
    }
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    int64_t at = place(fd);
    ssize_t done = real(fd, parts, count);
    wrote_parts(fd, parts, count, done, at);
    return done;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    REAL(pwritev);
    ssize_t done = real(fd, parts, count, at);
    wrote_parts(fd, parts, count, done, at);
    return done;
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    REAL(pwritev64);
    ssize_t done = real(fd, parts, count, at);
    wrote_parts(fd, parts, count, done, at);
    return done;
}

int fsync(int fd) {
    REAL(fsync);
    int failed = real(fd);
    if (!failed) noted(fd, 's', 0, NULL);
    return failed;
}
int fdatasync(int fd) {
    REAL(fdatasync);
    int failed = real(fd);
    if (!failed) noted(fd, 's', 0, NULL);
    return failed;
}
int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    int failed = real(fd, length);
    if (!failed) noted(fd, 't', length, NULL);
    return failed;
}
int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    int failed = real(fd, length);
    if (!failed) noted(fd, 't', length, NULL);
    return failed;
}

static void opened(int fd, const char *path, int flags, int was_there) {
    if (fd < 0 || !is_below_root(path)) return;
    if (!was_there) put('c', path, 0, NULL, 0);
    else if (flags & O_TRUNC) put('t', path, 0, NULL, 0);
}
#define OPEN(name, take, folder, pass) \
    int name take { \
        REAL(name); \
        char room[PATH_MAX]; \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        const char *whole = record_file >= 0 ? whole_path(folder, path, room) : path; \
        int before = errno; \
        int was_there = !(flags & O_CREAT) || syscall(SYS_faccessat, AT_FDCWD, whole, F_OK) == 0; \
        errno = before; \
        int fd = real pass; \
        opened(fd, whole, flags, was_there); \
        return fd; \
    }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))

static void changed(uint32_t kind, const char *path, const char *more) {
    if (is_below_root(path) || (more && is_below_root(more))) put(kind, path, 0, more, more ? strlen(more) : 0);
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    char room[PATH_MAX];
    int failed = real(path, mode);
    if (!failed) changed('d', whole_path(AT_FDCWD, path, room), NULL);
    return failed;
}
int unlink(const char *path) {
    REAL(unlink);
    char room[PATH_MAX];
    int failed = real(path);
    if (!failed) changed('u', whole_path(AT_FDCWD, path, room), NULL);
    return failed;
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    char room[PATH_MAX];
    int failed = real(folder, path, flags);
    if (!failed) changed(flags ? '?' : 'u', whole_path(folder, path, room), flags ? "rmdir" : NULL);
    return failed;
}
int rename(const char *from, const char *to) {
    REAL(rename);
    char room[PATH_MAX], other[PATH_MAX];
    int failed = real(from, to);
    if (!failed) changed('r', whole_path(AT_FDCWD, from, room), whole_path(AT_FDCWD, to, other));
    return failed;
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(renameat);
    char room[PATH_MAX], other[PATH_MAX];
    int failed = real(a, from, b, to);
    if (!failed) changed('r', whole_path(a, from, room), whole_path(b, to, other));
    return failed;
}

/* What the till does not use today. Should it begin to, the replay stops and says so, instead of overlooking it. */
int posix_fallocate(int fd, off_t at, off_t length) {
    REAL(posix_fallocate);
    noted(fd, '?', 0, "posix_fallocate");
    return real(fd, at, length);
}
int posix_fallocate64(int fd, off64_t at, off64_t length) {
    REAL(posix_fallocate64);
    noted(fd, '?', 0, "posix_fallocate64");
    return real(fd, at, length);
}
int fallocate(int fd, int mode, off_t at, off_t length) {
    REAL(fallocate);
    noted(fd, '?', 0, "fallocate");
    return real(fd, mode, at, length);
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) {
    REAL(fallocate64);
    noted(fd, '?', 0, "fallocate64");
    return real(fd, mode, at, length);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
    REAL(copy_file_range);
    noted(out, '?', 0, "copy_file_range");
    return real(in, from, out, to, length, flags);
}
ssize_t sendfile(int out, int in, off_t *from, size_t length) {
    REAL(sendfile);
    noted(out, '?', 0, "sendfile");
    return real(out, in, from, length);
}
ssize_t sendfile64(int out, int in, off64_t *from, size_t length) {
    REAL(sendfile64);
    noted(out, '?', 0, "sendfile64");
    return real(out, in, from, length);
}
