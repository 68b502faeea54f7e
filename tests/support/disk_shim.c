// A disk that fails on demand, for one process: preloaded (LD_PRELOAD), it stands before the C library's calls.
//
// DISK_SHIM names a file, read anew at every call, with one order a line:
//   free BYTES TOTAL    what statvfs tells
//   size BYTES          a disk of this size that holds what lies below DISK_SHIM_BELOW: statvfs tells so, and what does not fit fails with ENOSPC
//   fail ERRNO          writes below DISK_SHIM_BELOW fail with this number, syncs and truncations too
//   room BYTES          so many bytes are still written there, over all calls; then they fail with ENOSPC
//   hang                writes there do not come back for as long as this is so
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct orders {
    long long free, total, room, size;
    int fail, hang;
};

static long long written;

static struct orders orders(void) {
    struct orders told = {-1, -1, -1, -1, 0, 0};
    const char *path = getenv("DISK_SHIM");
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file) return told;
    char line[128];
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "free %lld %lld", &told.free, &told.total);
        sscanf(line, "size %lld", &told.size);
        sscanf(line, "fail %d", &told.fail);
        sscanf(line, "room %lld", &told.room);
        if (!strncmp(line, "hang", 4)) told.hang = 1;
    }
    fclose(file);
    return told;
}

static __thread long long used;

static int add(const char *path, const struct stat *it, int kind, struct FTW *at) {
    (void)path, (void)at;
    if (kind == FTW_F) used += it->st_blocks * 512LL;
    return 0;
}

// What is used of a disk that holds what lies below.
static long long in_use(void) {
    const char *wanted = getenv("DISK_SHIM_BELOW");
    used = 0;
    if (wanted) nftw(wanted, add, 8, FTW_PHYS);
    return used;
}

static int below(int fd) {
    char link[64], path[4096];
    const char *wanted = getenv("DISK_SHIM_BELOW");
    if (!wanted) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, wanted, strlen(wanted)) == 0;
}

// 0: go on; else the call fails with this errno.
static int refused(int fd, size_t bytes) {
    int before = errno;
    int end = 0;
    if (below(fd)) {
        struct orders told = orders();
        while (told.hang) {
            usleep(50000);
            told = orders();
        }
        if (told.fail) end = told.fail;
        else if (told.size >= 0 && bytes && in_use() + (long long)bytes > told.size) end = ENOSPC;
        else if (told.room >= 0 && __atomic_add_fetch(&written, bytes, __ATOMIC_SEQ_CST) > told.room) end = ENOSPC;
    }
    errno = end ? end : before;
    return end;
}

// What is opened to be written, where the file system takes nothing.
static int refused_open(const char *path, int flags) {
    const char *wanted = getenv("DISK_SHIM_BELOW");
    if (!wanted || strncmp(path, wanted, strlen(wanted)) || !(flags & (O_WRONLY | O_RDWR | O_CREAT))) return 0;
    int end = orders().fail;
    if (end != EROFS && end != EACCES) return 0;
    errno = end;
    return end;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    REAL(open64);
    return refused_open(path, flags) ? -1 : real(path, flags, mode);
}
ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    return fd > 2 && refused(fd, length) ? -1 : real(fd, bytes, length);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    REAL(pwrite);
    return refused(fd, length) ? -1 : real(fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    REAL(pwrite64);
    return refused(fd, length) ? -1 : real(fd, bytes, length, at);
}
int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    return refused(fd, 0) ? -1 : real(fd, length);
}
int fsync(int fd) {
    REAL(fsync);
    return refused(fd, 0) ? -1 : real(fd);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    return refused(fd, 0) ? -1 : real(fd);
}
int sync_file_range(int fd, off64_t from, off64_t length, unsigned int flags) {
    REAL(sync_file_range);
    return refused(fd, 0) ? -1 : real(fd, from, length, flags);
}

static void tell(unsigned long long unit, unsigned long long *free, unsigned long long *available, unsigned long long *all) {
    struct orders told = orders();
    if (told.size >= 0) {
        told.total = told.size;
        told.free = told.size - in_use();
        if (told.free < 0) told.free = 0;
    }
    if (told.free < 0) return;
    *free = *available = told.free / unit;
    *all = told.total / unit;
}
int statvfs(const char *path, struct statvfs *it) {
    REAL(statvfs);
    int end = real(path, it);
    unsigned long long free = it->f_bfree, available = it->f_bavail, all = it->f_blocks;
    if (!end) tell(it->f_frsize, &free, &available, &all);
    it->f_bfree = free, it->f_bavail = available, it->f_blocks = all;
    return end;
}
int statvfs64(const char *path, struct statvfs64 *it) {
    REAL(statvfs64);
    int end = real(path, it);
    unsigned long long free = it->f_bfree, available = it->f_bavail, all = it->f_blocks;
    if (!end) tell(it->f_frsize, &free, &available, &all);
    it->f_bfree = free, it->f_bavail = available, it->f_blocks = all;
    return end;
}
