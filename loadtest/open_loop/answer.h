/*
 * answer.h - where an answer ends, and what it says: as much of HTTP/1.1 as wok-server's answers need.
 *
 * A status line, header lines, a Content-Length.  Anything else (chunks, a body until the close) is no
 * answer that this generator can count, and an error.
 */
#ifndef WOK_LOADTEST_ANSWER_H
#define WOK_LOADTEST_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { ANSWER_LINE_MAX = 1024 };

struct answer {
    char line[ANSWER_LINE_MAX]; /* the header line being received */
    uint32_t line_size;
    bool in_body, has_status, has_length;
    bool closes; /* Connection: close */
    int status;
    uint64_t body_left;
};

enum answer_state { ANSWER_MORE, ANSWER_DONE, ANSWER_BAD };

static inline bool answer_is(const char *line, const char *name, const char **ret_value)
{
    size_t size = strlen(name);

    if (strncasecmp(line, name, size) != 0 || line[size] != ':')
        return false;
    *ret_value = line + size + 1 + strspn(line + size + 1, " ");
    return true;
}

/* One line without its end.  False: it makes no sense. */
static inline bool answer_line(struct answer *answer, const char *line)
{
    const char *value;

    if (!answer->has_status) {
        if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12)
            return false;
        answer->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
        answer->has_status = true;
        return answer->status >= 200 && answer->status <= 599;
    }
    if (answer_is(line, "Content-Length", &value)) {
        answer->has_length = *value >= '0' && *value <= '9';
        answer->body_left = 0;
        for (; *value >= '0' && *value <= '9'; value++)
            answer->body_left = answer->body_left * 10 + (uint64_t)(*value - '0');
    } else if (answer_is(line, "Connection", &value)) {
        answer->closes = strncasecmp(value, "close", 5) == 0;
    }
    return true;
}

/* Takes bytes as they come; `*ret_taken` of them belong to this answer. */
static inline enum answer_state answer_feed(struct answer *answer, const char *bytes, size_t size,
                                            size_t *ret_taken)
{
    size_t at = 0;

    while (at < size && !answer->in_body) {
        const char *end = memchr(bytes + at, '\n', size - at);
        size_t piece = end != NULL ? (size_t)(end - bytes) - at : size - at;
        if (answer->line_size + piece >= ANSWER_LINE_MAX)
            return ANSWER_BAD;
        memcpy(answer->line + answer->line_size, bytes + at, piece);
        answer->line_size += (uint32_t)piece;
        at += piece + (end != NULL);
        if (end == NULL)
            break;
        if (answer->line_size > 0 && answer->line[answer->line_size - 1] == '\r')
            answer->line_size--;
        answer->line[answer->line_size] = '\0';
        if (answer->line_size == 0) {
            if (!answer->has_status || !answer->has_length)
                return ANSWER_BAD;
            answer->in_body = true;
        } else if (!answer_line(answer, answer->line)) {
            return ANSWER_BAD;
        }
        answer->line_size = 0;
    }
    if (answer->in_body) {
        size_t body = size - at < answer->body_left ? size - at : (size_t)answer->body_left;
        answer->body_left -= body;
        at += body;
    }
    *ret_taken = at;
    return answer->in_body && answer->body_left == 0 ? ANSWER_DONE : ANSWER_MORE;
}

static inline void answer_reset(struct answer *answer)
{
    answer->line_size = 0;
    answer->in_body = answer->has_status = answer->has_length = answer->closes = false;
    answer->status = 0;
    answer->body_left = 0;
}

#endif
