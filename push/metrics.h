/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - what is counted, for Prometheus and for people.
 *
 * Soketi's series under their own names and labels, so that dashboards go on
 * working, and ours beside them. A label never carries what a client has sent.
 *
 * Counters belong to the loops that write them; reading adds them up without
 * stopping anybody.
 */
#ifndef PUSH_METRICS_H
#define PUSH_METRICS_H

#include "conn.h"
#include "text.h"

/** All series in Prometheus' text format. */
void push_metrics_text(push_text_t *out);

/** The same as JSON, in the shape of Soketi's /metrics?json=1. */
void push_metrics_json(push_text_t *out);

/** What the transport calls for the listener of metrics. */
void push_metrics_protocol(push_protocol_t *proto);

#endif
