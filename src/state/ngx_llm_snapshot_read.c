
/*
 * The snapshot is read: the file as it is on the disk, its JSON, its head;
 * and when nothing is wrong with these, its rows, into the zone.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <fcntl.h>
#include <stdlib.h>
#include "ngx_llm_snapshot_apply.h"


static ngx_int_t ngx_llm_snapshot_load(ngx_llm_snapshot_reader_t *r,
    char **text, size_t *n);
static ngx_int_t ngx_llm_snapshot_open(ngx_llm_snapshot_reader_t *r, int *fd,
    size_t *size);
static ngx_int_t ngx_llm_snapshot_ours(ngx_llm_snapshot_reader_t *r, int fd,
    const struct stat *st);
static void ngx_llm_snapshot_take(ngx_llm_snapshot_reader_t *r);
static ngx_int_t ngx_llm_snapshot_parse(ngx_llm_snapshot_reader_t *r,
    const char *text, size_t n);
static ngx_int_t ngx_llm_snapshot_head(ngx_llm_snapshot_reader_t *r);
static ngx_int_t ngx_llm_snapshot_array(ngx_llm_snapshot_reader_t *r,
    const char *name, json_t **array);
static ngx_int_t ngx_llm_snapshot_system(ngx_llm_snapshot_reader_t *r,
    const char *what);


ngx_int_t
ngx_llm_snapshot_read(ngx_llm_zone_t *zone,
    const ngx_llm_snapshot_source_t *source,
    ngx_llm_snapshot_result_t *result)
{
    char                       *text;
    size_t                      n;
    ngx_int_t                   rc;
    ngx_llm_snapshot_reader_t   r;

    n = 0;
    text = NULL;

    ngx_memzero(result, sizeof(ngx_llm_snapshot_result_t));
    ngx_memzero(&r, sizeof(ngx_llm_snapshot_reader_t));

    r.zone = zone;
    r.source = source;
    r.result = result;

    rc = ngx_llm_snapshot_load(&r, &text, &n);

    if (text == NULL) {
        return rc;
    }

    rc = ngx_llm_snapshot_parse(&r, text, n);

    /* there are nodes' keys in it */

    ngx_explicit_memzero(text, n);
    free(text);

    if (rc == NGX_OK) {
        rc = ngx_llm_snapshot_head(&r);
    }

    if (rc == NGX_OK) {
        rc = ngx_llm_snapshot_check(&r);
    }

    result->unknown = r.in.unknown;

    if (rc == NGX_OK && !source->look) {
        ngx_llm_snapshot_take(&r);
    }

    json_decref(r.root);

    return rc;
}


