/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub.c - channels and who listens, see hub.h.
 *
 * From top to bottom: a client's subscriptions, a loop's channels, delivering,
 * counts of subscribers, joining and leaving, publishing, the backlog, and
 * asking.
 */
#include "hub.h"
#include "directory.h"
#include "pusher.h"
#include "webhook.h"

#include <stdlib.h>
#include <string.h>

#define INTEREST (1u << 16) /* slots of a loop's counter table */
#define SUBS_FIRST 4        /* slots of a client's table at first */

/* One subscriber of a channel on this loop. */
typedef struct {
    push_subscriber_t *client;
    apr_uint32_t slot;  /* in the client: 0 is `one`, i + 1 is more[i] */
    apr_uint32_t names; /* that it used: OWN, ALIAS or both */
} listener_t;

#define OWN 1u   /* the name under which the channel is kept */
#define ALIAS 2u /* `private.` where that is `private-` */

struct push_channel_t {
    push_channel_t *next; /* in its chain */
    push_entry_t *entry;  /* held: we are why it exists */
    apr_uint32_t n;
    apr_uint32_t room; /* of `many`; 0: the only one is `one` */
    union {
        listener_t one;
        listener_t *many;
    } who;
};

/* An event kept for whoever joins its channel soon after the start. */
typedef struct kept_t {
    struct kept_t *next;  /* in its chain, oldest first */
    struct kept_t *later; /* the one kept after it, in any chain */
    push_app_t *app;
    push_frame_t *frame; /* a reference; loops share it */
    apr_uint32_t hash;
    apr_uint32_t name_at;
    apr_uint32_t name_len;
} kept_t;

#define BACKLOG_CHAINS 1024
#define BACKLOG_MOST 100000 /* events kept by a loop */
#define BACKLOG_BYTES                                                          \
    (64 * 1024 * 1024) /* of their frames, which loops share; what compressed  \
                          twins they get comes on top */

/* A loop's own list of them, all zero is empty. */
typedef struct {
    kept_t **chains; /* BACKLOG_CHAINS of them */
    kept_t **tails;
    kept_t *oldest; /* NULL: empty */
    kept_t *newest;
    apr_size_t bytes;
    apr_uint32_t n;
} backlog_t;

struct push_hub_t {
    push_hubs_t *hubs;
    push_loop_t *loop;
    int index;
    push_channel_t **chains;
    apr_uint32_t n;
    apr_uint32_t room;          /* of chains, a power of two */
    apr_uint32_t subscriptions; /* atomic: of all clients of this loop */
    apr_uint32_t *interest; /* atomic: channels here by hash, INTEREST slots */
    apr_size_t waiting;     /* atomic: bytes of deliveries not run yet */
    backlog_t backlog;      /* emptied when replay_until has passed */
    push_histogram_t latency; /* of events, from their arrival to the last
                                 subscriber here */
};

struct push_hubs_t {
    int n;
    int aliases;
    push_hub_t *list;
    apr_uint32_t replay_until; /* monotonic second; set before loops run */
    push_directory_t directory;
};

/* --- a client's subscriptions --- */

static apr_uint32_t home_of(const push_channel_t *ch, apr_uint32_t room)
{
    apr_uint64_t h = (apr_uintptr_t)ch * 0x9e3779b97f4a7c15u;

    return (apr_uint32_t)(h >> 32) & (room - 1);
}

static listener_t *listeners(push_channel_t *ch)
{
    return ch->room ? ch->who.many : &ch->who.one;
}

static push_subscription_t *subs_find(push_subscriptions_t *s,
                                      const push_channel_t *ch)
{
    apr_uint32_t i;

    if (s->one.channel == ch) {
        return &s->one;
    }
    if (s->room == 0) {
        return NULL;
    }
    for (i = home_of(ch, s->room); s->more[i].channel != NULL;
         i = (i + 1) & (s->room - 1)) {
        if (s->more[i].channel == ch) {
            return &s->more[i];
        }
    }
    return NULL;
}

/* Put a subscription into the table and tell its channel where it is. */
static push_subscription_t *subs_place(push_subscriptions_t *s,
                                       const push_subscription_t *sub)
{
    apr_uint32_t i = home_of(sub->channel, s->room);

    while (s->more[i].channel != NULL) {
        i = (i + 1) & (s->room - 1);
    }
    s->more[i] = *sub;
    listeners(sub->channel)[sub->index].slot = i + 1;
    return &s->more[i];
}

static void subs_grow(push_subscriptions_t *s)
{
    push_subscription_t *old = s->more;
    apr_uint32_t n = s->room;
    apr_uint32_t i;

    s->room = n ? n * 2 : SUBS_FIRST;
    s->more = push_must(calloc(s->room, sizeof(*s->more)));
    for (i = 0; i < n; i++) {
        if (old[i].channel != NULL) {
            subs_place(s, &old[i]);
        }
    }
    free(old);
}

static push_subscription_t *subs_add(push_subscriptions_t *s,
                                     const push_subscription_t *sub)
{
    s->n++;
    if (s->one.channel == NULL) {
        s->one = *sub;
        listeners(sub->channel)[sub->index].slot = 0;
        return &s->one;
    }
    if (s->n * 4 > s->room * 3) {
        subs_grow(s);
    }
    return subs_place(s, sub);
}

/* Linear probing without marks for the deleted: whatever stood behind the hole
 * because its home was taken moves up. */
static void subs_close_hole(push_subscriptions_t *s, apr_uint32_t hole)
{
    apr_uint32_t mask = s->room - 1;
    apr_uint32_t i = hole;
    apr_uint32_t home;

    for (;;) {
        i = (i + 1) & mask;
        if (s->more[i].channel == NULL) {
            break;
        }
        home = home_of(s->more[i].channel, s->room);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            s->more[hole] = s->more[i];
            listeners(s->more[hole].channel)[s->more[hole].index].slot = hole +
                                                                         1;
            hole = i;
        }
    }
    memset(&s->more[hole], 0, sizeof(s->more[hole]));
}

static void subs_remove(push_subscriptions_t *s, push_subscription_t *sub)
{
    s->n--;
    if (sub == &s->one) {
        memset(sub, 0, sizeof(*sub));
    }
    else {
        subs_close_hole(s, (apr_uint32_t)(sub - s->more));
    }
    if (s->n == 0 && s->room > 0) {
        free(s->more);
        s->more = NULL;
        s->room = 0;
    }
}

/* --- a loop's channels --- */

