/*
 * sim_test.c - a test's hand on the simulated network: faults, holding, breaking, figures.
 */
#include <errno.h>
#include <stdlib.h>

#include "io/net.h"
#include "io/sim_end.h"

void wok_test_net_set_faults(const wok_test_net_faults *faults)
{
    wok__lock_take(&wok__sim.lock);
    wok__sim.faults = faults != NULL ? *faults : (wok_test_net_faults){.capacity = 0};
    wok__lock_give(&wok__sim.lock);
}

void wok_test_net_figures_get(wok_test_net_figures *ret_figures)
{
    wok__lock_take(&wok__sim.lock);
    *ret_figures = wok__sim.figures;
    wok__lock_give(&wok__sim.lock);
}

/* ---- one end --------------------------------------------------------------------------------- */

void wok__sim_hold(int fd)
{
    wok__lock_take(&wok__sim.lock);
    wok__sim_find(fd)->held = true;
    wok__lock_give(&wok__sim.lock);
}

void wok__sim_release(int fd, size_t size)
{
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(fd);
    if (size == SIZE_MAX)
        end->held = false;
    wok__sim_show(end, size);
    wok__lock_give(&wok__sim.lock);
}

void wok__sim_reset(int fd)
{
    wok__lock_take(&wok__sim.lock);
    wok__sim_break(wok__sim_find(fd));
    wok__lock_give(&wok__sim.lock);
}

int wok__sim_peer(int fd)
{
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(fd);
    int peer = end->peer != NULL ? end->peer->fd : -ENOTCONN;
    wok__lock_give(&wok__sim.lock);
    return peer;
}

/* ---- one stream ------------------------------------------------------------------------------ */

static bool is_simulated(const wok_stream *stream)
{
    return stream != NULL && stream->io.driver->ops == &wok__sim_ops;
}

int wok_test_net_set_stream_faults(wok_stream *stream, const wok_test_net_faults *faults)
{
    wok_test_net_faults *own = NULL;

    if (!is_simulated(stream))
        return -EINVAL;
    if (faults != NULL) {
        own = malloc(sizeof *own);
        if (own == NULL)
            return -ENOMEM;
        *own = *faults;
    }
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(stream->io.fd);
    wok_test_net_faults *before = end->own;
    end->own = own;
    wok__lock_give(&wok__sim.lock);
    free(before);
    return 0;
}

int wok_test_net_hold(wok_stream *stream)
{
    if (!is_simulated(stream))
        return -EINVAL;
    wok__sim_hold(stream->io.fd);
    return 0;
}

int wok_test_net_release(wok_stream *stream, size_t size)
{
    if (!is_simulated(stream))
        return -EINVAL;
    wok__sim_release(stream->io.fd, size);
    return 0;
}

int wok_test_net_break(wok_stream *stream)
{
    if (!is_simulated(stream))
        return -EINVAL;
    wok__sim_reset(stream->io.fd);
    return 0;
}
