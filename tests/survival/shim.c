/* Stands between leadhook and the C library (LD_PRELOAD), so that the built binary can be killed at a chosen point of its
 * work on the disk, and all that it does there can be written down. The binary itself knows nothing of it.
 *
 *   SHIM_DIR     what lies below this directory is watched, and nothing else
 *   SHIM_KILL    WHAT-WHEN:N, the N-th time. WHAT: `commit` (fdatasync of the store's log), `fsync`, `write` (into the
 *                log), `rename`, `unlink`. WHEN: `before`, `after`, `amid` (half of a write is done)
 *   SHIM_LOG     every change, with its data, is appended to this file; see disk.rs, which reads it
 *   SHIM_DEAF    an fdatasync of the store's log does nothing: as if leadhook had forgotten it
 *
 * Changes are made one at a time, each together with its note, so that the log has them in the order in which they were
 * made. A sync has two notes, and vouches for what was noted before the first of them once the second is there. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FILES 65536

enum { UNWATCHED, FILE_, LOG_, DIRECTORY };

static struct {
    char what;
    uint64_t ino;
} files[MOST_FILES];

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static const char *below;
static size_t below_length;
static int notes = -1;
static int deaf;
static char kill_what[16], kill_when[16];
static long kill_at;
static uint64_t syncs;

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    below = getenv("SHIM_DIR");
    below_length = below ? strlen(below) : 0;
    deaf = getenv("SHIM_DEAF") != NULL;
    const char *plan = getenv("SHIM_KILL");
    if (plan && sscanf(plan, "%15[a-z]-%15[a-z]:%ld", kill_what, kill_when, &kill_at) != 3) {
        fprintf(stderr, "shim: SHIM_KILL is not WHAT-WHEN:N\n");
        abort();
    }
    const char *log = getenv("SHIM_LOG");
    if (log) {
        REAL(open64);
        notes = real(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (notes < 0) abort();
    }
}

static void lock(void) { pthread_mutex_lock(&one_at_a_time); }
static void unlock(void) { pthread_mutex_unlock(&one_at_a_time); }

struct note {
    uint32_t op, path, other, data;
    uint64_t ino, number;
};

static void note(char op, uint64_t ino, uint64_t number, const char *path, const char *other, const void *data, size_t length) {
    if (notes < 0) return;
    struct note head = {(uint32_t)op, path ? strlen(path) : 0, other ? strlen(other) : 0, length, ino, number};
    struct iovec parts[4] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)other, head.other}, {(void *)data, length}};
    REAL(writev);
    ssize_t whole = sizeof head + head.path + head.other + length;
    if (real(notes, parts, 4) != whole) abort();
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether now is the time. Counts what has begun, so that all three kinds of WHEN count alike. */
static int due(const char *what) {
    return kill_at > 0 && strcmp(kill_what, what) == 0 && --kill_at == 0;
}
static void die_if(int is_due, const char *when) {
    if (is_due && strcmp(kill_when, when) == 0) die();
}

/* The path from the root, where it is below the directory. */
static const char *watched(const char *path, char *whole) {
    if (!below || !path) return NULL;
    if (path[0] == '/') {
        snprintf(whole, PATH_MAX, "%s", path);
    } else {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return NULL;
        while (path[0] == '.' && path[1] == '/') path += 2;
        if (snprintf(whole, PATH_MAX, "%s/%s", here, path) >= PATH_MAX) abort();
    }
    size_t length = strlen(whole);
    while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
    if (strncmp(whole, below, below_length) != 0) return NULL;
    return whole[below_length] == 0 || whole[below_length] == '/' ? whole : NULL;
}

static int kind(int fd) { return fd >= 0 && fd < MOST_FILES ? files[fd].what : UNWATCHED; }

static int opened(int fd, const char *path, int flags, int was_there) {
    if (fd < 0) return fd;
    struct stat64 is;
    if (fd >= MOST_FILES || fstat64(fd, &is) != 0) abort();
    size_t length = strlen(path);
    int is_log = length > 8 && strcmp(path + length - 8, "/sled/db") == 0;
    files[fd].what = S_ISDIR(is.st_mode) ? DIRECTORY : is_log ? LOG_ : FILE_;
    files[fd].ino = is.st_ino;
    note('O', is.st_ino, !was_there, path, NULL, NULL, 0);
    if (was_there && (flags & O_TRUNC)) note('T', is.st_ino, 0, NULL, NULL, NULL, 0);
    return fd;
}