static push_channel_t *channel_find(push_hub_t *hub, const push_name_t *name)
{
    const push_directory_t *d = &hub->hubs->directory;
    push_channel_t *ch = hub->chains[name->hash & (hub->room - 1)];

    while (ch != NULL && !push_entry_is(d, ch->entry, name)) {
        ch = ch->next;
    }
    return ch;
}

static void hub_resize(push_hub_t *hub, apr_uint32_t room)
{
    push_channel_t **chains = push_must(calloc(room, sizeof(*chains)));
    push_channel_t *ch, *next;
    apr_uint32_t i;

    for (i = 0; i < hub->room; i++) {
        for (ch = hub->chains[i]; ch != NULL; ch = next) {
            next = ch->next;
            ch->next = chains[ch->entry->hash & (room - 1)];
            chains[ch->entry->hash & (room - 1)] = ch;
        }
    }
    free(hub->chains);
    hub->chains = chains;
    hub->room = room;
}

static apr_uint32_t *interest_of(push_hub_t *hub, apr_uint32_t hash)
{
    return &hub->interest[hash & (INTEREST - 1)];
}

static push_channel_t *channel_create(push_hub_t *hub, push_entry_t *e)
{
    push_channel_t *ch = push_must(calloc(1, sizeof(*ch)));
    push_channel_t **head;

    if (hub->n >= hub->room) {
        hub_resize(hub, hub->room * 2);
    }
    ch->entry = e;
    head = &hub->chains[e->hash & (hub->room - 1)];
    ch->next = *head;
    *head = ch;
    hub->n++;
    __atomic_add_fetch(interest_of(hub, e->hash), 1, __ATOMIC_SEQ_CST);
    return ch;
}

static void channel_destroy(push_hub_t *hub, push_channel_t *ch)
{
    push_channel_t **link = &hub->chains[ch->entry->hash & (hub->room - 1)];

    while (*link != ch) {
        link = &(*link)->next;
    }
    *link = ch->next;
    hub->n--;
    __atomic_sub_fetch(interest_of(hub, ch->entry->hash), 1, __ATOMIC_SEQ_CST);
    if (ch->room) {
        free(ch->who.many);
    }
    free(ch);
}

static apr_uint32_t channel_add(push_channel_t *ch, push_subscriber_t *client,
                                apr_uint32_t names)
{
    listener_t *list;

    if (ch->n == 1 && ch->room == 0) {
        list = push_must(malloc(2 * sizeof(*list)));
        list[0] = ch->who.one;
        ch->who.many = list;
        ch->room = 2;
    }
    else if (ch->room > 0 && ch->n == ch->room) {
        ch->room *= 2;
        ch->who.many = push_must(
            realloc(ch->who.many, ch->room * sizeof(*list)));
    }
    list = &listeners(ch)[ch->n];
    list->client = client;
    list->names = names;
    return ch->n++;
}

static apr_uint32_t name_bit(const push_name_t *name)
{
    return name->alias ? ALIAS : OWN;
}

static listener_t *listener_of(const push_subscription_t *sub)
{
    return &listeners(sub->channel)[sub->index];
}

/* Where a listener's client keeps its subscription. */
static push_subscription_t *sub_of(const listener_t *l)
{
    push_subscriptions_t *s = &l->client->subs;

    return l->slot == 0 ? &s->one : &s->more[l->slot - 1];
}

/* The last listener takes the place of the one that leaves. An array that has
 * become four times too large shrinks. */
static void channel_remove(push_channel_t *ch, apr_uint32_t index)
{
    listener_t *list = listeners(ch);

    ch->n--;
    if (index != ch->n) {
        list[index] = list[ch->n];
        sub_of(&list[index])->index = index;
    }
    if (ch->room > 8 && ch->n * 4 < ch->room) {
        ch->room /= 2;
        ch->who.many = push_must(
            realloc(ch->who.many, ch->room * sizeof(*list)));
    }
}

/* --- delivering --- */

/* What a loop is to deliver, as a task. */
typedef struct {
    push_task_t task;
    push_hub_t *hub;
    push_app_t *app;
    push_frame_t *frame; /* a reference */
    apr_uint64_t except;
    apr_uint32_t hash;
    apr_uint32_t name_at; /* 0: the name is not in the frame but behind this */
    apr_uint32_t name_len;
    apr_uint64_t number; /* 0: not numbered */
    int keep;            /* also in the loop's backlog */
    apr_uint64_t born;   /* monotonic microseconds it arrived; 0: no event of
                            a publisher */
} delivery_t;

/* The same event under the name of the alias, which differs in one byte. */
static push_frame_t *alias_frame(const push_frame_t *f, apr_uint32_t name_at)
{
    push_frame_t *copy = push_frame_create(f->len);

    memcpy(copy->data, f->data, f->len);
    copy->data[name_at + sizeof("private") - 1] = '.';
    return copy;
}

/* What is kept of a number wraps; the distance tells what is older. */
static int known(const push_subscription_t *sub, apr_uint64_t number)
{
    const apr_uint64_t mask = ((apr_uint64_t)1 << PUSH_NUMBER_BITS) - 1;

    return ((sub->after - number) & mask) <= mask / 2;
}

/* Whether an event is for a listener. */
static int is_wanted(const listener_t *l, apr_uint64_t except,
                     apr_uint64_t number)
{
    return (except == 0 || l->client->number != except) &&
           (number == 0 || !known(sub_of(l), number));
}

/* Under each name that a listener used. */
static void deliver(push_hub_t *hub, push_channel_t *ch, push_frame_t *frame,
                    apr_uint32_t name_at, apr_uint64_t except,
                    apr_uint64_t number)
{
    listener_t *list = listeners(ch);
    push_frame_t *alias = NULL;
    push_traffic_t *traffic = push_app_traffic(ch->entry->app, hub->index);
    push_conns_t *many = NULL; /* small channels are not worth a batch */
    apr_uint32_t both = 0;     /* who used both names */
    apr_uint32_t sent = 0;
    apr_uint32_t i;

    if (ch->n >= PUSH_CONNS_BATCH) {
        many = push_conn_all(push_conn_of(list[0].client));
        push_conns_batch_begin(many);
    }
    for (i = 0; i < ch->n; i++) {
        if (!is_wanted(&list[i], except, number)) {
            continue;
        }
        if ((list[i].names & ALIAS) && alias == NULL) {
            alias = alias_frame(frame, name_at);
        }
        push_conn_send(push_conn_of(list[i].client),
                       list[i].names & OWN ? frame : alias);
        both += list[i].names == (OWN | ALIAS);
        sent++;
    }
    if (many != NULL) {
        push_conns_batch_end(many);
    }
    /* A batch holds one frame for each connection: the second ones go now. */
    for (i = 0; i < ch->n && both > 0; i++) {
        if (list[i].names == (OWN | ALIAS) &&
            is_wanted(&list[i], except, number)) {
            push_conn_send(push_conn_of(list[i].client), alias);
            sent++;
            both--;
        }
    }
    push_count(&traffic->messages_out, sent);
    push_count(&traffic->bytes_out, (apr_uint64_t)sent * frame->len);
    if (alias != NULL) {
        push_frame_release(alias);
    }
}

