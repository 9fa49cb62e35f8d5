
/*
 * The JSON scanner without AVX2.
 */


#define NGX_LLM_NO_AVX2

#include "base_json.c"
