
/*
 * Wakes another worker of this master: one eventfd for each process slot,
 * made in the master before it forks, read by the worker in that slot.
 */


#ifndef _NGX_LLM_WAKE_H_INCLUDED_
#define _NGX_LLM_WAKE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Makes the descriptors that are missing for n slots, in the master
 * (init_module).  They stay through a reload.  Where one can't be made the
 * worker in that slot is not woken and finds out by its own timer.
 */
void ngx_llm_wake_create(ngx_log_t *log, ngx_uint_t n);

/*
 * Has handler called in this worker whenever its slot is woken (init_process).
 * NGX_ERROR: out of connections.
 */
ngx_int_t ngx_llm_wake_listen(ngx_cycle_t *cycle, ngx_uint_t slot,
    void (*handler)(void));

/* Wakes the worker in this slot, which may be the caller itself. */
void ngx_llm_wake(ngx_uint_t slot);


#endif /* _NGX_LLM_WAKE_H_INCLUDED_ */