/* The oldest of all is the first of its chain. */
static void backlog_drop(backlog_t *b)
{
    kept_t *kept = b->oldest;
    apr_uint32_t chain = kept->hash & (BACKLOG_CHAINS - 1);

    b->chains[chain] = kept->next;
    if (kept->next == NULL) {
        b->tails[chain] = NULL;
    }
    b->oldest = kept->later;
    b->n--;
    b->bytes -= kept->frame->len;
    push_frame_release(kept->frame);
    free(kept);
}

/* Keep an event for who comes later. On the hub's loop, or before it runs. */
static void backlog_add(push_hub_t *hub, push_app_t *app, apr_uint32_t hash,
                        push_frame_t *frame, apr_uint32_t name_at,
                        apr_uint32_t name_len)
{
    backlog_t *b = &hub->backlog;
    apr_uint32_t chain = hash & (BACKLOG_CHAINS - 1);
    kept_t *kept;

    while (b->n > 0 &&
           (b->n == BACKLOG_MOST || b->bytes + frame->len > BACKLOG_BYTES)) {
        backlog_drop(b);
    }
    if (b->chains == NULL) {
        b->chains = push_must(calloc(BACKLOG_CHAINS, sizeof(kept_t *)));
        b->tails = push_must(calloc(BACKLOG_CHAINS, sizeof(kept_t *)));
    }
    kept = push_must(malloc(sizeof(*kept)));
    push_frame_retain(frame);
    kept->next = NULL;
    kept->later = NULL;
    kept->app = app;
    kept->frame = frame;
    kept->hash = hash;
    kept->name_at = name_at;
    kept->name_len = name_len;
    *(b->tails[chain] ? &b->tails[chain]->next : &b->chains[chain]) = kept;
    b->tails[chain] = kept;
    *(b->oldest ? &b->newest->later : &b->oldest) = kept;
    b->newest = kept;
    b->bytes += frame->len;
    b->n++;
}

/* One reading of the clock for each event and loop. */
static void latency_note(push_hub_t *hub, const push_app_t *app,
                         apr_uint64_t born)
{
    if (born != 0 && !app->hidden) {
        push_histogram_add(&hub->latency, push_micros() - born);
    }
}

/* What a delivery takes until it is run. Loops share a frame: it may be counted
 * by each. */
static apr_size_t delivery_size(const delivery_t *job)
{
    return sizeof(*job) + (job->name_at > 0 ? 0 : job->name_len) +
           job->frame->len;
}

static void run_delivery(push_loop_t *loop, push_task_t *task)
{
    delivery_t *job = (delivery_t *)(void *)task;
    push_name_t name = { job->app,
                         job->name_at > 0
                             ? (const char *)job->frame->data + job->name_at
                             : (const char *)(job + 1),
                         job->name_len,
                         job->hash,
                         0,
                         0,
                         0 };
    push_channel_t *ch = channel_find(job->hub, &name);

    __atomic_sub_fetch(&job->hub->waiting, delivery_size(job),
                       __ATOMIC_RELAXED);
    if (job->keep && push_loop_seconds(loop) <= job->hub->hubs->replay_until) {
        backlog_add(job->hub, job->app, job->hash, job->frame, job->name_at,
                    job->name_len);
    }
    if (ch != NULL) {
        deliver(job->hub, ch, job->frame, job->name_at, job->except,
                job->number);
        latency_note(job->hub, job->app, job->born);
    }
    push_frame_release(job->frame);
    free(job);
}

/* The frame holds the channel's canonical name at name_at; where it does not,
 * that is 0 and `name` is copied. */
static void post(push_hub_t *hub, push_app_t *app, apr_uint32_t hash,
                 const char *name, apr_size_t name_len, push_frame_t *frame,
                 apr_uint32_t name_at, apr_uint64_t except, apr_uint64_t number,
                 int keep, apr_uint64_t born)
{
    apr_size_t copied = name_at > 0 ? 0 : name_len;
    delivery_t *job = push_must(malloc(sizeof(*job) + copied));

    memcpy(job + 1, name, copied);
    push_frame_retain(frame);
    job->task.run = run_delivery;
    job->hub = hub;
    job->app = app;
    job->frame = frame;
    job->except = except;
    job->hash = hash;
    job->name_at = name_at;
    job->name_len = (apr_uint32_t)name_len;
    job->number = number;
    job->keep = keep;
    job->born = born;
    __atomic_add_fetch(&hub->waiting, delivery_size(job), __ATOMIC_RELAXED);
    push_loop_post(hub->loop, &job->task);
}

/* A numbered event goes to every loop with subscribers by task, ours too, and
 * under the shard's mutex: so all see it in the order of its number. */
static void post_numbered(push_hubs_t *hubs, const push_entry_t *e,
                          push_frame_t *frame, apr_uint32_t name_at,
                          apr_uint64_t except, apr_uint64_t number,
                          apr_uint64_t born)
{
    int i;

    for (i = 0; i < hubs->n; i++) {
        if (__atomic_load_n(&e->counts[i], __ATOMIC_RELAXED) > 0) {
            post(&hubs->list[i], e->app, e->hash,
                 push_entry_name(&hubs->directory, e), e->len, frame, name_at,
                 except, number, 0, born);
        }
    }
}

/* The name of the channel within a frame that pusher.c has made. */
static apr_uint32_t name_in(const push_frame_t *f, const char *name,
                            apr_size_t len)
{
    const unsigned char *at = memmem(f->data, f->len, name, len);

    return (apr_uint32_t)(at - f->data);
}

