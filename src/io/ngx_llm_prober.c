
#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_llm_prober.h"


ngx_llm_prober_t  ngx_llm_prober;


void
ngx_llm_prober_remember(uint32_t i)
{
    ngx_llm_node_t         *node;
    ngx_llm_probe_place_t  *place;

    node = ngx_llm_probe_node(i);
    place = ngx_llm_probe_place(i);

    if (place->generation == node->generation) {
        return;
    }

    ngx_memzero(place, sizeof(ngx_llm_probe_place_t));

    place->generation = node->generation;
    place->rounds = NGX_LLM_PROBE_ROUNDS;

    if (node->checked) {
        place->told = node->online ? NGX_LLM_PROBE_TOLD_ONLINE
                                   : NGX_LLM_PROBE_TOLD_OFFLINE;
    }
}


void
ngx_llm_prober_pause(uint32_t i, ngx_msec_t ms)
{
    ngx_llm_probe_place_t  *place;

    place = ngx_llm_probe_place(i);

    place->pause = 1;
    place->until = ngx_current_msec + ms;
}
