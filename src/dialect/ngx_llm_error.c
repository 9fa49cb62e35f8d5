
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_text.h"
#include "ngx_llm_error.h"


#define NGX_LLM_INVALID  "invalid_request_error"
#define NGX_LLM_MISSING  "missing_required_parameter"


static u_char *ngx_llm_error_member(u_char *dst, const char *name,
    const char *value);


const ngx_llm_error_t  ngx_llm_errors[NGX_LLM_ERR_MAX] = {

    { 200, "", NULL, NULL, "" },

    { 401, "authentication_error", "invalid_api_key", NULL,
      "Invalid API key" },
    { 403, "permission_error", "insufficient_scope", NULL,
      "This API key may not be used for inference" },
    { 403, "permission_error", "model_not_allowed", "model",
      "This API key may not use the model" },
    { 400, NGX_LLM_INVALID, "invalid_json", NULL,
      "The request body is not valid JSON" },
    { 400, NGX_LLM_INVALID, "invalid_multipart", NULL,
      "The request body is not valid multipart/form-data" },
    { 400, NGX_LLM_INVALID, NGX_LLM_MISSING, "model",
      "Model name is required" },
    { 400, NGX_LLM_INVALID, "invalid_model", "model",
      "The model name is longer than 256 bytes" },
    { 400, NGX_LLM_INVALID, NGX_LLM_MISSING, "messages",
      "At least one message is required" },
    { 400, NGX_LLM_INVALID, NGX_LLM_MISSING, "prompt",
      "Prompt is required" },
    { 400, NGX_LLM_INVALID, NGX_LLM_MISSING, "input",
      "Input text is required" },
    { 415, NGX_LLM_INVALID, "unsupported_media_type", NULL,
      "The body must be application/json or multipart/form-data" },
    { 404, NGX_LLM_INVALID, "unknown_url", NULL, "Unknown URL" },
    { 405, NGX_LLM_INVALID, "method_not_allowed", NULL,
      "Method not allowed for this URL" },
    { 404, NGX_LLM_INVALID, "model_not_found", "model",
      "The model does not exist" },
    { 503, "service_unavailable", "no_nodes", NULL,
      "No available nodes" },
    { 413, NGX_LLM_INVALID, "request_too_large", NULL,
      "The request body is too large" },
    { 429, "rate_limit_error", "rate_limit_exceeded", NULL,
      "Rate limit exceeded, try again later" },
    { 429, "rate_limit_error", "queue_full", NULL,
      "The queue is full, try again later" },
    { 504, "gateway_timeout", "queue_timeout", NULL,
      "The request waited too long in the queue" },
    { 504, "gateway_timeout", "timeout", NULL,
      "Request timeout" },
    { 502, "bad_gateway", "upstream_error", NULL,
      "The node could not be reached or broke off" },
    { 500, "server_error", "internal_error", NULL,
      "Internal error" },

    { 400, NGX_LLM_INVALID, "bad_request", NULL, "Bad request" },
    { 408, NGX_LLM_INVALID, "request_timeout", NULL,
      "The request was not received in time" },
    { 400, NGX_LLM_INVALID, "headers_too_large", NULL,
      "The request line or headers are too large" },
    { 403, "permission_error", "forbidden", NULL, "Forbidden" },
    { 404, NGX_LLM_INVALID, "unknown_url", NULL, "Unknown URL" },
    { 429, "rate_limit_error", "rate_limit_exceeded", NULL,
      "Too many requests" },
    { 503, "service_unavailable", "unavailable", NULL,
      "Service unavailable" },
    { 0, NGX_LLM_INVALID, "error", NULL, "The request failed" }
};


ngx_uint_t
ngx_llm_error_of_status(ngx_uint_t status)
{
    ngx_uint_t  i;

    static const struct {
        ngx_uint_t  status;
        ngx_uint_t  error;
    } map[] = {
        { 400, NGX_LLM_ERR_BAD_REQUEST },
        { 401, NGX_LLM_ERR_INVALID_KEY },
        { 403, NGX_LLM_ERR_FORBIDDEN },
        { 404, NGX_LLM_ERR_NOT_FOUND },
        { 405, NGX_LLM_ERR_METHOD },
        { 408, NGX_LLM_ERR_REQUEST_TIMEOUT },
        { 413, NGX_LLM_ERR_TOO_LARGE },
        { 414, NGX_LLM_ERR_HEADERS_TOO_LARGE },
        { 415, NGX_LLM_ERR_CONTENT_TYPE },
        { 429, NGX_LLM_ERR_TOO_MANY },
        { 431, NGX_LLM_ERR_HEADERS_TOO_LARGE },
        { 494, NGX_LLM_ERR_HEADERS_TOO_LARGE },
        { 500, NGX_LLM_ERR_INTERNAL },
        { 501, NGX_LLM_ERR_OTHER },     /* nginx's: what it does not speak */
        { 502, NGX_LLM_ERR_UPSTREAM },
        { 503, NGX_LLM_ERR_UNAVAILABLE },
        { 504, NGX_LLM_ERR_TIMEOUT },
        { 505, NGX_LLM_ERR_OTHER },
        { 507, NGX_LLM_ERR_INTERNAL }
    };

    for (i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        if (map[i].status == status) {
            return map[i].error;
        }
    }

    return (status >= 500) ? NGX_LLM_ERR_INTERNAL : NGX_LLM_ERR_OTHER;
}


u_char *
ngx_llm_error_json(u_char *dst, ngx_uint_t error, const ngx_str_t *message)
{
    const ngx_llm_error_t  *e;

    e = &ngx_llm_errors[error];

    dst = ngx_cpymem(dst, "{\"error\":{\"message\":\"",
                     sizeof("{\"error\":{\"message\":\"") - 1);

    if (message) {
        dst = ngx_llm_json_escape(dst, message->data, message->len);

    } else {
        dst = ngx_cpymem(dst, e->message, ngx_strlen(e->message));
    }

    *dst++ = '"';

    dst = ngx_llm_error_member(dst, "type", e->type);
    dst = ngx_llm_error_member(dst, "param", e->param);
    dst = ngx_llm_error_member(dst, "code", e->code);

    return ngx_cpymem(dst, "}}", 2);
}


static u_char *
ngx_llm_error_member(u_char *dst, const char *name, const char *value)
{
    dst = ngx_cpymem(dst, ",\"", 2);
    dst = ngx_cpymem(dst, name, ngx_strlen(name));
    dst = ngx_cpymem(dst, "\":", 2);

    if (value == NULL) {
        return ngx_cpymem(dst, "null", 4);
    }

    *dst++ = '"';
    dst = ngx_cpymem(dst, value, ngx_strlen(value));
    *dst++ = '"';

    return dst;
}
