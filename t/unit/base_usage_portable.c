
/*
 * The finder of token counts without SSE2.
 */


#define NGX_LLM_NO_SSE2

#include "base_usage.c"