static void
ngx_llm_snapshot_take(ngx_llm_snapshot_reader_t *r)
{
    ngx_llm_zone_t  *zone;

    zone = r->zone;

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_llm_snapshot_apply_locked(r);

    if (ngx_llm_models_build_locked(zone->models, zone->nodes) != NGX_OK) {
        r->result->dropped++;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


static ngx_int_t
ngx_llm_snapshot_load(ngx_llm_snapshot_reader_t *r, char **text, size_t *n)
{
    int        fd;
    char      *p;
    size_t     size;
    ssize_t    got;
    ngx_int_t  rc;

    size = 0;

    rc = ngx_llm_snapshot_open(r, &fd, &size);

    if (rc != NGX_OK || r->result->missing) {
        return rc;
    }

    p = malloc(size + 1);

    if (p == NULL) {
        (void) ngx_llm_snapshot_system(r, "malloc()");
        (void) close(fd);
        return NGX_ERROR;
    }

    for (*n = 0; *n < size; *n += got) {
        got = read(fd, p + *n, size - *n);

        if (got == -1) {

            if (ngx_errno == NGX_EINTR) {
                got = 0;
                continue;
            }

            (void) ngx_llm_snapshot_system(r, "read()");
            (void) close(fd);
            free(p);
            return NGX_ERROR;
        }

        if (got == 0) {
            break;
        }
    }

    (void) close(fd);

    *text = p;

    return NGX_OK;
}


/* nobody else's file, also not by a link, and no device */

static ngx_int_t
ngx_llm_snapshot_open(ngx_llm_snapshot_reader_t *r, int *fd, size_t *size)
{
    ngx_int_t    rc;
    struct stat  st;

    *fd = open(r->source->path, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (*fd == -1) {

        if (ngx_errno == ENOENT) {
            r->result->missing = 1;
            return NGX_OK;
        }

        if (ngx_errno == ELOOP) {
            return ngx_llm_snapshot_bad(r, "it is a symbolic link");
        }

        rc = (ngx_errno == EACCES) ? NGX_DECLINED : NGX_ERROR;

        (void) ngx_llm_snapshot_system(r, "open()");

        return rc;
    }

    rc = NGX_ERROR;

    if (fstat(*fd, &st) == -1) {
        (void) ngx_llm_snapshot_system(r, "fstat()");

    } else if (!S_ISREG(st.st_mode)) {
        (void) ngx_llm_snapshot_bad(r, "it is no regular file");

    } else if (ngx_llm_snapshot_ours(r, *fd, &st) != NGX_OK) {
        rc = NGX_DECLINED;

    } else if (st.st_size == 0) {
        (void) ngx_llm_snapshot_bad(r, "it is empty");

    } else if (st.st_size > NGX_LLM_SNAPSHOT_MAX) {
        (void) ngx_llm_snapshot_bad(r, "it is larger than 1 GB");

    } else {
        *size = st.st_size;
        rc = NGX_OK;
    }

    if (rc != NGX_OK) {
        (void) close(*fd);
    }

    return rc;
}


/* whoever may make one can also make up keys */

static ngx_int_t
ngx_llm_snapshot_ours(ngx_llm_snapshot_reader_t *r, int fd,
    const struct stat *st)
{
    if (st->st_uid != 0
        && st->st_uid != geteuid()
        && st->st_uid != r->source->user)
    {
        (void) ngx_llm_snapshot_bad(r, "it belongs to the user %ui, who is "
                                    "neither root nor a user of this nginx",
                                    (ngx_uint_t) st->st_uid);
        return NGX_DECLINED;
    }

    r->result->exposed = ((st->st_mode & (S_IRWXG|S_IRWXO)) != 0);
    r->result->open = ((st->st_mode & (S_IWGRP|S_IWOTH)) != 0);

    /* where it is not ours to mend, the next write does it */

    if (r->result->exposed && !r->source->keep) {
        (void) fchmod(fd, S_IRUSR|S_IWUSR);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_snapshot_parse(ngx_llm_snapshot_reader_t *r, const char *text,
    size_t n)
{
    const char    *last;
    json_error_t   err;

    r->root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &err);

    if (r->root) {
        return NGX_OK;
    }

    /* cut somewhere it may look like anything */

    for (last = text + n; last > text && ngx_strchr(" \t\r\n", last[-1]); ) {
        last--;
    }

    if (json_error_code(&err) == json_error_premature_end_of_input
        || (json_error_code(&err) != json_error_end_of_input_expected
            && n && text[0] == '{'
            && last[-1] != '}'))
    {
        return ngx_llm_snapshot_bad(r, "it is truncated, in line %d",
                                    err.line);
    }

    /* the place only: jansson's text quotes what stands there */

    switch (json_error_code(&err)) {

    case json_error_duplicate_key:
        return ngx_llm_snapshot_bad(r, "line %d: a member stands there twice",
                                    err.line);

    case json_error_invalid_utf8:
        return ngx_llm_snapshot_bad(r, "line %d: it is not UTF-8", err.line);

    case json_error_out_of_memory:
        return ngx_llm_snapshot_bad(r, "there is no memory for it");

    default:
        return ngx_llm_snapshot_bad(r, "line %d: it is no JSON, at column %d",
                                    err.line, err.column);
    }
}


static ngx_int_t
ngx_llm_snapshot_head(ngx_llm_snapshot_reader_t *r)
{
    size_t       known;
    json_t      *value;
    json_int_t   n;
    ngx_uint_t   i;

    static const char  *names[] = {
        "version", "epoch", "pid", "written", "totals", "nodes", "keys",
        "static_nodes", "static_keys", "end", NULL
    };

    value = json_object_get(r->root, "version");

    if (!json_is_integer(value)) {
        return ngx_llm_snapshot_bad(r, "it has no version");
    }

    n = json_integer_value(value);

    if (n != NGX_LLM_SNAPSHOT_VERSION) {
        return ngx_llm_snapshot_bad(r, "its version %L is not known", n);
    }

    if (!json_is_true(json_object_get(r->root, "end"))) {
        return ngx_llm_snapshot_bad(r, "it is truncated: \"end\" is missing");
    }

    value = json_object_get(r->root, "epoch");
    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0) {
        return ngx_llm_snapshot_bad(r, "its \"epoch\" must be a whole number "
                                    "from 0");
    }

    r->result->epoch = ngx_min(n, NGX_LLM_SNAPSHOT_EPOCH);

    for (i = 0, known = 0; names[i]; i++) {
        known += (json_object_get(r->root, names[i]) != NULL);
    }

    r->in.unknown = json_object_size(r->root) - known;
    r->totals = json_object_get(r->root, "totals");

    if (ngx_llm_snapshot_array(r, "nodes", &r->nodes) != NGX_OK
        || ngx_llm_snapshot_array(r, "keys", &r->keys) != NGX_OK
        || ngx_llm_snapshot_array(r, "static_nodes", &r->static_nodes)
           != NGX_OK
        || ngx_llm_snapshot_array(r, "static_keys", &r->static_keys)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* an absent one is as good as an empty one */

static ngx_int_t
ngx_llm_snapshot_array(ngx_llm_snapshot_reader_t *r, const char *name,
    json_t **array)
{
    *array = json_object_get(r->root, name);

    if (*array && !json_is_array(*array)) {
        return ngx_llm_snapshot_bad(r, "its \"%s\" must be an array", name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_llm_snapshot_system(ngx_llm_snapshot_reader_t *r, const char *what)
{
    r->result->err = ngx_errno;

    return ngx_llm_snapshot_bad(r, "%s failed", what);
}
