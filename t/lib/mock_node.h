
/*
 * The mock node: an HTTP/1.1 server that speaks like an LLM node and
 * misbehaves on request.  What a user needs is in mock_node.c (--help).
 *
 * One process, one thread, one epoll: nothing here needs a lock.  The way of
 * a request through the files:
 *
 *     mock_loop.c     sockets, connections, the loop that drives them
 *     mock_http.c     bytes to a request: head, body framing
 *     mock_body.c     what a body says: multipart; JSON by mock_json.c
 *     mock_behave.c   directives, rules set for the node
 *     mock_route.c    which endpoint; models, probes, errors
 *     mock_text.c     the answers' JSON and events
 *     mock_control.c  /mock/stats, /mock/last, /mock/set, /mock/reset
 *     mock_answer.c   draft to bytes: head, chunks, faults; the cache
 *     mock_play.c     bytes to the peer, in pieces, in time
 *
 * with mock_buf.c, mock_sha256.c and mock_timer.c below them all.  Times are
 * milliseconds of the monotonic clock, as in mock_now.
 */


#ifndef MOCK_NODE_H_INCLUDED_
#define MOCK_NODE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>


#define MOCK_AGAIN         -2
#define MOCK_ERROR         -1
#define MOCK_OK            0

#define MOCK_RECORD        65536    /* bytes of a body that are kept */
#define MOCK_HEAD          65536    /* the longest request head */
#define MOCK_TEXT          512      /* the longest model name, kept string */
#define MOCK_PATH          1024     /* the longest path */
#define MOCK_RULES         8        /* rules a node has at most */
#define MOCK_DEPTH         256      /* nesting of a JSON body */

#define mock_lit(s)        (s), sizeof(s) - 1


typedef struct mock_node_s  mock_node_t;
typedef struct mock_conn_s  mock_conn_t;


/* a growing run of bytes; zeroed memory is an empty one */

typedef struct {
    char             *data;
    size_t            len;
    size_t            size;
} mock_buf_t;


typedef struct mock_timer_s  mock_timer_t;

struct mock_timer_s {
    void            (*handler)(mock_timer_t *t);
    void             *data;
    int64_t           when;
    size_t            index;        /* place in the heap + 1, 0: not set */
};


typedef struct {
    uint32_t          h[8];
    uint64_t          len;
    unsigned char     block[64];
} mock_sha256_t;


/* what ends an answer */

typedef enum {
    MOCK_END_KEEP = 0,              /* the connection is kept */
    MOCK_END_CLOSE,                 /* FIN */
    MOCK_END_RESET,                 /* RST */
    MOCK_END_HOLD,                  /* nothing more, the peer must leave */
    MOCK_END_KILL                   /* the process dies */
} mock_end_e;


/* where a fault strikes */

typedef enum {
    MOCK_WHEN_NEVER = 0,
    MOCK_WHEN_BODY,                 /* head read, body not */
    MOCK_WHEN_BEFORE,               /* request read, nothing sent */
    MOCK_WHEN_HEADERS,              /* after the answer's header */
    MOCK_WHEN_MID                   /* within the answer's body */
} mock_when_e;


typedef enum {
    MOCK_BROKEN_NOT = 0,
    MOCK_BROKEN_JSON,
    MOCK_BROKEN_HTTP,
    MOCK_BROKEN_CHUNK
} mock_broken_e;


typedef enum {
    MOCK_CUT_NOT = 0,
    MOCK_CUT_EVENT,                 /* half an event, then FIN */
    MOCK_CUT_CLEAN                  /* half an event, then the last chunk */
} mock_cut_e;


/* how a request is answered; -1: not given */

