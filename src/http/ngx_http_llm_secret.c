
/*
 * Values of nginx.conf that are not what stands there, and dates.
 */


#include "ngx_llm_time.h"
#include "ngx_http_llm_secret.h"


static ngx_int_t ngx_http_llm_secret_text(ngx_conf_t *cf,
    const char *directive, const ngx_str_t *value, ngx_str_t *secret,
    size_t size, ngx_uint_t hash);
static ngx_int_t ngx_http_llm_secret_env(ngx_conf_t *cf,
    const char *directive, const ngx_str_t *name, ngx_str_t *secret);
static ngx_int_t ngx_http_llm_secret_file(ngx_conf_t *cf,
    const char *directive, const ngx_str_t *path, ngx_str_t *secret);


ngx_int_t
ngx_http_llm_secret(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *value, u_char *dst, size_t size)
{
    size_t     i;
    ngx_str_t  secret;

    if (ngx_http_llm_secret_text(cf, directive, value, &secret, size, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < secret.len; i++) {
        if (secret.data[i] <= ' ' || secret.data[i] >= 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s: the secret holds a character that can't "
                               "stand in a header", directive);
            return NGX_ERROR;
        }
    }

    ngx_cpystrn(dst, secret.data, secret.len + 1);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_password(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *value, u_char *dst, size_t size)
{
    size_t     i;
    ngx_str_t  secret;

    if (ngx_http_llm_secret_text(cf, directive, value, &secret, size, 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < secret.len; i++) {
        if (secret.data[i] < ' ' || secret.data[i] == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s: the password holds a control character",
                               directive);
            return NGX_ERROR;
        }
    }

    ngx_cpystrn(dst, secret.data, secret.len + 1);

    if (secret.data == value->data) {
        ngx_explicit_memzero(value->data, value->len);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_expires(ngx_conf_t *cf, const ngx_str_t *param, size_t name,
    time_t *expires)
{
    ngx_int_t  n;
    ngx_str_t  text;

    text.data = param->data + name;
    text.len = param->len - name;

    n = ngx_atoi(text.data, text.len);

    if (n > 0) {
        *expires = n;
        return NGX_OK;
    }

    if (ngx_llm_time(&text, expires) == NGX_OK) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "%V: \"%V\" is no time such as 2030-12-31 or "
                       "2030-12-31T23:59:59Z", (ngx_str_t *) cf->args->elts,
                       param);

    return NGX_ERROR;
}


/* the secret where it is, 1 to size - 1 bytes; hash: it may be one */

static ngx_int_t
ngx_http_llm_secret_text(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *value, ngx_str_t *secret, size_t size, ngx_uint_t hash)
{
    ngx_str_t  name;

    name = *value;
    *secret = *value;

    if (value->len > 4 && ngx_strncmp(value->data, "env:", 4) == 0) {
        name.data += 4;
        name.len -= 4;

        if (ngx_http_llm_secret_env(cf, directive, &name, secret) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0) {
        name.data += 5;
        name.len -= 5;

        if (ngx_http_llm_secret_file(cf, directive, &name, secret) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (!hash || value->len == 0 || value->data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%s holds a secret in clear, use env:NAME or "
                           "file:path", directive);
    }

    if (secret->len == 0 || secret->len >= size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s: the secret must have 1 to %uz bytes",
                           directive, size - 1);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_secret_env(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *name, ngx_str_t *secret)
{
    char    *value;
    u_char   text[256];

    if (name->len >= sizeof(text)) {
        return NGX_ERROR;
    }

    ngx_cpystrn(text, name->data, name->len + 1);

    value = getenv((char *) text);

    if (value == NULL || *value == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s: the environment variable \"%V\" is not set",
                           directive, name);
        return NGX_ERROR;
    }

    secret->data = (u_char *) value;
    secret->len = ngx_strlen(value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_secret_file(ngx_conf_t *cf, const char *directive,
    const ngx_str_t *path, ngx_str_t *secret)
{
    u_char     *buf;
    ssize_t     n;
    ngx_fd_t    fd;
    ngx_str_t   name;

    name = *path;

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    buf = ngx_pnalloc(cf->temp_pool, 2048);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "%s: " ngx_open_file_n " \"%V\" failed", directive,
                           &name);
        return NGX_ERROR;
    }

    n = read(fd, buf, 2048);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "%s: " ngx_read_fd_n " \"%V\" failed", directive,
                           &name);
    }

    (void) ngx_close_file(fd);

    if (n == -1) {
        return NGX_ERROR;
    }

    secret->data = buf;

    for (secret->len = 0; secret->len < (size_t) n; secret->len++) {
        if (buf[secret->len] == LF || buf[secret->len] == CR) {
            break;
        }
    }

    return NGX_OK;
}
