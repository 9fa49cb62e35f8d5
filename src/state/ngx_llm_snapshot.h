
/*
 * What was made at run time, kept in a file: nodes and keys that are not of
 * nginx.conf, and the totals of all.  Versioned JSON, one node or key a line,
 * read by jansson.
 *
 * Both functions block and know of no event, pool or log: one runs in a
 * thread, the other in the master before there are workers.
 *
 * The file holds nodes' own API keys: it and its temporary file have the
 * mode 600 from their first byte on.  No clear key of a client is in it.
 * Its head names the process that owns it, by a number that grows with each
 * start: who is older and not dead does not overwrite it (see USR2).
 *
 * What is no snapshot is refused as a whole; of one that is, a row that can't
 * be as it stands there is skipped, and told.
 */


#ifndef _NGX_LLM_SNAPSHOT_H_INCLUDED_
#define _NGX_LLM_SNAPSHOT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_zone.h"


#define NGX_LLM_SNAPSHOT_VERSION  1

/* bytes that are read at most */
#define NGX_LLM_SNAPSHOT_MAX      (1024 * 1024 * 1024)

/* the largest number of a start; others do not count on */
#define NGX_LLM_SNAPSHOT_EPOCH    0x3fffffffffffffff

/* rows that were skipped and are told one by one */
#define NGX_LLM_SNAPSHOT_TOLD     8


typedef struct {
    ngx_err_t           err;        /* of the system, or 0 */
    ngx_uint_t          nodes;      /* written, or read and taken */
    ngx_uint_t          keys;
    ngx_uint_t          epoch;      /* of the file, as written or read */
    ngx_uint_t          unknown;    /* read: members nobody here knows */
    ngx_uint_t          dropped;    /* read: what found no room after all */
    ngx_uint_t          skipped;    /* read: rows */
    unsigned            missing:1;  /* read: there is none, which is well */
    unsigned            exposed:1;  /* read: others could read it; mended */
    unsigned            open:1;     /* read: others could write it; mended */
    u_char              text[512];  /* what is wrong, "" nothing */
    u_char              told[NGX_LLM_SNAPSHOT_TOLD][256];   /* of skipped */
} ngx_llm_snapshot_result_t;


/* what is to be read */

typedef struct {
    const char         *path;
    ngx_uid_t           user;       /* the file may be his, too, or root's */
    ngx_uint_t          look;       /* 1: nothing of it is taken */
    ngx_uint_t          keep;       /* 1: its mode stays as it is */
} ngx_llm_snapshot_source_t;


/*
 * Writes all to path, by a temporary file beside it, fsync and rename.
 * master is the pid of the owning master, epoch its number; the result's
 * epoch is larger when one that is dead had a larger one: it is ours then.
 * NGX_OK, NGX_ERROR with the result's text, NGX_DECLINED: another router that
 * lives owns the file.  Takes the zone's mutex for moments only.
 */
ngx_int_t ngx_llm_snapshot_write(ngx_llm_zone_t *zone, const char *path,
    ngx_uint_t epoch, ngx_pid_t master, ngx_llm_snapshot_result_t *result);

/*
 * Reads a file into a zone, once nginx.conf's nodes and keys stand there: what
 * is there already stays as it is, but gets the totals, drains if it did, and
 * is revoked if it was.  Takes the mutex; makes the index of models.  NGX_OK,
 * also when there is no file.  Otherwise nothing of it was taken, and the text
 * says what is wrong and where ("truncated", "version 7 is not known", "line
 * 3: ..."): NGX_ERROR it is broken, NGX_DECLINED it is not ours to use,
 * NGX_ABORT the zone has no room for it.
 */
ngx_int_t ngx_llm_snapshot_read(ngx_llm_zone_t *zone,
    const ngx_llm_snapshot_source_t *source,
    ngx_llm_snapshot_result_t *result);


#endif /* _NGX_LLM_SNAPSHOT_H_INCLUDED_ */