static void member_event(push_hubs_t *hubs, push_shard_t *s, push_entry_t *e,
                         const push_user_t *user, int added)
{
    const char *name = push_entry_name(&hubs->directory, e);
    push_frame_t *f = added ? pusher_member_added(name, e->len, user)
                            : pusher_member_removed(name, e->len, user);

    post_numbered(hubs, e, f, name_in(f, name, e->len), 0, ++s->number,
                  0);
    push_frame_release(f);
}

/* --- counts of subscribers --- */

/* Whether a channel tells how many subscribers it has. Presence channels tell
 * their members instead, and our own channels are nobody's business. */
static int told_count(const push_app_t *app, const char *name, int members)
{
    return app->conf->subscription_count && !members && name[0] != '#';
}

/* Tell subscribers and receivers, under the mutex: in the order of what
 * happens. */
static void count_tell(push_hubs_t *hubs, push_shard_t *s, push_entry_t *e,
                       apr_uint64_t except)
{
    const char *name = push_entry_name(&hubs->directory, e);
    apr_uint32_t n = push_entry_subscriptions(&hubs->directory, e);
    push_frame_t *f = pusher_subscription_count(name, e->len, n);

    post_numbered(hubs, e, f, name_in(f, name, e->len), except,
                  ++s->number, 0);
    push_frame_release(f);
    push_webhook_count(e->app, name, e->len, n);
}

/* A subscriber more or less. `except` has just come and is told by the answer
 * to its request. */
static void count_changed(push_hub_t *hub, push_shard_t *s, push_entry_t *e,
                          apr_uint64_t except)
{
    apr_uint32_t n = push_entry_subscriptions(&hub->hubs->directory, e);

    if (push_tally_change(&e->tally, &s->tallies, e, n, push_seconds())) {
        count_tell(hub->hubs, s, e, except);
    }
}

/* The shard whose tallies are looked at. */
typedef struct {
    push_hubs_t *hubs;
    push_shard_t *shard;
} tallies_t;

static void tally_tell(void *baton, void *channel)
{
    tallies_t *t = baton;

    count_tell(t->hubs, t->shard, channel, 0);
}

/* What has changed in large channels and was not told yet. */
static void tallies_tell(push_hubs_t *hubs, apr_uint32_t now)
{
    tallies_t t = { hubs, NULL };
    int i;

    for (i = 0; i < PUSH_SHARDS; i++) {
        t.shard = &hubs->directory.shards[i];
        push_shard_lock(t.shard);
        push_tallies_due(&t.shard->tallies, now, tally_tell, &t);
        push_shard_unlock(t.shard);
    }
}

void push_hub_send_count(push_hub_t *hub, const push_name_t *name,
                         push_subscriber_t *client)
{
    push_subscription_t *sub = push_hub_find(hub, name, client);
    push_frame_t *f;

    if (sub == NULL || !told_count(name->app, name->name, name->members)) {
        return;
    }
    f = pusher_subscription_count(
        name->name, name->len,
        push_entry_subscriptions(&hub->hubs->directory, sub->channel->entry));
    push_conn_send(push_conn_of(client), f);
    push_frame_release(f);
}

/* --- joining and leaving --- */

/* Only the hub's loop writes it. */
static void subscriptions_add(push_hub_t *hub, const push_app_t *app, int n)
{
    if (app->hidden) {
        return;
    }
    __atomic_store_n(&hub->subscriptions, hub->subscriptions + (apr_uint32_t)n,
                     __ATOMIC_RELAXED);
}

static push_members_t *members_of(push_entry_t *e)
{
    if (e->members == NULL) {
        e->members = push_must(calloc(1, sizeof(*e->members)));
    }
    return e->members;
}

/* One more subscriber on this loop. */
static push_channel_t *enter(push_hub_t *hub, push_channel_t *ch,
                             push_entry_t *e)
{
    apr_uint32_t *count = &e->counts[hub->index];

    if (ch == NULL) {
        push_entry_occupy(&hub->hubs->directory, e, hub->index);
        return channel_create(hub, e);
    }
    __atomic_store_n(count, *count + 1, __ATOMIC_RELAXED);
    return ch;
}

/* Tell the app's receivers, under the mutex, so in the order of what happens.
 * user: who is new, or NULL. */
static void tell_entered(push_hub_t *hub, const push_entry_t *e, int occupied,
                         const push_user_t *user)
{
    const char *name = push_entry_name(&hub->hubs->directory, e);

    if (e->app->hooks == NULL) {
        return;
    }
    if (occupied) {
        push_webhook_channel(e->app, PUSH_HOOK_OCCUPIED, name, e->len);
    }
    if (user != NULL) {
        push_webhook_member(e->app, PUSH_HOOK_ADDED, name, e->len, user);
    }
}

/* Entering with the mutex: a loop's first subscriber, and every one of a
 * channel with numbered events. NULL when there is no place for the user. */
static push_channel_t *enter_locked(push_hub_t *hub, push_channel_t *ch,
                                    const push_name_t *name,
                                    const push_subscriber_t *client,
                                    const push_user_t *user,
                                    apr_size_t max_users,
                                    push_subscription_t *sub)
{
    push_directory_t *d = &hub->hubs->directory;
    push_shard_t *s = push_shard_of(d, name->hash);
    push_entry_t *e;
    int first = 0;
    int vacant;

    push_shard_lock(s);
    e = push_entry_get(d, s, name);
    vacant = e->occupied == 0;
    if (user != NULL) {
        sub->member = push_members_join(members_of(e), user, max_users, &first);
        if (sub->member == NULL) {
            push_entry_settle(s, e);
            push_shard_unlock(s);
            return NULL;
        }
    }
    if (first) {
        member_event(hub->hubs, s, e, &sub->member->user, 1);
    }
    ch = enter(hub, ch, e);
    tell_entered(hub, e, vacant, first ? &sub->member->user : NULL);
    if (told_count(e->app, name->name, name->members)) {
        count_changed(hub, s, e, client->number);
    }
    sub->after = s->number;
    push_shard_unlock(s);
    return ch;
}

