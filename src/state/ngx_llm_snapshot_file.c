
#include <ngx_config.h>
#include <ngx_core.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include "ngx_llm_snapshot_file.h"


/* bytes of the file in which its head stands */
#define NGX_LLM_SNAPSHOT_HEAD  256


static u_char *ngx_llm_snapshot_file_member(u_char *p, const char *name,
    ngx_uint_t *value);
static void ngx_llm_snapshot_file_stale(ngx_llm_snapshot_file_t *file);


ngx_int_t
ngx_llm_snapshot_file_owner(ngx_llm_snapshot_file_t *file, ngx_uint_t *epoch,
    ngx_pid_t master)
{
    int         fd;
    u_char     *p, head[NGX_LLM_SNAPSHOT_HEAD + 1];
    ssize_t     n;
    ngx_uint_t  version, other, pid;

    fd = open(file->path, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == -1) {
        return NGX_OK;
    }

    n = read(fd, head, NGX_LLM_SNAPSHOT_HEAD);
    (void) close(fd);

    head[ngx_max(n, 0)] = '\0';

    p = ngx_llm_snapshot_file_member(head, "{\"version\":", &version);
    p = ngx_llm_snapshot_file_member(p, ",\"epoch\":", &other);
    p = ngx_llm_snapshot_file_member(p, ",\"pid\":", &pid);

    if (p == NULL) {
        return NGX_OK;
    }

    other = ngx_min(other, NGX_LLM_SNAPSHOT_EPOCH);

    if (other < *epoch) {
        return NGX_OK;
    }

    if (pid == (ngx_uint_t) master) {

        /* its zone was made anew, and this is a worker of the old one? */

        if (other == *epoch) {
            return NGX_OK;
        }

    } else if (pid == 0
               || (kill((pid_t) pid, 0) == -1 && ngx_errno == ESRCH))
    {
        *epoch = ngx_min(other + (other > *epoch), NGX_LLM_SNAPSHOT_EPOCH);
        return NGX_OK;
    }

    file->result->err = EBUSY;
    file->result->epoch = other;

    p = ngx_snprintf(file->result->text, sizeof(file->result->text) - 1,
                     "it belongs to the router of process %ui, which was "
                     "started later", pid);
    *p = '\0';

    return NGX_DECLINED;
}


/* a member of the head, just as it is written here; NULL: there is none */

static u_char *
ngx_llm_snapshot_file_member(u_char *p, const char *name, ngx_uint_t *value)
{
    u_char     *q;
    ngx_int_t   n;

    if (p == NULL || ngx_strncmp(p, name, ngx_strlen(name)) != 0) {
        return NULL;
    }

    p += ngx_strlen(name);

    for (q = p; *q >= '0' && *q <= '9'; q++) { /* void */ }

    n = ngx_atoi(p, q - p);

    if (n == NGX_ERROR) {
        return NULL;
    }

    *value = n;

    return q;
}


ngx_int_t
ngx_llm_snapshot_file_open(ngx_llm_snapshot_file_t *file)
{
    size_t   size;
    u_char  *p;

    ngx_llm_snapshot_file_stale(file);

    size = ngx_strlen(file->path) + sizeof(".tmp.") + NGX_INT64_LEN;

    file->temp = malloc(size);
    if (file->temp == NULL) {
        return ngx_llm_snapshot_file_failed(file, "malloc()", file->path);
    }

    p = ngx_snprintf((u_char *) file->temp, size - 1, "%s.tmp.%P", file->path,
                     ngx_pid);
    *p = '\0';

    file->fd = open(file->temp,
                    O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (file->fd == -1) {
        return ngx_llm_snapshot_file_failed(file, "open()", file->temp);
    }

    return NGX_OK;
}


/* temporary files of processes that were killed, and of our own pid */

static void
ngx_llm_snapshot_file_stale(ngx_llm_snapshot_file_t *file)
{
    DIR            *dir;
    char           *name;
    size_t          n;
    ngx_int_t       pid;
    const char     *base;
    struct dirent  *de;

    base = file->path + file->dir;
    n = ngx_strlen(base);

    name = strndup(file->path, file->dir);
    if (name == NULL) {
        return;
    }

    dir = opendir(file->dir ? name : ".");
    free(name);

    if (dir == NULL) {
        return;
    }

    while ((de = readdir(dir)) != NULL) {

        if (ngx_strncmp(de->d_name, base, n) != 0
            || ngx_strncmp(de->d_name + n, ".tmp.", 5) != 0)
        {
            continue;
        }

        pid = ngx_atoi((u_char *) de->d_name + n + 5,
                       ngx_strlen(de->d_name + n + 5));

        if (pid == (ngx_int_t) ngx_pid
            || (pid > 0 && kill((pid_t) pid, 0) == -1 && ngx_errno == ESRCH))
        {
            (void) unlinkat(dirfd(dir), de->d_name, 0);
        }
    }

    (void) closedir(dir);
}


/* all is written, or some write failed: the end either way */

ngx_int_t
ngx_llm_snapshot_file_close(ngx_llm_snapshot_file_t *file)
{
    int    fd;
    char  *name;

    if (!file->failed && fsync(file->fd) == -1) {
        (void) ngx_llm_snapshot_file_failed(file, "fsync()", file->temp);
    }

    if (close(file->fd) == -1 && !file->failed) {
        (void) ngx_llm_snapshot_file_failed(file, "close()", file->temp);
    }

    if (!file->failed && rename(file->temp, file->path) == -1) {
        (void) ngx_llm_snapshot_file_failed(file, "rename()", file->temp);
    }

    if (file->failed) {
        (void) unlink(file->temp);
        return NGX_ERROR;
    }

    name = strndup(file->path, file->dir);

    fd = name ? open(file->dir ? name : ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC)
              : -1;
    free(name);

    if (fd == -1) {
        return ngx_llm_snapshot_file_failed(file, "open() of the directory of",
                                            file->path);
    }

    /* some file systems have no such thing */

    if (fsync(fd) == -1 && ngx_errno != EINVAL) {
        (void) ngx_llm_snapshot_file_failed(file,
                                            "fsync() of the directory of",
                                            file->path);
    }

    (void) close(fd);

    return file->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_llm_snapshot_file_failed(ngx_llm_snapshot_file_t *file, const char *what,
    const char *path)
{
    u_char  *p;

    file->failed = 1;
    file->result->err = ngx_errno;

    p = ngx_snprintf(file->result->text, sizeof(file->result->text) - 1,
                     "%s \"%s\" failed", what, path);
    *p = '\0';

    return NGX_ERROR;
}
