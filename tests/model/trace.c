/*
 * trace.c - shows a run to a reader, and the main program that most checks share.
 *
 * A trace line is one operation: thread, what it did, to what, which value, and where in the source
 * that stands.  "2 stores old" marks a load that read something stale, which is where the eye
 * should go first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

enum { PRINTED_EVENTS = 400 }; /* a livelock has thousands, all alike */

struct event *trace_add(enum op_kind kind, int location, const struct model_site *site)
{
    struct event *event = &engine.events[engine.event_count];

    if (engine.event_count + 1 == MAX_STEPS)
        explore_violation("livelock: more than %d operations in one run", MAX_STEPS);
    engine.event_count++;
    *event = (struct event){
        .kind = kind, .actor = (uint8_t)engine.current, .location = location, .site = site};
    return event;
}

static const char *order_name(int order)
{
    switch (order) {
    case __ATOMIC_RELAXED:
        return "relaxed";
    case __ATOMIC_ACQUIRE:
        return "acquire";
    case __ATOMIC_RELEASE:
        return "release";
    case __ATOMIC_ACQ_REL:
        return "acq_rel";
    default:
        return "seq_cst";
    }
}

/* The text of the first access names the location; a number tells namesakes apart. */
static void print_location(int index)
{
    const struct location *location = memory_at(index);
    const char *text = location->site->text;

    printf("%s #%d", text[0] == '&' ? text + 1 : text, index);
}

static void print_age(const struct event *event)
{
    if (event->age != 0)
        printf("  (%u store%s old)", event->age, event->age == 1 ? "" : "s");
}

static void print_access(const struct event *event)
{
    static const char *const names[] = {[OP_LOAD] = "load",
                                        [OP_STORE] = "store",
                                        [OP_RMW] = "rmw",
                                        [OP_CAS] = "cas",
                                        [OP_CAS_FAILED] = "cas fails"};

    printf("%s %s ", names[event->kind], order_name(event->order));
    print_location(event->location);
    if (event->kind == OP_LOAD || event->kind == OP_CAS_FAILED)
        printf(" = %#" PRIx64, event->before);
    else if (event->kind == OP_STORE)
        printf(" <- %#" PRIx64, event->after);
    else
        printf(" %#" PRIx64 " -> %#" PRIx64, event->before, event->after);
    if (event->kind == OP_STORE && event->age != 0)
        printf("  (before %u that ran earlier)", event->age);
    else
        print_age(event);
}

static void print_other(const struct event *event)
{
    const char *text = event->site->text;

    switch (event->kind) {
    case OP_FENCE:
        printf("fence %s", order_name(event->order));
        break;
    case OP_PLAIN_READ:
        printf("read %s", text);
        break;
    case OP_PLAIN_WRITE:
        printf("write %s", text);
        break;
    case OP_FREE:
        printf("free %s", text);
        break;
    case OP_EVENT_SET:
        printf("set %s", text);
        break;
    case OP_EVENT_WAIT:
        printf("woken by %s", text);
        break;
    case OP_FUTEX_WAIT:
        printf("futex wait on %s: is %#" PRIx64 ", expected %#" PRIx64, text, event->before,
               event->after);
        break;
    case OP_FUTEX_SLEEP:
        printf("woken on futex %s", text);
        break;
    case OP_FUTEX_WAKE:
        printf("futex wake %" PRIu64 " on %s", event->after, text);
        break;
    case OP_LOCK:
        printf("lock %s", text);
        break;
    case OP_UNLOCK:
        printf("unlock %s", text);
        break;
    case OP_CHOOSE:
        printf("choose %" PRIu64, event->after);
        break;
    default:
        printf("%s", text);
        break;
    }
}

static void print_event(const struct event *event)
{
    const char *file = strrchr(event->site->file, '/');

    if (event->actor == MAIN)
        printf("  main  ");
    else
        printf("  T%-4u ", event->actor);
    if (event->kind >= OP_LOAD && event->kind <= OP_CAS_FAILED)
        print_access(event);
    else
        print_other(event);
    if (event->kind != OP_END)
        printf("   %s:%d", file == NULL ? event->site->file : file + 1, event->site->line);
    printf("\n");
}

void model_print_trace(void)
{
    for (unsigned i = 0; i < engine.event_count; i++) {
        if (i == PRINTED_EVENTS / 2 && engine.event_count > PRINTED_EVENTS) {
            printf("  ... %u operations not shown\n", engine.event_count - PRINTED_EVENTS);
            i = engine.event_count - PRINTED_EVENTS / 2;
        }
        print_event(&engine.events[i]);
    }
    if (engine.what[0] != '\0')
        printf("  => %s\n", engine.what);
}

int model_main(const struct model_check *checks, size_t count, int argc, char **argv)
{
    size_t passed = 0;

    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && strcmp(argv[1], checks[i].name) != 0)
            continue;
        struct model_result result = model_explore(&checks[i]);

        printf("%-44s %s: %" PRIu64 " executions, %" PRIu64 " states, depth %u, %.2f s\n",
               checks[i].name, result.verdict == MODEL_PASSED ? "ok" : "FAILED", result.executions,
               result.states, result.depth, result.seconds);
        if (result.verdict == MODEL_VIOLATED) {
            printf("%s\n", result.what);
            model_print_trace();
            return MODEL_EXIT_VIOLATED;
        }
        if (result.verdict == MODEL_CUT) {
            printf("%s: this proves nothing\n", result.what);
            return MODEL_EXIT_CUT;
        }
        passed++;
        fflush(stdout);
    }
    printf("%zu passed, 0 failed\n", passed);
    return passed == 0 ? MODEL_EXIT_USAGE : MODEL_EXIT_PASSED;
}
