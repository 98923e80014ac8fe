#include "traces/sinks/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "traces/sql.h"

/* SQLite file format, section 1.3: the magic at 0, the application id big-endian at 68. */
#define HEADER_BYTES 100
#define APPLICATION_ID_AT 68

static uint32_t read_big_endian(const uint8_t *bytes)
{
    return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 | (uint32_t) bytes[2] << 8 | bytes[3];
}

static ssize_t read_start(const char *path, uint8_t *bytes, size_t count)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return -errno;
    ssize_t length = pread(file, bytes, count, 0);
    if (length < 0)
        length = -errno;
    close(file);
    return length;
}

/* An empty file counts as one: nothing is lost with it, and `mktemp` makes such. 1, 0 or -errno. */
static int is_trace(int file, const struct stat *status)
{
    uint8_t header[HEADER_BYTES];
    if (!S_ISREG(status->st_mode))
        return 0;
    ssize_t length = pread(file, header, sizeof header, 0);
    if (length <= 0)
        return length < 0 ? -errno : 1;
    return length == HEADER_BYTES && memcmp(header, "SQLite format 3", 16) == 0 &&
           read_big_endian(header + APPLICATION_ID_AT) == TRACE_APPLICATION_ID;
}

/* 0 or -EBUSY. Where a file system has no such locks, there are none. */
static int lock(int file)
{
    return flock(file, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EBUSY : 0;
}

static char *beside(const char *path, const char *suffix)
{
    char *name = NULL;
    return asprintf(&name, "%s%s", path, suffix) < 0 ? NULL : name;
}

/* A log without its database would be played into the new one. 0 when there is none, or it was one and is gone. */
static int remove_stray_log(const char *path)
{
    uint8_t magic[4];
    char *log = beside(path, "-wal");
    if (!log)
        return -ENOMEM;
    ssize_t length = read_start(log, magic, sizeof magic);
    int error = length == -ENOENT ? 0 : (int) length;
    if (length >= 0) {
        /* SQLite file format, section 4.1: 0x377f0682, or ...83 with big-endian checksums. */
        bool log_of_sqlite = length == 0 || (length == 4 && (read_big_endian(magic) | 1) == 0x377f0683);
        error = log_of_sqlite ? (unlink(log) < 0 ? -errno : 0) : -EEXIST;
    }
    free(log);
    return error;
}

void trace_file_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *name = beside(path, suffixes[i]);
        if (name)
            unlink(name);
        free(name);
    }
}

/* The file at path is locked while it goes, so that of two runs that find an old trace one replaces it. */
static int remove_old(const char *path, int file)
{
    struct stat found, now;
    if (fstat(file, &found) < 0)
        return -errno;
    int error = S_ISREG(found.st_mode) ? lock(file) : 0;
    if (error)
        return error;
    int old = is_trace(file, &found);
    if (old <= 0)
        return old < 0 ? old : -EEXIST;
    if (stat(path, &now) < 0 || now.st_ino != found.st_ino || now.st_dev != found.st_dev)
        return -EBUSY; /* another run has just put its own there */
    trace_file_remove(path);
    return 0;
}

/* Makes room at path. */
static int clear_place(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return errno == ENOENT ? remove_stray_log(path) : -errno;
    int error = remove_old(path, file);
    close(file);
    return error;
}

static int create(const char *path)
{
    int error = clear_place(path);
    if (error)
        return error;
    /* O_EXCL: what came to be here meanwhile is not ours to overwrite. */
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return -errno;
    error = lock(file);
    if (!error)
        return file;
    close(file);
    return error;
}

int trace_file_create(const char *path, struct base_diagnostics *diagnostics)
{
    int file = create(path);
    struct base_place nowhere = {0};
    if (file == -EEXIST)
        base_diagnose(diagnostics, BASE_ERROR, nowhere, "name another file, or remove this one yourself",
                      "%s exists and is not a peerlab trace", path);
    else if (file == -EBUSY)
        base_diagnose(diagnostics, BASE_ERROR, nowhere, "name another file, or wait until that run has ended",
                      "%s is being written by another run", path);
    else if (file < 0)
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "cannot make the trace %s: %s", path, strerror(-file));
    return file;
}

static uint64_t bytes_of(const char *path)
{
    struct stat status;
    return stat(path, &status) < 0 ? 0 : (uint64_t) status.st_size;
}

uint64_t trace_file_bytes(const char *path)
{
    char *log = beside(path, "-wal");
    uint64_t bytes = bytes_of(path) + (log ? bytes_of(log) : 0);
    free(log);
    return bytes;
}

char *trace_file_sqlite_name(const char *path)
{
    char *name = NULL;
    return asprintf(&name, "%s%s", *path == '/' ? "" : "./", path) < 0 ? NULL : name;
}