push_join_t push_hub_join(push_hub_t *hub, const push_name_t *name,
                          push_subscriber_t *client, const push_user_t *user,
                          apr_size_t max_users, push_subscription_t **out)
{
    push_channel_t *ch = channel_find(hub, name);
    push_subscription_t sub = { NULL, NULL, 0, 0 };

    if (ch != NULL) {
        *out = subs_find(&client->subs, ch);
        if (*out != NULL && (listener_of(*out)->names & name_bit(name))) {
            return PUSH_JOIN_AGAIN;
        }
        if (*out != NULL) {
            listener_of(*out)->names |= name_bit(name);
            return PUSH_JOIN_OK;
        }
    }
    if (ch == NULL || name->members || name->cache ||
        told_count(name->app, name->name, 0)) {
        ch = enter_locked(hub, ch, name, client, user, max_users, &sub);
        if (ch == NULL) {
            return PUSH_JOIN_FULL;
        }
    }
    else {
        enter(hub, ch, ch->entry);
    }
    sub.channel = ch;
    sub.index = channel_add(ch, client, name_bit(name));
    *out = subs_add(&client->subs, &sub);
    subscriptions_add(hub, name->app, 1);
    return PUSH_JOIN_OK;
}

push_subscription_t *push_hub_find(push_hub_t *hub, const push_name_t *name,
                                   push_subscriber_t *client)
{
    push_channel_t *ch = channel_find(hub, name);

    return ch == NULL ? NULL : subs_find(&client->subs, ch);
}

static void member_leave(push_hub_t *hub, push_shard_t *s, push_entry_t *e,
                         push_member_t *member)
{
    if (push_members_leave(e->members, member)) {
        member_event(hub->hubs, s, e, &member->user, 0);
        push_webhook_member(e->app, PUSH_HOOK_REMOVED,
                            push_entry_name(&hub->hubs->directory, e), e->len,
                            &member->user);
        free(member);
    }
}

/* The channel's side of leaving; the client forgets the subscription itself. */
static void leave(push_hub_t *hub, const push_subscription_t *sub)
{
    push_directory_t *d = &hub->hubs->directory;
    push_channel_t *ch = sub->channel;
    push_entry_t *e = ch->entry;
    apr_uint32_t *count = &e->counts[hub->index];
    push_shard_t *s = push_shard_of(d, e->hash);
    int counted = told_count(e->app, push_entry_name(d, e),
                             sub->member != NULL);

    subscriptions_add(hub, e->app, -1);
    channel_remove(ch, (apr_uint32_t)sub->index);
    if (ch->n > 0 && sub->member == NULL && !counted) {
        __atomic_store_n(count, *count - 1, __ATOMIC_RELAXED);
        return;
    }
    push_shard_lock(s);
    if (ch->n > 0) {
        __atomic_store_n(count, *count - 1, __ATOMIC_RELAXED);
    }
    else {
        channel_destroy(hub, ch);
        push_entry_vacate(d, e, hub->index);
    }
    if (sub->member != NULL) {
        member_leave(hub, s, e, sub->member);
    }
    if (counted) {
        count_changed(hub, s, e, 0);
    }
    if (e->occupied == 0) {
        push_webhook_channel(e->app, PUSH_HOOK_VACATED, push_entry_name(d, e),
                             e->len);
    }
    push_entry_settle(s, e);
    push_shard_unlock(s);
}

int push_hub_leave(push_hub_t *hub, const push_name_t *name,
                   push_subscriber_t *client)
{
    push_subscription_t *sub = push_hub_find(hub, name, client);
    push_subscription_t gone;

    if (sub == NULL || !(listener_of(sub)->names & name_bit(name))) {
        return 0;
    }
    if (listener_of(sub)->names != name_bit(name)) {
        listener_of(sub)->names &= ~name_bit(name);
        return 1; /* it goes on under the other one */
    }
    gone = *sub;
    subs_remove(&client->subs, sub);
    leave(hub, &gone);
    return 1;
}

int push_hub_any(const push_hub_t *hub, const push_subscriber_t *client,
                 int (*fn)(const char *name, apr_size_t len, void *baton),
                 void *baton)
{
    const push_subscriptions_t *s = &client->subs;
    const push_channel_t *ch = s->one.channel;
    apr_uint32_t i = 0;

    for (;;) {
        if (ch != NULL && fn(push_entry_name(&hub->hubs->directory, ch->entry),
                             ch->entry->len, baton)) {
            return 1;
        }
        if (i == s->room) {
            return 0;
        }
        ch = s->more[i++].channel;
    }
}

void push_hub_leave_all(push_hub_t *hub, push_subscriber_t *client)
{
    push_subscriptions_t *s = &client->subs;
    apr_uint32_t i;

    if (s->one.channel != NULL) {
        leave(hub, &s->one);
    }
    for (i = 0; i < s->room; i++) {
        if (s->more[i].channel != NULL) {
            leave(hub, &s->more[i]);
        }
    }
    free(s->more);
    memset(s, 0, sizeof(*s));
}

void push_hub_members(push_hub_t *hub, push_subscription_t *sub, int again,
                      push_text_t *out)
{
    push_entry_t *e = sub->channel->entry;
    push_shard_t *s = push_shard_of(&hub->hubs->directory, e->hash);

    push_shard_lock(s);
    push_members_json(e->members, out);
    /* To one that was here already, other numbered events are on their way. */
    if (!again) {
        sub->after = s->number;
    }
    push_shard_unlock(s);
}

/* --- users who are watched --- */

int push_hub_watch(push_hub_t *hub, const push_name_t *name,
                   push_subscriber_t *client)
{
    push_shard_t *s = push_shard_of(&hub->hubs->directory, name->hash);
    push_subscription_t *sub;
    int online;

    if (push_hub_join(hub, name, client, NULL, 0, &sub) != PUSH_JOIN_OK) {
        return -1;
    }
    push_shard_lock(s);
    online = sub->channel->entry->online > 0;
    sub->after = s->number;
    push_shard_unlock(s);
    return online;
}

static void online_tell(push_hubs_t *hubs, push_shard_t *s,
                        const push_entry_t *e, int online)
{
    const apr_size_t prefix = sizeof(PUSH_WATCH_CHANNEL) - 1;
    push_text_t id = { NULL, 0, 0 };
    push_text_t none = { NULL, 0, 0 };
    push_frame_t *f;

    push_text_quote(&id, push_entry_name(&hubs->directory, e) + prefix,
                    e->len - prefix);
    f = pusher_watchlist(online ? &id : &none, online ? &none : &id);
    post_numbered(hubs, e, f, 0, 0, ++s->number, 0);
    push_frame_release(f);
    push_text_free(&id);
}

void push_hub_online(push_hubs_t *hubs, const push_name_t *name, int by)
{
    push_directory_t *d = &hubs->directory;
    push_shard_t *s = push_shard_of(d, name->hash);
    push_entry_t *e;

    push_shard_lock(s);
    e = push_entry_get(d, s, name);
    if (by > 0 && e->online++ == 0) {
        online_tell(hubs, s, e, 1);
    }
    if (by < 0 && --e->online == 0) {
        online_tell(hubs, s, e, 0);
    }
    push_entry_settle(s, e);
    push_shard_unlock(s);
}