#define OPEN(call, path, flags)                                   \
    char whole[PATH_MAX];                                         \
    const char *at = watched(path, whole);                        \
    if (!at) return call;                                         \
    lock();                                                       \
    if (((flags) & O_TMPFILE) == O_TMPFILE) note('?', 0, 0, "O_TMPFILE", NULL, NULL, 0); \
    int was_there = access(at, F_OK) == 0;                        \
    int fd = opened(call, at, flags, was_there);                  \
    int error = errno;                                            \
    unlock();                                                     \
    errno = error;                                                \
    return fd

#define MODE                                                      \
    mode_t mode = 0;                                              \
    if (flags & (O_CREAT | O_TMPFILE)) {                          \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        mode = va_arg(rest, mode_t);                              \
        va_end(rest);                                             \
    }

int open64(const char *path, int flags, ...) {
    MODE;
    REAL(open64);
    OPEN(real(path, flags, mode), path, flags);
}
int open(const char *path, int flags, ...) {
    MODE;
    REAL(open);
    OPEN(real(path, flags, mode), path, flags);
}
int openat64(int directory, const char *path, int flags, ...) {
    MODE;
    REAL(openat64);
    if (directory != AT_FDCWD) {
        if (kind(directory) == DIRECTORY && (flags & O_ACCMODE) != O_RDONLY) note('?', 0, 0, "openat", NULL, NULL, 0);
        return real(directory, path, flags, mode);
    }
    OPEN(real(directory, path, flags, mode), path, flags);
}
int openat(int directory, const char *path, int flags, ...) {
    MODE;
    REAL(openat);
    if (directory != AT_FDCWD) {
        if (kind(directory) == DIRECTORY && (flags & O_ACCMODE) != O_RDONLY) note('?', 0, 0, "openat", NULL, NULL, 0);
        return real(directory, path, flags, mode);
    }
    OPEN(real(directory, path, flags, mode), path, flags);
}

int close(int fd) {
    REAL(close);
    if (kind(fd) == UNWATCHED) return real(fd);
    lock();
    files[fd].what = UNWATCHED;
    int end = real(fd);
    unlock();
    return end;
}

static int fcntl_(int (*real)(int, int, ...), int fd, int command, void *argument) {
    int end = real(fd, command, argument);
    if (end >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC) && kind(fd) != UNWATCHED) {
        if (end >= MOST_FILES) abort();
        files[end] = files[fd];
    }
    return end;
}
int fcntl64(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    REAL(fcntl64);
    return fcntl_((int (*)(int, int, ...))real, fd, command, argument);
}
int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    REAL(fcntl);
    return fcntl_((int (*)(int, int, ...))real, fd, command, argument);
}

static ssize_t written(int fd, const void *data, ssize_t length, int64_t at) {
    int error = errno;
    if (length > 0) {
        if (at < 0) at = lseek64(fd, 0, SEEK_CUR) - length;
        note('W', files[fd].ino, at, NULL, NULL, data, length);
    }
    errno = error;
    return length;
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    if (kind(fd) == UNWATCHED) return real(fd, data, length);
    lock();
    ssize_t end = written(fd, data, real(fd, data, length), -1);
    unlock();
    return end;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    if (kind(fd) == UNWATCHED) return real(fd, parts, count);
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t end = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (end < 0) return all > 0 ? all : end;
        all += end;
        if ((size_t)end < parts[i].iov_len) break;
    }
    return all;
}

static ssize_t pwrite_(ssize_t (*real)(int, const void *, size_t, off64_t), int fd, const void *data, size_t length, off64_t at) {
    if (kind(fd) == UNWATCHED) return real(fd, data, length, at);
    lock();
    int is_due = kind(fd) == LOG_ && due("write");
    die_if(is_due, "before");
    if (is_due && strcmp(kill_when, "amid") == 0) {
        /* Half, in whole pieces of 512 bytes: a kill does not part what is smaller, and neither does a disk. */
        size_t half = length / 2 / 512 * 512;
        if (half > 0) written(fd, data, real(fd, data, half, at), at);
        die();
    }
    ssize_t end = written(fd, data, real(fd, data, length, at), at);
    die_if(is_due, "after");
    unlock();
    return end;
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    REAL(pwrite64);
    return pwrite_(real, fd, data, length, at);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    REAL(pwrite);
    return pwrite_((ssize_t(*)(int, const void *, size_t, off64_t))real, fd, data, length, at);
}

static int truncate_(int (*real)(int, off64_t), int fd, off64_t length) {
    if (kind(fd) == UNWATCHED) return real(fd, length);
    lock();
    int end = real(fd, length);
    if (end == 0) note('T', files[fd].ino, length, NULL, NULL, NULL, 0);
    unlock();
    return end;
}
int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    return truncate_(real, fd, length);
}
int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    return truncate_((int (*)(int, off64_t))real, fd, length);
}

