
/*
 * An entry of the history's index: what is written is read again, byte for
 * byte as the query and other routers expect it.
 */


#include "../../src/base/ngx_llm_text.c"
#include "../../src/base/ngx_llm_time.c"
#include "../../src/dialect/ngx_llm_error.c"
#include "../../src/state/ngx_llm_record.c"
#include "../../src/io/ngx_llm_entry.c"
#include "core.h"
#include "test.h"


#define ZONE  0x1122334455667788ULL


/* nginx's own needs more of nginx: another hash does as well here */

uint32_t
ngx_murmur_hash2(u_char *data, size_t n)
{
    uint32_t  hash;

    for (hash = 2166136261U; n; n--) {
        hash = (hash ^ *data++) * 16777619U;
    }

    return hash;
}


static uint32_t
hash_of(const char *text)
{
    return ngx_murmur_hash2((u_char *) text, strlen(text));
}


static void
put(ngx_llm_record_t *record, ngx_uint_t which, const char *text)
{
    size_t      n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; i < which; i++) {
        n += record->len[i];
    }

    ngx_memcpy(record->text + n, text, strlen(text));
    record->len[which] = strlen(text);
}


int
main(void)
{
    char              id[NGX_LLM_RECORD_ID_LEN + 1];
    u_char            p[NGX_LLM_ENTRY_SIZE + 1];
    ngx_llm_entry_t   entry;
    ngx_llm_record_t  record;

    ngx_memzero(&record, sizeof(ngx_llm_record_t));

    record.number = 0xabc;
    record.time = 0x0102030405060708ULL;
    record.node_id = 0x99;
    record.status = NGX_LLM_RECORD_CANCELLED;

    put(&record, NGX_LLM_RECORD_ID, "request");
    put(&record, NGX_LLM_RECORD_ENDPOINT, "/v1/chat/completions");
    put(&record, NGX_LLM_RECORD_MODEL, "org/model");
    put(&record, NGX_LLM_RECORD_REQUESTED, "nick");
    put(&record, NGX_LLM_RECORD_NODE, "gpu-1");
    put(&record, NGX_LLM_RECORD_KEY, "alice");

    /* Redis puts the stream's id in front: 0x10203 and 7 */

    ngx_memset(p, '#', sizeof(p));
    ngx_memcpy(p, "\0\0\0\0\0\1\2\3\0\0\0\7", 12);

    ngx_llm_entry_write(p + 12, &record, ZONE);

    is_number(p[NGX_LLM_ENTRY_SIZE], '#', "no byte more");
    is_number(NGX_LLM_ENTRY_SIZE - NGX_LLM_ENTRY_OWN, 12, "what Redis adds");

    ngx_llm_entry_read(p, &entry);

    *ngx_llm_record_id((u_char *) id, &record, ZONE) = '\0';

    is_number(entry.ms, 0x10203, "ms of the id");
    is_number(entry.sequence, 7, "its sequence");
    is_number(entry.time, record.time, "when it came");
    is_number(entry.id, hash_of(id), "the record's id");
    is_number(entry.request_id, hash_of("request"), "the request's id");
    is_number(entry.model, hash_of("org/model"), "the model, as routed");
    is_number(entry.node, hash_of("gpu-1"), "the node");
    is_number(entry.node_id, hash_of("node-0000000000000099"), "its id");
    is_number(entry.key, hash_of("alice"), "the key");
    is_number(entry.status, NGX_LLM_RECORD_CANCELLED, "how it ended");
    is_number(p[12], 1, "the highest byte comes first");

    return test_done();
}