/* Whether a channel without event is news; with its shard locked. */
static int miss_is_news(push_entry_t *e, apr_uint32_t now)
{
    if (e->missed != 0 && (apr_int32_t)(now - e->missed) < PUSH_MISS_SECONDS) {
        return 0;
    }
    e->missed = now;
    return 1;
}

int push_hub_send_cached(push_hub_t *hub, const push_name_t *name,
                         push_subscriber_t *client, int *news)
{
    push_subscription_t *sub = push_hub_find(hub, name, client);
    const apr_uint32_t now = push_seconds();
    const push_cached_t *cached;
    push_frame_t *frame = NULL, *alias = NULL;
    push_shard_t *s;
    int any;

    *news = 0;
    if (sub == NULL) {
        return 0;
    }
    s = push_shard_of(&hub->hubs->directory, name->hash);
    push_shard_lock(s);
    cached = push_entry_cached(sub->channel->entry, now);
    any = cached != NULL;
    *news = !any && miss_is_news(sub->channel->entry, now);
    /* One kept since the join is on its way as a task. Under a second name it
     * may come twice: better than not at all. */
    if (any && (known(sub, cached->number) ||
                listener_of(sub)->names == (OWN | ALIAS))) {
        frame = cached->frame;
        push_frame_retain(frame);
        if (name->alias) {
            alias = alias_frame(frame, cached->name_at);
        }
    }
    push_shard_unlock(s);
    if (frame != NULL) {
        push_conn_send(push_conn_of(client), alias != NULL ? alias : frame);
        push_frame_release(frame);
    }
    if (alias != NULL) {
        push_frame_release(alias);
    }
    return any;
}

/* --- publishing --- */

/* To a cache channel: what is kept and what is delivered must not part. */
static void publish_kept(push_hubs_t *hubs, const push_name_t *name,
                         const push_event_t *event, apr_uint64_t born)
{
    push_directory_t *d = &hubs->directory;
    push_shard_t *s = push_shard_of(d, name->hash);
    push_entry_t *e;
    apr_uint64_t number;

    push_shard_lock(s);
    e = push_entry_get(d, s, name);
    number = push_entry_keep(d, s, e, event, push_seconds());
    post_numbered(hubs, e, event->frame, event->name_at, event->except, number,
                  born);
    push_shard_unlock(s);
}

void push_hub_publish(push_hubs_t *hubs, push_hub_t *here,
                      const push_name_t *name, const push_event_t *event)
{
    const apr_uint64_t born = here != NULL ? push_loop_micros(here->loop)
                                           : push_micros();
    push_channel_t *ch;
    int i;

    if (event->keep && name->cache) {
        publish_kept(hubs, name, event, born);
        return;
    }
    for (i = 0; i < hubs->n; i++) {
        push_hub_t *hub = &hubs->list[i];

        if (hub != here &&
            __atomic_load_n(interest_of(hub, name->hash), __ATOMIC_SEQ_CST)) {
            post(hub, name->app, name->hash, name->name, name->len,
                 event->frame,
                 event->name_at, event->except, 0, 0, born);
        }
    }
    ch = here == NULL ? NULL : channel_find(here, name);
    if (ch == NULL) {
        return;
    }
    /* A publisher may send its next event over another connection, to another
     * loop, once the answer to this one is there: then this one waits in that
     * loop's list of tasks, and the next must not pass it by. */
    if (push_loop_pending(here->loop)) {
        post(here, name->app, name->hash, name->name, name->len, event->frame,
             event->name_at, event->except, 0, 0, born);
        return;
    }
    deliver(here, ch, event->frame, event->name_at, event->except, 0);
    latency_note(here, name->app, born);
}

/* A name as the server's own senders give it, in canonical form. */
static void name_of(push_name_t *name, push_hubs_t *hubs, push_app_t *app,
                    char *canonical, apr_size_t len)
{
    chat_channel_t kind;

    if (hubs->aliases) {
        chat_channel_canonical(canonical, canonical, len);
    }
    push_name_set(name, hubs, app, canonical, len,
                  chat_channel_parse(&kind, canonical, len, len) ==
                          CHAT_CHANNEL_OK
                      ? &kind
                      : NULL);
}

/* Soon after the start an event goes to every loop, subscribers or not: each
 * keeps it and delivers it in one task, so whoever joins there meanwhile gets
 * it either way and not twice. */
static void publish_replayed(push_hubs_t *hubs, const push_name_t *name,
                             const push_event_t *event)
{
    int i;

    for (i = 0; i < hubs->n; i++) {
        post(&hubs->list[i], name->app, name->hash, name->name, name->len,
             event->frame,
             event->name_at, 0, 0, 1, push_micros());
    }
}

void push_hub_event(push_hubs_t *hubs, push_app_t *app, const char *channel,
                    const char *event, const char *data, apr_size_t len)
{
    char *canonical = push_must(strdup(channel));
    push_name_t name;
    push_event_t e = { NULL, 0, 0, 1 };

    name_of(&name, hubs, app, canonical, strlen(canonical));
    e.frame = pusher_event_text(event, canonical, data, len, &e.name_at);
    if (!name.cache && push_seconds() <= hubs->replay_until) {
        publish_replayed(hubs, &name, &e);
    }
    else {
        push_hub_publish(hubs, NULL, &name, &e);
    }
    push_frame_release(e.frame);
    free(canonical);
}

int push_hub_awaited(push_hubs_t *hubs, push_app_t *app, const char *channel)
{
    push_name_t name;
    int i;

    if (push_seconds() <= hubs->replay_until) {
        return 1;
    }
    push_name_set(&name, hubs, app, channel, strlen(channel), NULL);
    for (i = 0; i < hubs->n; i++) {
        if (__atomic_load_n(interest_of(&hubs->list[i], name.hash),
                            __ATOMIC_SEQ_CST)) {
            return 1;
        }
    }
    return 0;
}

/* A task that calls a function for the subscribers of a channel here. */
typedef struct {
    push_task_t task;
    push_hub_t *hub;
    void (*fn)(push_subscriber_t *client, apr_int64_t value);
    apr_int64_t value;
    push_app_t *app;
    apr_uint32_t hash;
    apr_uint32_t len;
    char name[];
} visit_t;

