
#include <ngx_config.h>
#include <ngx_core.h>
#include <crypt.h>
#include "ngx_llm_text.h"
#include "ngx_llm_password.h"


static ngx_int_t ngx_llm_password_crypt(const u_char *password,
    const u_char *setting, u_char *hash, size_t size);


ngx_int_t
ngx_llm_password_hash(const u_char *password, u_char *hash, size_t size)
{
    char  salt[CRYPT_GENSALT_OUTPUT_SIZE];

    if (crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof(salt)) == NULL) {
        return NGX_ERROR;
    }

    return ngx_llm_password_crypt(password, (u_char *) salt, hash, size);
}


ngx_uint_t
ngx_llm_password_is(const u_char *password, const u_char *hash)
{
    size_t  n;
    u_char  own[CRYPT_OUTPUT_SIZE];

    if (ngx_llm_password_crypt(password, hash, own, sizeof(own)) != NGX_OK) {
        return 0;
    }

    n = ngx_strlen(hash);

    return n == ngx_strlen(own) && ngx_llm_same(hash, own, n);
}


/* one that was cut is of another length than what it would be compared with */

ngx_uint_t
ngx_llm_password_known(const u_char *hash)
{
    u_char  own[CRYPT_OUTPUT_SIZE];

    return crypt_checksalt((char *) hash) == CRYPT_SALT_OK
           && ngx_llm_password_crypt((u_char *) "", hash, own, sizeof(own))
              == NGX_OK
           && ngx_strlen(own) == ngx_strlen(hash);
}


static ngx_int_t
ngx_llm_password_crypt(const u_char *password, const u_char *setting,
    u_char *hash, size_t size)
{
    char               *p;
    ngx_int_t           rc;
    struct crypt_data  *data;

    data = calloc(1, sizeof(struct crypt_data));
    if (data == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    p = crypt_rn((char *) password, (char *) setting, data,
                 sizeof(struct crypt_data));

    if (p && ngx_strlen(p) < size) {
        ngx_memcpy(hash, p, ngx_strlen(p) + 1);
        rc = NGX_OK;
    }

    ngx_explicit_memzero(data, sizeof(struct crypt_data));
    free(data);

    return rc;
}