typedef struct {
    int               delay;        /* ms before the header */
    int               first;        /* ms between header and body */
    int               pace;         /* ms before each token */
    int               tokens;
    int               prompt;       /* prompt_tokens, -1: words counted */
    int               size;         /* bytes of content */
    int               status;
    int               retry_after;  /* s */
    int               drip;         /* ms between bytes */
    int               after;        /* tokens sent before a fault "mid" */
    int               bigheader;    /* bytes */
    int               keepalive;    /* ms a connection is kept idle */

    mock_end_e        fault;
    mock_when_e       when;
    mock_broken_e     broken;
    mock_cut_e        cut;

    unsigned char     nodone;
    unsigned char     noterm;
    unsigned char     nochunk;
    unsigned char     length;
    unsigned char     accel;
    unsigned char     interim;
    unsigned char     crlf;
    unsigned char     nousage;
    unsigned char     usagenull;
    unsigned char     close;
    unsigned char     no_options;   /* refuse_stream_options */
    unsigned char     gzip;
    unsigned char     echo;
    unsigned char     sha;
    unsigned char     coalesce;

    char              header[256];  /* header lines, each with its CRLF */
} mock_behave_t;


typedef struct {
    mock_behave_t     behave;
    char              path[128];    /* a prefix; "": POST /v1/ */
    int               times;        /* requests left, -1: no limit */
    unsigned          empty:1;      /* says nothing about requests */
    unsigned          clear:1;      /* "reset": forget the rules */
} mock_rule_t;


typedef struct {
    uint64_t          requests;     /* POST /v1/, counted with their head */
    uint64_t          models_requests;
    uint64_t          probes;       /* any other path but /mock/ */
    uint64_t          in_flight;
    uint64_t          max_in_flight;
    uint64_t          completed;    /* answered to the last byte */
    uint64_t          aborted;      /* the peer left before that */
    uint64_t          faulted;      /* broken off or spoiled on purpose */
    uint64_t          errors;       /* answered with 400 or more */
    uint64_t          streams;
    uint64_t          connections;
    uint64_t          open_connections;
    uint64_t          evicted;      /* closed idle, for want of descriptors */
    uint64_t          leaked_headers;
    uint64_t          hop_headers;
    uint64_t          unauthorized;
    uint64_t          malformed;    /* not HTTP as it should be */
    uint64_t          invalid_bodies;
    uint64_t          over_slots;   /* came when --slots were taken */
    uint64_t          body_bytes;
} mock_stats_t;


/* the bytes of an answer; shared by its players, and by the cache */

typedef struct {
    size_t            end;          /* offset of the byte behind it */
    int               wait;         /* ms before it is sent */
} mock_piece_t;


typedef struct {
    mock_buf_t        out;
    mock_piece_t     *pieces;
    size_t            npieces;
    size_t            size;
    unsigned          refs;
    int               status;
    int               end_wait;     /* ms between last byte and end */
    int               drip;
    mock_end_e        end;
    unsigned          fault:1;
} mock_answer_t;


/* an answer before it is framed; the one draft is reused */

typedef struct {
    mock_buf_t        headers;      /* extra lines, each with its CRLF */
    mock_buf_t        body;
    mock_piece_t     *marks;        /* ends of events */
    size_t            nmarks;
    size_t            size;
    size_t            lead;         /* events before the first token */
    const char       *type;
    int               status;
    unsigned          stream:1;
    unsigned          close:1;
} mock_draft_t;


/* names the scanner of JSON knows */

typedef enum {
    MOCK_KEY_OTHER = 0,
    MOCK_KEY_MODEL,
    MOCK_KEY_STREAM,
    MOCK_KEY_STREAM_OPTIONS,
    MOCK_KEY_INCLUDE_USAGE,
    MOCK_KEY_MESSAGES,
    MOCK_KEY_ROLE,
    MOCK_KEY_CONTENT,
    MOCK_KEY_TEXT,
    MOCK_KEY_PROMPT,
    MOCK_KEY_INPUT,
    MOCK_KEY_DOCUMENTS,
    MOCK_KEY_QUERY,
    MOCK_KEY_FORMAT
} mock_key_e;


/* what a body said */

