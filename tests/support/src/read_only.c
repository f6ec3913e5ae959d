/* A file system that becomes read-only under a running process, as one does after a disk error.
 *
 * Loaded before the C library (LD_PRELOAD), it answers EROFS, as the kernel would, to everything that
 * changes a regular file or a folder while the file named by READ_ONLY_WHILE exists. A real remount is
 * refused while a file is open for writing, and the kernel's own way there needs a disk and root.
 * Standard output and error go on: the test's log lies elsewhere.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int frozen(void) {
    const char *while_there = getenv("READ_ONLY_WHILE");
    int before = errno;
    int yes = while_there != NULL && access(while_there, F_OK) == 0;
    errno = before;
    return yes;
}

static int refused(int fd) {
    struct stat found;
    return fd > STDERR_FILENO && frozen() && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define DENY() do { errno = EROFS; return -1; } while (0)

/* A folder's own entry cannot be made; what is there already may still be opened for reading. */
static int opens_for_writing(const char *path, int flags) {
    if (strncmp(path, "/dev/", 5) == 0) return 0;
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) return 1;
    return (flags & O_CREAT) && access(path, F_OK) != 0;
}

#define OPEN(name)                                             \
    int name(const char *path, int flags, ...) {               \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = (flags & O_CREAT) ? va_arg(rest, int) : 0; \
        va_end(rest);                                          \
        if (frozen() && opens_for_writing(path, flags)) DENY(); \
        return REAL(name)(path, flags, mode);                  \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *bytes, size_t count) {
    if (refused(fd)) DENY();
    return REAL(write)(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (refused(fd)) DENY();
    return REAL(writev)(fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    if (refused(fd)) DENY();
    return REAL(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    if (refused(fd)) DENY();
    return REAL(pwrite64)(fd, bytes, count, at);
}

int ftruncate(int fd, off_t length) {
    if (refused(fd)) DENY();
    return REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    if (refused(fd)) DENY();
    return REAL(ftruncate64)(fd, length);
}

int mkdir(const char *path, mode_t mode) {
    if (frozen() && access(path, F_OK) != 0) DENY();
    return REAL(mkdir)(path, mode);
}

int unlink(const char *path) {
    if (frozen()) DENY();
    return REAL(unlink)(path);
}

int rename(const char *from, const char *to) {
    if (frozen()) DENY();
    return REAL(rename)(from, to);
}
