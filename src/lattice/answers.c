#include "lattice/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/encoding.h"

/* A longer answer than this is made for each question; no server takes it by default. */
#define KEPT_BYTES ((size_t)1024 * 1024)

static size_t write_body(const void *unused, const struct wkv_error *error, char *out)
{
    (void)unused;
    return wkv_error_body(WKV_JSON, error, out);
}

static void reply_text(struct wkv_loop *loop, natsMsg *message, const char *text, size_t len)
{
    struct wkv_error error;
    if (len <= wkv_loop_max_payload(loop) && wkv_loop_reply(loop, message, text, len))
        return;
    (void)wkv_fail(&error, WKV_TOO_LARGE, "%s: the answer has %zu bytes and the server's max_payload is %zu",
                   natsMsg_GetSubject(message), len, wkv_loop_max_payload(loop));
    wkv_log_warn(loop->options.log, "%s: %s", loop->name, error.text);
    (void)wkv_loop_reply_error(loop, message, &error, write_body, NULL, NULL);
}

void wkv_answers_destroy(struct wkv_answers *answers)
{
    while (answers->count > 0)
        free(answers->kept[--answers->count].text);
}

bool wkv_answers_again(struct wkv_answers *answers, natsMsg *message, const char *what)
{
    if (answers->turn != answers->loop->intake.reads)
        wkv_answers_destroy(answers);
    answers->turn = answers->loop->intake.reads;
    answers->is_cut = false;
    bool any = false;
    for (size_t i = 0; i < answers->count; i++) {
        const struct wkv_kept_answer *kept = &answers->kept[i];
        if (strcmp(kept->what, what) != 0)
            continue;
        reply_text(answers->loop, message, kept->text, kept->len);
        any = true;
    }
    return any;
}

/* Takes the text over. An answer of several messages is kept whole or not at all: those that were kept stand
 * together, at the end. */
static void keep(struct wkv_answers *answers, const char *what, char *text, size_t len)
{
    if (!answers->is_cut && text != NULL && len <= KEPT_BYTES && answers->count < WKV_KEPT_ANSWERS) {
        struct wkv_kept_answer *kept = &answers->kept[answers->count++];
        (void)snprintf(kept->what, sizeof kept->what, "%s", what);
        kept->text = text;
        kept->len = len;
        return;
    }
    free(text);
    answers->is_cut = true;
    while (answers->count > 0 && strcmp(answers->kept[answers->count - 1].what, what) == 0)
        free(answers->kept[--answers->count].text);
}

void wkv_answers_give(struct wkv_answers *answers, natsMsg *message, const char *what, json_t *document)
{
    char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    json_decref(document);
    size_t len = text == NULL ? 0 : strlen(text);
    if (text != NULL)
        reply_text(answers->loop, message, text, len);
    keep(answers, what, text, len);
}