typedef struct {
    char              model[MOCK_TEXT];     /* as JSON text, no quotes */
    char              user[MOCK_TEXT];      /* last user message, so too */
    int               words;        /* of the last user message or input */
    int               items;        /* entries of input or documents */
    unsigned          stream:1;
    unsigned          options:1;    /* stream_options is there */
    unsigned          usage:1;      /* include_usage */
    unsigned          base64:1;
} mock_said_t;


typedef struct {
    mock_said_t      *said;
    int               state;
    int               depth;        /* open objects and arrays */
    unsigned char     array[MOCK_DEPTH];
    unsigned char     key[8];       /* mock_key_e at depths 1 to 7 */
    char              str[MOCK_TEXT];       /* start of string, literal */
    size_t            len;
    int               words;        /* of the current string */
    int               turn;         /* words of the current message */
    char              text[MOCK_TEXT];      /* start of its content */
    unsigned          hex:3;        /* digits of \u that must follow */
    unsigned          space:1;      /* the last byte was white */
    unsigned          name:1;       /* the string is a key */
    unsigned          count:1;      /* the string's words are counted */
    unsigned          user:1;       /* the message's role */
} mock_json_t;


typedef struct {
    mock_said_t      *said;
    char              boundary[80]; /* with its leading "--" */
    char              line[256];
    size_t            len;
    unsigned          headers:1;    /* in a part's header */
    unsigned          fresh:1;      /* its value's first line comes */
    unsigned          overlong:1;   /* this line did not fit */
    unsigned          model:1;
    unsigned          closed:1;     /* the last boundary was there */
} mock_multipart_t;


typedef struct {
    mock_said_t       said;
    union {
        mock_json_t       json;
        mock_multipart_t  multipart;
    } u;
    mock_sha256_t     sha;
    uint64_t          total;        /* bytes so far */
    unsigned          is_multipart:1;
    unsigned          is_hashed:1;
    unsigned          is_json:1;
    unsigned          bad:1;
} mock_body_t;


typedef enum {
    MOCK_GET = 0,
    MOCK_POST,
    MOCK_OTHER
} mock_method_e;


typedef struct {
    mock_method_e     method;
    char              path[MOCK_PATH];      /* less the prefix, no "?" */
    char              args[128];
    char              boundary[80];
    int64_t           length;       /* Content-Length, -1: none */
    size_t            head;         /* bytes of the head in the record */
    unsigned          minor:1;      /* HTTP/1.0 or 1.1 */
    unsigned          keep:1;
    unsigned          chunked:1;
    unsigned          expect:1;
    unsigned          multipart:1;
    unsigned          authorized:1;
    unsigned          foreign:1;    /* outside the prefix */
    unsigned          v1:1;         /* POST /v1/: in flight until done */
    unsigned          control:1;    /* /mock/ */
} mock_request_t;


typedef enum {
    MOCK_STATE_HEAD = 0,
    MOCK_STATE_BODY,
    MOCK_STATE_ANSWER,
    MOCK_STATE_LINGER               /* FIN sent, input thrown away */
} mock_state_e;


/* what epoll's pointer points to begins with this */

typedef struct {
    int               fd;
    unsigned          listening:1;
} mock_source_t;


struct mock_conn_s {
    mock_source_t     source;       /* fd -1: closed, freed after the batch */
    mock_node_t      *node;
    mock_conn_t      *prev;
    mock_conn_t      *next;

    mock_state_e      state;
    int64_t           active;       /* when it last did something */
    mock_timer_t      timer;

    mock_buf_t        in;           /* bytes not yet parsed */
    mock_buf_t        record;       /* the request's head and body */
    mock_request_t    request;
    int64_t           left;         /* of the body or the chunk */
    int               chunk;        /* state of the chunk parser */
    mock_body_t       body;

    mock_behave_t     own;          /* behave points here or to the node's */
    mock_behave_t    *behave;

    mock_answer_t    *answer;
    size_t            piece;
    size_t            sent;
    unsigned          waited:1;     /* the piece's wait is over */
    unsigned          readable:1;
    unsigned          pending:1;    /* "in" may hold a request */
    unsigned          unread:1;     /* answered before the body was read */
    unsigned          counted:1;    /* is in in_flight */
};


