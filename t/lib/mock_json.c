
/*
 * A strict scanner of JSON that keeps no tree: it checks the grammar, follows
 * the names of the first levels and picks out what an answer depends on.  It
 * stops at no split of the bytes and needs no more memory for a larger body.
 *
 * Strings are kept as they stand, with their escapes, so that a model's name
 * can be written into an answer unchanged.
 */


#include "mock_node.h"


/* states: what may come next */

#define MOCK_JSON_VALUE    0
#define MOCK_JSON_FIRST    1        /* the first value, or "]" */
#define MOCK_JSON_NAME1    2        /* the first name, or "}" */
#define MOCK_JSON_NAME     3
#define MOCK_JSON_COLON    4
#define MOCK_JSON_AFTER    5        /* "," or the end of object or array */
#define MOCK_JSON_STRING   6
#define MOCK_JSON_ESCAPE   7
#define MOCK_JSON_HEX      8
#define MOCK_JSON_LITERAL  9        /* a number, true, false, null */
#define MOCK_JSON_DONE     10


#define mock_json_white(ch)                                                   \
    ((ch) == ' ' || (ch) == '\n' || (ch) == '\r' || (ch) == '\t')


static int mock_json_byte(mock_json_t *j, int ch);
static int mock_json_within(mock_json_t *j, int ch);
static int mock_json_between(mock_json_t *j, int ch);
static int mock_json_value(mock_json_t *j, int ch);
static int mock_json_open(mock_json_t *j, int array);
static int mock_json_close(mock_json_t *j, int ch);
static size_t mock_json_run(mock_json_t *j, const char *p, size_t n);
static int mock_json_escape(mock_json_t *j, int ch);
static int mock_json_hex(mock_json_t *j, int ch);
static void mock_json_string(mock_json_t *j, int name);
static void mock_json_string_end(mock_json_t *j);
static int mock_json_literal_end(mock_json_t *j);
static int mock_json_counted(mock_json_t *j);
static int mock_json_turns(mock_json_t *j);
static mock_key_e mock_json_key(mock_json_t *j, int depth);
static mock_key_e mock_json_lookup(mock_json_t *j);


static const struct {
    const char  *name;
    mock_key_e   key;
} mock_json_keys[] = {
    { "model",            MOCK_KEY_MODEL },
    { "stream",           MOCK_KEY_STREAM },
    { "stream_options",   MOCK_KEY_STREAM_OPTIONS },
    { "include_usage",    MOCK_KEY_INCLUDE_USAGE },
    { "messages",         MOCK_KEY_MESSAGES },
    { "role",             MOCK_KEY_ROLE },
    { "content",          MOCK_KEY_CONTENT },
    { "text",             MOCK_KEY_TEXT },
    { "prompt",           MOCK_KEY_PROMPT },
    { "input",            MOCK_KEY_INPUT },
    { "documents",        MOCK_KEY_DOCUMENTS },
    { "query",            MOCK_KEY_QUERY },
    { "encoding_format",  MOCK_KEY_FORMAT },
    { NULL, MOCK_KEY_OTHER }
};


void
mock_json_start(mock_json_t *j, mock_said_t *said)
{
    j->said = said;
    j->state = MOCK_JSON_VALUE;
    j->depth = 0;
    j->len = 0;
    j->turn = 0;
    j->user = 0;
    j->text[0] = '\0';
    memset(j->key, 0, sizeof(j->key));
}


int
mock_json_feed(mock_json_t *j, const char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; /* void */ ) {

        if (j->state == MOCK_JSON_STRING) {
            i += mock_json_run(j, p + i, n - i);

            if (i == n) {
                break;
            }
        }

        if (mock_json_byte(j, (unsigned char) p[i++]) != MOCK_OK) {
            return MOCK_ERROR;
        }
    }

    return MOCK_OK;
}


int
mock_json_finish(mock_json_t *j)
{
    return j->state == MOCK_JSON_DONE ? MOCK_OK : MOCK_ERROR;
}


static int
mock_json_byte(mock_json_t *j, int ch)
{
    int  rc;

    if (j->state >= MOCK_JSON_STRING && j->state <= MOCK_JSON_LITERAL) {
        rc = mock_json_within(j, ch);

        if (rc != MOCK_AGAIN) {
            return rc;
        }
    }

    if (mock_json_white(ch)) {
        return MOCK_OK;
    }

    return mock_json_between(j, ch);
}


/* a byte of a token; MOCK_AGAIN: it ended a literal, but is no part of it */

static int
mock_json_within(mock_json_t *j, int ch)
{
    switch (j->state) {

    case MOCK_JSON_STRING:
        if (ch < 0x20) {
            return MOCK_ERROR;
        }

        if (ch == '\\') {
            j->state = MOCK_JSON_ESCAPE;

        } else {
            mock_json_string_end(j);
        }

        return MOCK_OK;

    case MOCK_JSON_ESCAPE:
        return mock_json_escape(j, ch);

    case MOCK_JSON_HEX:
        return mock_json_hex(j, ch);

    default: /* MOCK_JSON_LITERAL */
        if (!mock_json_white(ch) && ch != ',' && ch != '}' && ch != ']') {
            j->str[j->len++] = (char) ch;
            return j->len < 64 ? MOCK_OK : MOCK_ERROR;
        }

        return mock_json_literal_end(j) == MOCK_OK ? MOCK_AGAIN : MOCK_ERROR;
    }
}