static void run_visit(push_loop_t *loop, push_task_t *task)
{
    visit_t *v = (visit_t *)(void *)task;
    push_name_t name = { v->app, v->name, v->len, v->hash, 0, 0, 0 };
    push_channel_t *ch = channel_find(v->hub, &name);
    apr_uint32_t i;

    (void)loop;
    for (i = 0; ch != NULL && i < ch->n; i++) {
        v->fn(listeners(ch)[i].client, v->value);
    }
    free(v);
}

void push_hub_each(push_hubs_t *hubs, const push_name_t *name,
                   void (*fn)(push_subscriber_t *client, apr_int64_t value),
                   apr_int64_t value)
{
    int i;

    for (i = 0; i < hubs->n; i++) {
        visit_t *v = push_must(malloc(sizeof(*v) + name->len));

        v->task.run = run_visit;
        v->hub = &hubs->list[i];
        v->fn = fn;
        v->value = value;
        v->app = name->app;
        v->hash = name->hash;
        v->len = (apr_uint32_t)name->len;
        memcpy(v->name, name->name, name->len);
        push_loop_post(v->hub->loop, &v->task);
    }
}

/* From the end, because the last one takes the place of one that leaves; and the
 * channel is gone with its last subscriber. */
void push_hub_visit(push_hub_t *hub, const push_name_t *name,
                    void (*fn)(push_subscriber_t *client,
                               const push_member_t *member, void *baton),
                    void *baton)
{
    push_channel_t *ch = channel_find(hub, name);
    apr_uint32_t i = ch != NULL ? ch->n : 0;

    while (i-- > 0 && (ch = channel_find(hub, name)) != NULL) {
        listener_t *l = &listeners(ch)[i];

        fn(l->client, sub_of(l)->member, baton);
    }
}

/* --- the backlog --- */

void push_hub_replay(push_hubs_t *hubs, apr_uint32_t seconds)
{
    hubs->replay_until = seconds > 0 ? push_seconds() + seconds : 0;
}

void push_hub_backlog(push_hubs_t *hubs, push_app_t *app, const char *channel,
                      const char *event, const char *data, apr_size_t len,
                      apr_uint32_t seconds)
{
    char *canonical = push_must(strdup(channel));
    push_frame_t *frame;
    push_name_t name;
    apr_uint32_t name_at;
    int i;

    push_hub_replay(hubs, seconds);
    name_of(&name, hubs, app, canonical, strlen(canonical));
    frame = pusher_event_text(event, canonical, data, len, &name_at);
    for (i = 0; i < hubs->n; i++) {
        backlog_add(&hubs->list[i], app, name.hash, frame, name_at,
                    (apr_uint32_t)name.len);
    }
    push_frame_release(frame);
    free(canonical);
}

static int is_kept_of(const kept_t *k, const push_name_t *name)
{
    const char *kept = (const char *)k->frame->data + k->name_at;
    apr_size_t same = name->alias ? sizeof("private.") - 1 : 0;

    return k->hash == name->hash && k->app == name->app &&
           k->name_len == name->len &&
           !memcmp(kept + same, name->name + same, name->len - same);
}

/* Bytes of all that is kept for a channel. */
static apr_size_t kept_bytes(const push_hub_t *hub, const push_name_t *name)
{
    const kept_t *k = hub->backlog.chains[name->hash & (BACKLOG_CHAINS - 1)];
    apr_size_t bytes = 0;

    for (; k != NULL; k = k->next) {
        bytes += is_kept_of(k, name) ? k->frame->len : 0;
    }
    return bytes;
}

void push_hub_send_backlog(push_hub_t *hub, const push_name_t *name,
                           push_subscriber_t *client)
{
    apr_size_t room = push_conn_room(push_conn_of(client));
    apr_size_t left;
    const kept_t *k;

    if (hub->backlog.chains == NULL ||
        push_loop_seconds(hub->loop) > hub->hubs->replay_until) {
        return;
    }
    left = kept_bytes(hub, name);
    k = hub->backlog.chains[name->hash & (BACKLOG_CHAINS - 1)];
    for (; k != NULL; k = k->next) {
        if (!is_kept_of(k, name)) {
            continue;
        }
        if (left > room) {
            left -= k->frame->len; /* too old to fit */
            continue;
        }
        if (name->alias) {
            push_frame_t *alias = alias_frame(k->frame, k->name_at);

            push_conn_send(push_conn_of(client), alias);
            push_frame_release(alias);
        }
        else {
            push_conn_send(push_conn_of(client), k->frame);
        }
    }
}

static void backlog_expire(push_hub_t *hub, apr_uint32_t now)
{
    backlog_t *b = &hub->backlog;

    if (b->chains == NULL || now <= hub->hubs->replay_until) {
        return;
    }
    while (b->oldest != NULL) {
        backlog_drop(b);
    }
    free(b->chains);
    free(b->tails);
    memset(b, 0, sizeof(*b));
}

/* Once a second: old caches (one shard a second, on the first loop), counts of
 * large channels (on the first loop too) and the backlog; an emptied hub gives its table back. */
static void tick(push_loop_t *loop, void *baton)
{
    push_hub_t *hub = baton;
    push_directory_t *d = &hub->hubs->directory;
    apr_uint32_t now = push_loop_seconds(loop);
    push_shard_t *s = &d->shards[now % PUSH_SHARDS];

    backlog_expire(hub, now);
    if (hub->index == 0) {
        push_shard_lock(s);
        push_shard_expire(s, now);
        push_shard_unlock(s);
        tallies_tell(hub->hubs, now);
    }
    if (hub->room > 1024 && hub->n < hub->room / 8) {
        hub_resize(hub, hub->room / 2);
    }
}

/* --- making and asking --- */

/* With the pool: the loops have ended, so nobody looks any more. */
static apr_status_t hubs_destroy(void *data)
{
    push_hubs_t *hubs = data;
    push_channel_t *ch;
    apr_uint32_t c;
    int i;

    for (i = 0; i < hubs->n; i++) {
        push_hub_t *hub = &hubs->list[i];

        for (c = 0; c < hub->room; c++) {
            while ((ch = hub->chains[c]) != NULL) {
                hub->chains[c] = ch->next;
                if (ch->room > 0) {
                    free(ch->who.many);
                }
                free(ch);
            }
        }
        free(hub->chains);
        free(hub->interest);
        backlog_expire(hub, APR_UINT32_MAX);
    }
    push_directory_destroy(&hubs->directory);
    return APR_SUCCESS;
}