#define MOCK_CACHE  8

typedef struct {
    mock_answer_t    *answer;
    char              model[MOCK_TEXT];
    int               words;
    int               items;
    unsigned char     flags;
} mock_cached_t;


struct mock_node_s {
    mock_source_t     source;
    uint16_t          port;
    char              name[64];
    mock_timer_t      timer;        /* of "refuse" */
    mock_stats_t      stats;
    char             *models;       /* "a,b" */
    mock_behave_t     base;
    mock_rule_t      *rules;        /* MOCK_RULES of them, or NULL */
    size_t            nrules;
    mock_buf_t        last;         /* last POST /v1/ */
    mock_buf_t        last_other;
    char              user[MOCK_TEXT];
    mock_cached_t    *cache;        /* MOCK_CACHE of them, or NULL */
};


typedef struct {
    const char       *host;
    const char       *type;
    const char       *prefix;
    const char       *key;
    const char       *behave;
    const char       *models;
    const char       *name;
    const char       *pid_file;
    int               slots;        /* 0: not given */
    int               idle;         /* ms until an idle connection is closed */
    unsigned          strict_models:1;
    unsigned          quiet:1;
} mock_conf_t;


extern mock_conf_t   mock_conf;
extern mock_node_t  *mock_nodes;
extern size_t        mock_nnodes;
extern int64_t       mock_now;


/*
 * mock_buf.c.  Memory never runs out: the process ends instead.  What
 * mock_alloc() returns is zeroed and freed with free().
 */

void *mock_alloc(size_t size);
void *mock_grow(void *p, size_t size);
char *mock_strdup(const char *s);