static int
mock_json_between(mock_json_t *j, int ch)
{
    switch (j->state) {

    case MOCK_JSON_VALUE:
    case MOCK_JSON_FIRST:
        return mock_json_value(j, ch);

    case MOCK_JSON_NAME1:
    case MOCK_JSON_NAME:
        if (ch == '"') {
            mock_json_string(j, 1);
            return MOCK_OK;
        }

        return j->state == MOCK_JSON_NAME1 ? mock_json_close(j, ch)
                                           : MOCK_ERROR;

    case MOCK_JSON_COLON:
        j->state = MOCK_JSON_VALUE;
        return ch == ':' ? MOCK_OK : MOCK_ERROR;

    case MOCK_JSON_AFTER:
        if (ch == ',') {
            j->state = j->array[j->depth] ? MOCK_JSON_VALUE : MOCK_JSON_NAME;
            return MOCK_OK;
        }

        return mock_json_close(j, ch);

    default: /* MOCK_JSON_DONE */
        return MOCK_ERROR;
    }
}


static int
mock_json_value(mock_json_t *j, int ch)
{
    if (j->depth == 0) {
        return ch == '{' ? mock_json_open(j, 0) : MOCK_ERROR;
    }

    if (ch == ']' && j->state == MOCK_JSON_FIRST) {
        return mock_json_close(j, ch);
    }

    if (j->depth == 1 && mock_json_key(j, 1) == MOCK_KEY_STREAM_OPTIONS) {
        j->said->options = ch != 'n';
    }

    if (j->depth == 2 && mock_json_key(j, 1) == MOCK_KEY_DOCUMENTS) {
        j->said->items++;
    }

    switch (ch) {

    case '"':
        mock_json_string(j, 0);
        return MOCK_OK;

    case '{':
        return mock_json_open(j, 0);

    case '[':
        return mock_json_open(j, 1);

    case ',':
    case ':':
    case ']':
    case '}':
        return MOCK_ERROR;

    default:
        j->state = MOCK_JSON_LITERAL;
        j->str[0] = (char) ch;
        j->len = 1;
        return MOCK_OK;
    }
}


static int
mock_json_open(mock_json_t *j, int array)
{
    mock_key_e  key;

    if (j->depth + 1 == MOCK_DEPTH) {
        return MOCK_ERROR;
    }

    key = j->depth == 1 ? mock_json_key(j, 1) : MOCK_KEY_OTHER;

    if (array && (key == MOCK_KEY_PROMPT || key == MOCK_KEY_INPUT)) {
        j->said->words = 0;
        j->said->items = 0;
    }

    j->depth++;
    j->array[j->depth] = (unsigned char) array;

    if (j->depth < (int) sizeof(j->key)) {
        j->key[j->depth] = MOCK_KEY_OTHER;
    }

    j->state = array ? MOCK_JSON_FIRST : MOCK_JSON_NAME1;

    return MOCK_OK;
}


static int
mock_json_close(mock_json_t *j, int ch)
{
    if (ch != (j->array[j->depth] ? ']' : '}')) {
        return MOCK_ERROR;
    }

    if (j->depth == 3 && mock_json_turns(j)) {

        if (j->user) {
            j->said->words = j->turn;
            memcpy(j->said->user, j->text, MOCK_TEXT);
        }

        j->turn = 0;
        j->user = 0;
        j->text[0] = '\0';
    }

    j->depth--;
    j->state = j->depth ? MOCK_JSON_AFTER : MOCK_JSON_DONE;

    return MOCK_OK;
}


/* the plain bytes of a string, up to what mock_json_byte() must see */

static size_t
mock_json_run(mock_json_t *j, const char *p, size_t n)
{
    size_t         i, keep;
    unsigned char  ch;

    for (i = 0; i < n; i++) {
        ch = (unsigned char) p[i];

        if (ch == '"' || ch == '\\' || ch < 0x20) {
            break;
        }

        if (j->count) {
            j->words += j->space && ch != ' ';
            j->space = ch == ' ';
        }
    }

    keep = MOCK_TEXT - 16;
    keep = j->len < keep ? keep - j->len : 0;
    keep = i < keep ? i : keep;

    memcpy(j->str + j->len, p, keep);
    j->len += keep;

    return i;
}


static int
mock_json_escape(mock_json_t *j, int ch)
{
    if (strchr("\"\\/bfnrtu", ch) == NULL || ch == '\0') {
        return MOCK_ERROR;
    }

    if (j->len < MOCK_TEXT - 16) {
        j->str[j->len++] = '\\';
        j->str[j->len++] = (char) ch;
    }

    j->words += j->space;
    j->space = 0;
    j->hex = 4;
    j->state = ch == 'u' ? MOCK_JSON_HEX : MOCK_JSON_STRING;

    return MOCK_OK;
}


