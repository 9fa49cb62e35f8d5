
/*
 * The file of the snapshot while it is written: whose it is, and a temporary
 * one beside it that takes its place.
 */


#ifndef _NGX_LLM_SNAPSHOT_FILE_H_INCLUDED_
#define _NGX_LLM_SNAPSHOT_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_snapshot.h"


typedef struct {
    const char                 *path;
    char                       *temp;   /* its temporary file; free() it */
    size_t                      dir;    /* bytes of path up to its name */
    int                         fd;     /* of the temporary file */
    ngx_uint_t                  failed; /* it was told; no more is done */
    ngx_llm_snapshot_result_t  *result;
} ngx_llm_snapshot_file_t;


/*
 * Is it ours to write?  Not when one that started after us, or beside us, is
 * alive: NGX_DECLINED, which was told.  *epoch grows above that of a dead one.
 */
ngx_int_t ngx_llm_snapshot_file_owner(ngx_llm_snapshot_file_t *file,
    ngx_uint_t *epoch, ngx_pid_t master);

/* Makes the temporary file, and removes those of processes that are gone. */
ngx_int_t ngx_llm_snapshot_file_open(ngx_llm_snapshot_file_t *file);

/* All is written: in its place, on the disk; or removed when some failed. */
ngx_int_t ngx_llm_snapshot_file_close(ngx_llm_snapshot_file_t *file);

/* Tells that what() failed, and errno; NGX_ERROR. */
ngx_int_t ngx_llm_snapshot_file_failed(ngx_llm_snapshot_file_t *file,
    const char *what, const char *path);


#endif /* _NGX_LLM_SNAPSHOT_FILE_H_INCLUDED_ */