static int sync_(int (*real)(int), int fd, const char *what) {
    if (kind(fd) == UNWATCHED) return real(fd);
    lock();
    int is_due = due(what);
    die_if(is_due, "before");
    uint64_t number = ++syncs, ino = files[fd].ino;
    note('B', ino, number, NULL, NULL, NULL, 0);
    unlock();
    int end = real(fd);
    lock();
    if (end == 0) note('E', ino, number, NULL, NULL, NULL, 0);
    die_if(is_due, "after");
    unlock();
    return end;
}
int fsync(int fd) {
    REAL(fsync);
    return sync_(real, fd, "fsync");
}
int fdatasync(int fd) {
    REAL(fdatasync);
    if (deaf && kind(fd) == LOG_) {
        lock();
        if (due("commit")) die();
        unlock();
        return 0;
    }
    return sync_(real, fd, kind(fd) == LOG_ ? "commit" : "other");
}

int rename(const char *from, const char *to) {
    REAL(rename);
    char one[PATH_MAX], two[PATH_MAX];
    const char *first = watched(from, one), *second = watched(to, two);
    if (!first || !second) return real(from, to);
    lock();
    int is_due = due("rename");
    die_if(is_due, "before");
    int end = real(from, to);
    if (end == 0) note('R', 0, 0, first, second, NULL, 0);
    die_if(is_due, "after");
    unlock();
    return end;
}

int unlink(const char *path) {
    REAL(unlink);
    char whole[PATH_MAX];
    const char *at = watched(path, whole);
    if (!at) return real(path);
    lock();
    int is_due = due("unlink");
    die_if(is_due, "before");
    int end = real(path);
    int error = errno;
    if (end == 0) note('U', 0, 0, at, NULL, NULL, 0);
    die_if(is_due, "after");
    unlock();
    errno = error;
    return end;
}

/* So a directory is taken away with all that is in it. */
int unlinkat(int directory, const char *path, int flags) {
    REAL(unlinkat);
    char from[PATH_MAX], joined[PATH_MAX], whole[PATH_MAX];
    if (directory != AT_FDCWD && path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        ssize_t length = readlink(link, from, sizeof from - 1);
        if (length < 0) return real(directory, path, flags);
        from[length] = 0;
        if (snprintf(joined, sizeof joined, "%s/%s", from, path) >= PATH_MAX) abort();
    } else {
        snprintf(joined, sizeof joined, "%s", path);
    }
    const char *at = watched(joined, whole);
    if (!at) return real(directory, path, flags);
    lock();
    int is_due = due("unlink");
    die_if(is_due, "before");
    int end = real(directory, path, flags);
    int error = errno;
    if (end == 0) note('U', 0, 0, at, NULL, NULL, 0);
    die_if(is_due, "after");
    unlock();
    errno = error;
    return end;
}

int rmdir(const char *path) {
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    char whole[PATH_MAX];
    const char *at = watched(path, whole);
    if (!at) return real(path, mode);
    lock();
    int end = real(path, mode);
    int error = errno;
    if (end == 0) note('D', 0, 0, at, NULL, NULL, 0);
    unlock();
    errno = error;
    return end;
}

/* Ways of changing a disk that disk.rs would know nothing of: were one of them used, a test has to say so. */
#define UNKNOWN(result, name, parameters, ...)                                          \
    result name parameters {                                                            \
        REAL(name);                                                                     \
        lock();                                                                         \
        note('?', 0, 0, #name, NULL, NULL, 0);                                          \
        unlock();                                                                       \
        return real(__VA_ARGS__);                                                       \
    }
UNKNOWN(int, renameat, (int a, const char *b, int c, const char *d), a, b, c, d)
UNKNOWN(int, renameat2, (int a, const char *b, int c, const char *d, unsigned e), a, b, c, d, e)
UNKNOWN(int, mkdirat, (int a, const char *b, mode_t c), a, b, c)
UNKNOWN(int, link, (const char *a, const char *b), a, b)
UNKNOWN(int, linkat, (int a, const char *b, int c, const char *d, int e), a, b, c, d, e)
UNKNOWN(int, symlink, (const char *a, const char *b), a, b)
UNKNOWN(int, truncate64, (const char *a, off64_t b), a, b)
UNKNOWN(int, fallocate64, (int a, int b, off64_t c, off64_t d), a, b, c, d)
UNKNOWN(int, posix_fallocate64, (int a, off64_t b, off64_t c), a, b, c)
UNKNOWN(ssize_t, copy_file_range, (int a, off64_t *b, int c, off64_t *d, size_t e, unsigned f), a, b, c, d, e, f)