void mock_buf_put(mock_buf_t *b, const char *p, size_t n);
void mock_buf_str(mock_buf_t *b, const char *s);
void mock_buf_num(mock_buf_t *b, uint64_t n);
void mock_buf_fmt(mock_buf_t *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* writes the bytes as the inside of a JSON string */
void mock_buf_json(mock_buf_t *b, const char *p, size_t n);

void mock_buf_base64(mock_buf_t *b, const unsigned char *p, size_t n);

/* takes n bytes off the front */
void mock_buf_shift(mock_buf_t *b, size_t n);

/* empties it; frees memory of more than keep bytes */
void mock_buf_clear(mock_buf_t *b, size_t keep);


/* mock_sha256.c: SHA-256 of FIPS 180-4 */

void mock_sha256_init(mock_sha256_t *s);
void mock_sha256_add(mock_sha256_t *s, const char *p, size_t n);
void mock_sha256_hex(mock_sha256_t *s, char hex[65]);


/*
 * mock_timer.c: a heap.  Setting a timer that is set moves it; a timer is
 * off when its handler runs.
 */

void mock_timer_set(mock_timer_t *t, int ms);
void mock_timer_off(mock_timer_t *t);
void mock_timer_run(void);

/* ms until the next one is due, at most max */
int mock_timer_next(int max);


/*
 * mock_loop.c
 */

/* opens the node's port (0: a free one is stored); MOCK_ERROR with errno */
int mock_listen(mock_node_t *node);

/* refuses connections for ms, closes the idle ones */
void mock_refuse(mock_node_t *node, int ms);

/* does not return */
void mock_loop(void);

/*
 * Closes the socket, by RST when reset is set; counts the request that was
 * under way as faulted or aborted.  The memory lives until the batch is over.
 */
void mock_conn_close(mock_conn_t *c, int reset, int fault);

/* the answer is out: ready for the next request */
void mock_conn_done(mock_conn_t *c);

/* sends FIN and waits for the peer's, so that it can read to the end */
void mock_conn_linger(mock_conn_t *c);


/*
 * mock_http.c: takes bytes of a request, returns how many it used.  After
 * that the state is MOCK_STATE_ANSWER when the request is complete (or can't
 * be), or more bytes are needed.
 */

size_t mock_http_feed(mock_conn_t *c, const char *p, size_t n);


/* mock_body.c, mock_json.c: any split of the bytes; bad is set when wrong */

void mock_body_start(mock_body_t *b, mock_request_t *r, int hashed);
void mock_body_feed(mock_body_t *b, const char *p, size_t n);
void mock_body_finish(mock_body_t *b);

void mock_json_start(mock_json_t *j, mock_said_t *said);
int mock_json_feed(mock_json_t *j, const char *p, size_t n);
int mock_json_finish(mock_json_t *j);


/*
 * mock_behave.c
 */

void mock_behave_init(mock_behave_t *b);

/*
 * Adds the directives to the rule, which holds the behaviour below them.
 * "models" and "refuse" are done to the node at once (NULL: not known here).
 * MOCK_ERROR: err (256 bytes) says why.
 */
int mock_behave_parse(mock_rule_t *rule, mock_node_t *node, const char *text,
    size_t len, char *err);

/* the body of /mock/set: one rule a line */
int mock_rules_set(mock_node_t *node, const char *text, size_t len, char *err);

/* the behaviour for a request by the node's rules; may use up one of them */
void mock_rules_apply(mock_node_t *node, mock_conn_t *c);

void mock_rules_clear(mock_node_t *node);


/* mock_route.c: gives the connection its answer, always */

void mock_route(mock_conn_t *c);

/* an error in OpenAI's shape, as the answer; param and code may be NULL */
void mock_error(mock_conn_t *c, int status, const char *type,
    const char *param, const char *code, const char *message);


/* mock_text.c: bodies into the draft */

typedef void (*mock_text_pt)(mock_draft_t *d, mock_conn_t *c);

void mock_text_error(mock_draft_t *d, int status, const char *type,
    const char *param, const char *code, const char *message);
void mock_text_chat(mock_draft_t *d, mock_conn_t *c);
void mock_text_completion(mock_draft_t *d, mock_conn_t *c);
void mock_text_embeddings(mock_draft_t *d, mock_conn_t *c);
void mock_text_responses(mock_draft_t *d, mock_conn_t *c);
void mock_text_rerank(mock_draft_t *d, mock_conn_t *c);
void mock_text_moderations(mock_draft_t *d, mock_conn_t *c);
void mock_text_transcription(mock_draft_t *d, mock_conn_t *c);
void mock_text_image(mock_draft_t *d, mock_conn_t *c);
void mock_text_speech(mock_draft_t *d, mock_conn_t *c);
void mock_text_echo(mock_draft_t *d, mock_conn_t *c);
void mock_text_request(mock_draft_t *d, mock_conn_t *c);
void mock_text_sha(mock_draft_t *d, mock_conn_t *c);


/* mock_control.c: the requests below /mock/ */

void mock_control(mock_conn_t *c);

/* keeps the request's bytes for /mock/last */
void mock_control_record(mock_conn_t *c);


/*
 * mock_answer.c
 */

/* the draft, emptied */
mock_draft_t *mock_draft(void);

/* an event (or the whole body) ends here; wait: ms before it is sent */
void mock_draft_mark(mock_draft_t *d, int wait);

/* frames the draft and spoils it as the connection's behaviour says */
void mock_answer_make(mock_conn_t *c, mock_draft_t *d);

/* a bare end without a byte: reset=before and such */
void mock_answer_none(mock_conn_t *c);

void mock_answer_free(mock_answer_t *a);

/*
 * The cache holds the answers of undisturbed requests; kind is the caller's
 * number below MOCK_CACHE / 2.  Returns 1 when the connection got its answer.
 */
int mock_cache_get(mock_conn_t *c, unsigned kind);
void mock_cache_put(mock_conn_t *c, unsigned kind);


/* mock_play.c: MOCK_OK when the answer is over, or MOCK_AGAIN */

int mock_play(mock_conn_t *c);


#endif /* MOCK_NODE_H_INCLUDED_ */