apr_status_t push_hubs_create(push_hubs_t **out, push_loop_t *const *loops,
                              int n, apr_uint32_t cache_ttl, int aliases,
                              apr_pool_t *p)
{
    push_hubs_t *hubs = apr_pcalloc(p, sizeof(*hubs));
    apr_status_t rv;
    int i;

    rv = push_directory_init(&hubs->directory, n, cache_ttl);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    hubs->n = n;
    hubs->aliases = aliases;
    hubs->list = apr_pcalloc(p, (apr_size_t)n * sizeof(push_hub_t));
    apr_pool_cleanup_register(p, hubs, hubs_destroy, apr_pool_cleanup_null);
    for (i = 0; i < n; i++) {
        push_hub_t *hub = &hubs->list[i];

        hub->hubs = hubs;
        hub->loop = loops[i];
        hub->index = i;
        hub->interest = push_must(calloc(INTEREST, sizeof(apr_uint32_t)));
        hub_resize(hub, 64);
        push_loop_on_tick(loops[i], tick, hub);
    }
    *out = hubs;
    return APR_SUCCESS;
}

push_hub_t *push_hub_of(push_hubs_t *hubs, int loop)
{
    return &hubs->list[loop];
}

int push_hubs_loops(const push_hubs_t *hubs) { return hubs->n; }

void push_name_set(push_name_t *out, const push_hubs_t *hubs, push_app_t *app,
                   const char *name, apr_size_t len, const chat_channel_t *kind)
{
    out->app = app;
    out->name = name;
    out->len = len;
    out->alias = kind != NULL && kind->alias && hubs->aliases;
    out->members = kind != NULL && kind->kind == CHAT_CHANNEL_MEMBERS;
    out->cache = kind != NULL && kind->cache;
    out->hash = push_directory_hash(&hubs->directory, app->number, name, len,
                                    out->alias);
}

/* What is known of an entry; the cached frame stays the entry's. With the shard
 * locked. */
static void info_of(push_channel_info_t *info, const push_directory_t *d,
                    const push_entry_t *e, apr_uint32_t now)
{
    const push_cached_t *cached = push_entry_cached(e, now);

    memset(info, 0, sizeof(*info));
    info->subscriptions = push_entry_subscriptions(d, e);
    info->users = e->members ? e->members->n : 0;
    if (cached != NULL) {
        info->cached = cached->frame;
        info->cached_at = cached->name_at;
        info->cached_ttl = cached->expires - now;
    }
}

void push_hub_info(push_hubs_t *hubs, const push_name_t *name,
                   push_channel_info_t *info)
{
    push_directory_t *d = &hubs->directory;
    push_shard_t *s = push_shard_of(d, name->hash);
    push_entry_t *e;

    memset(info, 0, sizeof(*info));
    push_shard_lock(s);
    e = push_entry_find(d, s, name);
    if (e != NULL) {
        info_of(info, d, e, push_seconds());
        if (info->cached != NULL) {
            push_frame_retain(info->cached);
        }
    }
    push_shard_unlock(s);
}

void push_hub_channels(push_hubs_t *hubs, push_app_t *app,
                       void (*fn)(void *baton, const char *name, apr_size_t len,
                                  const push_channel_info_t *info),
                       void *baton)
{
    push_directory_t *d = &hubs->directory;
    apr_uint32_t now = push_seconds();
    push_channel_info_t info;
    push_entry_t *e;
    apr_uint32_t c;
    int i;

    for (i = 0; i < PUSH_SHARDS; i++) {
        push_shard_t *s = &d->shards[i];

        push_shard_lock(s);
        for (c = 0; c < s->room; c++) {
            for (e = s->chains[c]; e != NULL; e = e->next) {
                if (e->app == app && e->occupied > 0 &&
                    push_entry_name(d, e)[0] != '#') {
                    info_of(&info, d, e, now);
                    fn(baton, push_entry_name(d, e), e->len, &info);
                }
            }
        }
        push_shard_unlock(s);
    }
}

void push_hub_users(push_hubs_t *hubs, const push_name_t *name,
                    void (*fn)(void *baton, const push_member_t *m),
                    void *baton)
{
    push_directory_t *d = &hubs->directory;
    push_shard_t *s = push_shard_of(d, name->hash);
    push_entry_t *e;
    apr_uint32_t i;

    push_shard_lock(s);
    e = push_entry_find(d, s, name);
    for (i = 0; e != NULL && e->members != NULL && i < e->members->n; i++) {
        fn(baton, e->members->list[i]);
    }
    push_shard_unlock(s);
}

apr_uint32_t push_hub_subscriptions(const push_hubs_t *hubs)
{
    apr_uint32_t n = 0;
    int i;

    for (i = 0; i < hubs->n; i++) {
        n += __atomic_load_n(&hubs->list[i].subscriptions, __ATOMIC_RELAXED);
    }
    return n;
}

void push_hubs_cache_ttl(push_hubs_t *hubs, apr_uint32_t seconds)
{
    __atomic_store_n(&hubs->directory.ttl, seconds, __ATOMIC_RELAXED);
}

void push_hubs_clear(push_hubs_t *hubs, const push_app_t *app)
{
    int i;

    for (i = 0; i < PUSH_SHARDS; i++) {
        push_shard_t *s = &hubs->directory.shards[i];

        push_shard_lock(s);
        push_shard_clear(s, app);
        push_shard_unlock(s);
    }
}

apr_uint32_t push_hubs_users(const push_hubs_t *hubs)
{
    return __atomic_load_n(&hubs->directory.users, __ATOMIC_RELAXED);
}

void push_hubs_latency(const push_hubs_t *hubs, push_histogram_t *sum)
{
    int i;

    memset(sum, 0, sizeof(*sum));
    for (i = 0; i < hubs->n; i++) {
        push_histogram_sum(sum, &hubs->list[i].latency);
    }
}

int push_hubs_behind(const push_hubs_t *hubs)
{
    int i;

    for (i = 0; i < hubs->n; i++) {
        if (__atomic_load_n(&hubs->list[i].waiting, __ATOMIC_RELAXED) >
            PUSH_HUB_WAITING_MOST) {
            return 1;
        }
    }
    return 0;
}

apr_uint32_t push_hubs_count(push_hubs_t *hubs)
{
    return __atomic_load_n(&hubs->directory.occupied, __ATOMIC_RELAXED);
}