static int
mock_json_hex(mock_json_t *j, int ch)
{
    if (strchr("0123456789abcdefABCDEF", ch) == NULL || ch == '\0') {
        return MOCK_ERROR;
    }

    /* the room of an escape that began below the limit */

    if (j->len < MOCK_TEXT - 16 + 6) {
        j->str[j->len++] = (char) ch;
    }

    j->hex--;
    j->state = j->hex ? MOCK_JSON_HEX : MOCK_JSON_STRING;

    return MOCK_OK;
}


static void
mock_json_string(mock_json_t *j, int name)
{
    j->state = MOCK_JSON_STRING;
    j->len = 0;
    j->words = 0;
    j->space = 1;
    j->name = name != 0;
    j->count = !name && mock_json_counted(j);
}


static void
mock_json_string_end(mock_json_t *j)
{
    mock_key_e    key, last;
    mock_said_t  *said;

    said = j->said;

    /* a string that was cut must not end within a character */

    while (j->len >= MOCK_TEXT - 16 && j->str[j->len - 1] & 0x80) {
        j->len--;
    }

    j->str[j->len] = '\0';

    if (j->name) {
        if (j->depth < (int) sizeof(j->key)) {
            j->key[j->depth] = (unsigned char) mock_json_lookup(j);
        }

        j->state = MOCK_JSON_COLON;
        return;
    }

    j->state = MOCK_JSON_AFTER;
    key = mock_json_key(j, 1);
    last = mock_json_key(j, j->depth);

    if (j->depth == 1 && key == MOCK_KEY_MODEL) {
        memcpy(said->model, j->str, j->len + 1);

    } else if (j->depth == 1 && key == MOCK_KEY_FORMAT) {
        said->base64 = strcmp(j->str, "base64") == 0;

    } else if (j->depth == 3 && last == MOCK_KEY_ROLE && mock_json_turns(j)) {
        j->user = strcmp(j->str, "user") == 0;

    } else if (j->count && j->depth <= 2) {
        said->words = j->depth == 1 ? j->words : said->words + j->words;
        said->items += key != MOCK_KEY_QUERY;
        memcpy(said->user, j->str, j->len + 1);

    } else if (j->count) {
        j->turn += j->words;
        memcpy(j->text, j->str, j->len + 1);
    }
}


static int
mock_json_literal_end(mock_json_t *j)
{
    int     is_true;
    size_t  i;

    j->str[j->len] = '\0';
    is_true = strcmp(j->str, "true") == 0;

    if (!is_true && strcmp(j->str, "false") != 0
        && strcmp(j->str, "null") != 0)
    {
        for (i = 0; i < j->len; i++) {
            if (strchr("0123456789+-.eE", j->str[i]) == NULL) {
                return MOCK_ERROR;
            }
        }
    }

    if (j->depth == 1 && mock_json_key(j, 1) == MOCK_KEY_STREAM) {
        j->said->stream = is_true != 0;
    }

    if (j->depth == 2 && mock_json_key(j, 1) == MOCK_KEY_STREAM_OPTIONS
        && mock_json_key(j, 2) == MOCK_KEY_INCLUDE_USAGE)
    {
        j->said->usage = is_true != 0;
    }

    j->state = MOCK_JSON_AFTER;

    return MOCK_OK;
}


/* are the string's words part of what the user says? */

static int
mock_json_counted(mock_json_t *j)
{
    mock_key_e  key;

    key = mock_json_key(j, 1);

    switch (j->depth) {

    case 1:
        return key == MOCK_KEY_PROMPT || key == MOCK_KEY_INPUT
               || key == MOCK_KEY_QUERY;

    case 2:
        return j->array[2] && (key == MOCK_KEY_PROMPT || key == MOCK_KEY_INPUT);

    case 3:
        return mock_json_key(j, 3) == MOCK_KEY_CONTENT && mock_json_turns(j);

    case 5:
        return mock_json_key(j, 3) == MOCK_KEY_CONTENT
               && mock_json_key(j, 5) == MOCK_KEY_TEXT && mock_json_turns(j);

    default:
        return 0;
    }
}


/* are we in the list of messages? */

static int
mock_json_turns(mock_json_t *j)
{
    mock_key_e  key;

    key = mock_json_key(j, 1);

    return (key == MOCK_KEY_MESSAGES || key == MOCK_KEY_INPUT) && j->array[2]
           && !j->array[3];
}


static mock_key_e
mock_json_key(mock_json_t *j, int depth)
{
    return depth < (int) sizeof(j->key) ? (mock_key_e) j->key[depth]
                                        : MOCK_KEY_OTHER;
}


static mock_key_e
mock_json_lookup(mock_json_t *j)
{
    size_t  i;

    for (i = 0; mock_json_keys[i].name; i++) {
        if (strcmp(mock_json_keys[i].name, j->str) == 0) {
            return mock_json_keys[i].key;
        }
    }

    return MOCK_KEY_OTHER;
}
