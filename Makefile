# SPDX-License-Identifier: Apache-2.0
#
# mod_chat. Sources are found by wildcard, so a new file needs no line here.
#
#   make            build everything under build/
#   make run        the chat on SQLite with sample people (PORT, PUSH_PORT, …)
#   make check      every test: unit, fuzz corpora, site, browser, drift
#   make asan       unit and site tests under AddressSanitizer and UBSan
#   make tsan       chat-push's tests under ThreadSanitizer
#   make bench-rest the chat's URLs against a PHP stand-in, and the bars
#   make bench-upload   10 MB files through httpd to disk (UPLOADS at once)
#   make bench-handoff  10,000 sockets through httpd: workers, memory, rate; ROUNDS of
#                   restarts under them; 3,000 by TLS
#   make soak       everything at once, also restarts, SOAK_SECONDS (600)
#   make soak-pump  WebSockets by TLS through httpd likewise, graceful restarts included
#   make soak-routes  every URL again and again: no memory of httpd's children grows
#   make kill       kill -9 of httpd's children, chat-push and PostgreSQL under
#                   load, KILL_ROUNDS (50) on each engine, KILL_SEED
#   make fuzz       search new inputs with libFuzzer (FUZZ_SECONDS each, FUZZ_TARGETS)
#   make restarts   chat-push ends and begins under load, RESTARTS (50)
#   make install    DESTDIR= and --prefix are honoured
#   make deb        Debian packages in build/deb; make deb-test installs, uses, upgrades
#                   and purges them (as root)
#
# B is the build directory; SANITIZE a list for -fsanitize, so that
# `make B=build/asan SANITIZE=address,undefined unit` stands beside the rest.

B ?= build

# One line a file; V=1 shows the commands.
ifneq ($(V),1)
Q = @
SAY = @echo "  $(1)	$@";
endif

# Nothing but these needs config.mk.
ifeq ($(filter clean distclean help,$(MAKECMDGOALS)),)
ifeq ($(wildcard config.mk),)
$(error run ./configure first (./configure --install-deps installs what is missing))
endif
ifneq ($(shell [ configure -nt config.mk ] && echo old),)
$(error configure has changed: run ./configure again)
endif
include config.mk
endif

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
SAN = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
HARDEN = $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARN) $(HARDEN) -fPIC -fvisibility=hidden -pthread $(SAN) \
    -D_GNU_SOURCE $(DEP_CFLAGS) -Icommon -MMD -MP
ALL_LDFLAGS = $(LDFLAGS) -pthread $(SAN) -Wl,-z,relro,-z,now

COMMON_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard common/*.c)) $(B)/gen/statements.o $(B)/gen/scripts.o
PUSH_SRC = $(filter-out push/main.c,$(wildcard push/*.c push/*/*.c))
PUSH_OBJ = $(patsubst %.c,$(B)/%.o,$(PUSH_SRC))
PUSH_INC = -Ipush -Ipush/net -Ipush/pusher -Ipush/link
CTL_OBJ = $(patsubst %.c,$(B)/%.o,$(filter-out ctl/main.c,$(wildcard ctl/*.c)))
FILES_SRC = $(filter-out files/main.c,$(wildcard files/*.c files/*/*.c))
FILES_OBJ = $(patsubst %.c,$(B)/%.o,$(FILES_SRC))
FILES_INC = -Ifiles -Ifiles/pure
# What decodes no image and waits for no socket: unit tests and fuzzers link it.
FILES_PURE = $(patsubst %.c,$(B)/%.o,$(wildcard files/pure/*.c))
MOD_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard mod_chat/*.c mod_chat/*/*.c))
# What needs none of httpd's functions: unit tests and fuzzers link it.
MOD_PURE = $(patsubst %.c,$(B)/%.o,$(wildcard mod_chat/pure/*.c))
MOD_INC = -Imod_chat -Imod_chat/pure -Imod_chat/route
UNIT = $(patsubst test/unit/%.c,$(B)/unit/%,$(wildcard test/unit/test_*.c))
FUZZ = $(patsubst test/fuzz/%.c,$(B)/fuzz/%,$(wildcard test/fuzz/fuzz_*.c))

all: $(B)/mod_chat.so $(B)/chat-push $(B)/chat-files $(B)/chatctl $(B)/ws-echo $(B)/hold $(B)/htdocs/.done


.PHONY: all run check tests unit $(UNIT:%=%.run) fuzz-replay fuzz fuzz-clang site check-site site-pgsql web drift run-test asan tsan bench bench-ws bench-rest bench-sockets bench-upload bench-handoff bench-search bench-big soak soak-pump soak-routes kill restarts install deb deb-test clean distclean help
.DELETE_ON_ERROR:
.SECONDARY:

# --- C ------------------------------------------------------------------------
$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) $(PUSH_INC) -c -o $@ $<

$(B)/mod_chat/%.o: mod_chat/%.c
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) $(HTTPD_CFLAGS) $(MOD_INC) -DCHAT_LIB='"$(PREFIX)/lib/mod_chat"' -c -o $@ $<

$(B)/files/%.o: files/%.c
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) $(FILES_CFLAGS) $(FILES_INC) -c -o $@ $<

$(B)/common/%.o: common/%.c
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/ctl/%.o: ctl/%.c
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/gen/%.o: $(B)/gen/%.c
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Statements by label, and whole scripts (schemas), as C strings.
$(B)/gen/statements.c: $(wildcard sql/statements/*.sql) sql/statements.awk
	@mkdir -p $(@D)
	$(call SAY,AWK)awk -f sql/statements.awk $(sort $(wildcard sql/statements/*.sql)) >$@

$(B)/gen/scripts.c: $(wildcard sql/*.sql) sql/scripts.awk
	@mkdir -p $(@D)
	$(call SAY,AWK)awk -f sql/scripts.awk $(sort $(wildcard sql/*.sql)) >$@

$(B)/libchat.a: $(COMMON_OBJ)
	@rm -f $@
	$(call SAY,AR)$(AR) rcs $@ $^

$(B)/libpush.a: $(PUSH_OBJ)
	@rm -f $@
	$(call SAY,AR)$(AR) rcs $@ $^

$(B)/libctl.a: $(CTL_OBJ)
	@rm -f $@
	$(call SAY,AR)$(AR) rcs $@ $^

$(B)/chatctl: $(B)/ctl/main.o $(B)/libctl.a $(B)/libchat.a
	$(call SAY,LD)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(DEP_LIBS)

$(B)/chat-push: $(B)/push/main.o $(B)/libpush.a $(B)/libchat.a
	$(call SAY,LD)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(DEP_LIBS)

# It needs no database and no HTTP: only what it uses is linked.
$(B)/chat-files: $(B)/files/main.o $(FILES_OBJ) $(B)/libchat.a
	$(call SAY,LD)$(CC) -o $@ $^ $(ALL_LDFLAGS) -Wl,--as-needed $(FILES_LIBS) $(DEP_LIBS)

$(B)/mod_chat.so: $(MOD_OBJ) $(B)/libchat.a
	$(call SAY,LD)$(CC) -shared -o $@ $^ $(ALL_LDFLAGS) $(DEP_LIBS) $(MAGIC_LIBS)

# Test only: the frame code as an echo server, for conformance suites.
$(B)/ws-echo: $(B)/test/ws-echo.o $(B)/libpush.a $(B)/libchat.a
	$(call SAY,LD)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(DEP_LIBS)

# For `make run` and tests: keeps chat-push's listening sockets, as systemd does.
$(B)/hold: $(B)/dev/hold.o
	$(call SAY,LD)$(CC) -o $@ $^ $(ALL_LDFLAGS)

# Test only: what mod_auth_openidc looks like from mod_chat's side.
$(B)/test/auth/%.o: test/auth/%.c
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) $(HTTPD_CFLAGS) -c -o $@ $<

$(B)/mod_auth_stand_in.so: $(B)/test/auth/mod_auth_stand_in.o
	$(call SAY,LD)$(CC) -shared -o $@ $^ $(ALL_LDFLAGS)

# --- the pages, with the libraries they use ---------------------------------------
$(B)/htdocs/.done: $(shell find htdocs -type f 2>/dev/null) package-lock.json
	@test -d node_modules/pusher-js || { echo "make: the npm packages are not installed: run npm ci --ignore-scripts" >&2; exit 1; }
	@echo "  COPY	$(B)/htdocs"
	@rm -rf $(B)/htdocs && mkdir -p $(B)/htdocs/lib/directives
	$(Q)cp -R htdocs/. $(B)/htdocs/
	$(Q)cp node_modules/pusher-js/dist/web/pusher.min.js $(B)/htdocs/lib/
	$(Q)cp node_modules/lit-html/lit-html.js node_modules/lit-html/directive.js \
	    node_modules/lit-html/directive-helpers.js $(B)/htdocs/lib/
	$(Q)cp node_modules/lit-html/directives/repeat.js $(B)/htdocs/lib/directives/
	@touch $@

# --- tests --------------------------------------------------------------------
# check and the sanitizers build and run on all cores, whether or not the outer make
# was told to: two for each, because unit tests wait half of their time. What one says
# is shown when it is done.
AT_ONCE = $(if $(filter --jobserver%,$(MAKEFLAGS)),,-j$(shell expr 2 '*' $$(nproc))) -O

# The programs that tests are or use.
tests: all $(UNIT) $(FUZZ) $(B)/bench/wsload $(B)/mod_auth_stand_in.so

$(B)/unit/%: test/unit/%.c $(MOD_PURE) $(FILES_PURE) $(B)/libctl.a $(B)/libpush.a $(B)/libchat.a
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) $(PUSH_INC) $(MOD_INC) $(FILES_INC) -Ictl -o $@ $< $(MOD_PURE) $(FILES_PURE) $(B)/libctl.a $(B)/libpush.a $(B)/libchat.a $(ALL_LDFLAGS) $(DEP_LIBS) $(CMOCKA_LIBS)

# As many at once as make is told, each in directories of its own.
unit: $(UNIT:%=%.run)
$(UNIT:%=%.run): %.run: %
	@echo "== $<"; $<

# The corpora, replayed by an ordinary program; an empty corpus is a failure.
$(B)/fuzz/%: test/fuzz/%.c test/fuzz/replay.c $(MOD_PURE) $(FILES_PURE) $(B)/libctl.a $(B)/libpush.a $(B)/libchat.a
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes $(PUSH_INC) $(MOD_INC) $(FILES_INC) -Ictl -o $@ $< test/fuzz/replay.c $(MOD_PURE) $(FILES_PURE) $(B)/libctl.a $(B)/libpush.a $(B)/libchat.a $(ALL_LDFLAGS) $(DEP_LIBS)

fuzz-replay: $(FUZZ)
	@for f in $^; do $$f test/fuzz/corpus/$$(basename $$f | sed 's/^fuzz_//') || exit 1; done

# Search for new inputs; needs clang and its runtime (packages clang and libclang-rt-14-dev).
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))
FUZZ_FLAGS = -std=gnu11 -O1 -g -fsanitize=address,undefined -D_GNU_SOURCE -pthread \
    $(DEP_CFLAGS) -Icommon $(PUSH_INC) $(MOD_INC) $(FILES_INC) -Ictl
FUZZ_SRC = $(wildcard common/*.c) $(PUSH_SRC) $(filter-out ctl/main.c,$(wildcard ctl/*.c)) $(wildcard mod_chat/pure/*.c) $(wildcard files/pure/*.c) $(B)/gen/statements.c $(B)/gen/scripts.c
FUZZ_OBJ = $(FUZZ_SRC:%.c=$(B)/libfuzzer/o/%.o)
fuzz-clang:
	@command -v clang >/dev/null || { echo "make fuzz needs clang and libclang-rt-14-dev" >&2; exit 1; }

# What all of them link is compiled once.
$(FUZZ_OBJ): | fuzz-clang
$(B)/libfuzzer/o/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CLANG)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(B)/libfuzzer/all.a: $(FUZZ_OBJ)
	@rm -f $@
	$(call SAY,AR)$(AR) rcs $@ $^

fuzz: $(B)/libfuzzer/all.a
	@mkdir -p $(B)/libfuzzer
	@for f in $(FUZZ_TARGETS); do \
	    echo "== fuzz $$f ($(FUZZ_SECONDS) s)"; \
	    clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $(B)/libfuzzer/$$f test/fuzz/fuzz_$$f.c $(B)/libfuzzer/all.a $(DEP_LIBS) || exit 1; \
	    mkdir -p $(B)/libfuzzer/corpus/$$f; \
	    $(B)/libfuzzer/$$f -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=$(B)/libfuzzer/$$f- $(B)/libfuzzer/corpus/$$f test/fuzz/corpus/$$f || exit 1; \
	done

# Each test file starts its own httpd and chat-push on free ports. SITE picks files,
# WITHOUT leaves some out by name. Those that wait longest begin first.
SITE_FIRST = push-storm relay push-hostile client-matrix
SITE ?= $(filter-out $(WITHOUT:%=test/site/%.test.mjs), \
    $(SITE_FIRST:%=test/site/%.test.mjs) \
    $(filter-out $(SITE_FIRST:%=test/site/%.test.mjs),$(wildcard test/site/*.test.mjs)))
WEB ?= $(wildcard test/web/*.test.mjs)
RUN_TESTS = $(wildcard test/run/*.test.mjs)
DRIFT = $(wildcard test/check/*.test.mjs)
# Not abspath, which would cut a path at its blanks.
B_PATH = $(if $(filter /%,$(B)),$(B),$(CURDIR)/$(B))
NODE_RUN = CHAT_BUILD="$(B_PATH)" CHAT_SANITIZE=$(SANITIZE) CHAT_ENGINE=$(ENGINE) CHAT_HTTPD=$(HTTPD) CHAT_HTTPD_MODULES=$(HTTPD_MODULES) \
    CHAT_CHROMIUM=$(CHROMIUM) $(NODE)
# run.mjs: TEST_JOBS files at once, in this order; make sets MAKE_TERMOUT on a terminal.
NODE_TEST = TEST_JOBS=$(TEST_JOBS) ONLY='$(ONLY)' MAKE_TERMOUT='$(MAKE_TERMOUT)' $(NODE_RUN) test/lib/run.mjs
site: all $(B)/bench/wsload $(B)/mod_auth_stand_in.so
	$(NODE_TEST) $(SITE)

# Every file that starts a site has a database: on PostgreSQL as well (two of them
# do so anyway, four are about httpd alone). Of the pages what reads and writes, without
# the long waits.
SITE_PGSQL = $(filter-out $(patsubst %,test/site/%.test.mjs,pgsql laravel laravel-session doctor startup status vhosts),$(shell grep -l 'await startSite' $(SITE)))
site-pgsql: all
	@$(MAKE) --no-print-directory ENGINE=pgsql SITE="$(SITE_PGSQL)" site
	@$(MAKE) --no-print-directory ENGINE=pgsql WEB=test/web/chat.test.mjs \
	    ONLY='^(what one writes|typing|a message elsewhere|a reload|logging out|no page)' web

# ONLY picks tests by their names.
web: all
	$(NODE_TEST) $(WEB)

run-test: all
	$(NODE_TEST) $(RUN_TESTS)

drift: all
	$(NODE_TEST) $(DRIFT)

# Judges the packages with lintian, and installs, uses, upgrades and purges them on a
# machine of its own made of namespaces; hence root, and not in check.
deb-test:
	$(NODE_TEST) $(wildcard test/deb/*.test.mjs)

# All test files but those on PostgreSQL in one run. What waits longest, Chromium's
# minute without a network, begins early.
check-site: all
	@$(MAKE) --no-print-directory SITE="$(DRIFT) $(WEB) $(RUN_TESTS) $(SITE)" site

check: all
	@$(MAKE) --no-print-directory $(AT_ONCE) tests
	@$(MAKE) --no-print-directory $(AT_ONCE) unit
	@$(MAKE) --no-print-directory fuzz-replay
	@$(MAKE) --no-print-directory check-site
	@$(MAKE) --no-print-directory site-pgsql

ASAN = $(MAKE) --no-print-directory B=build/asan SANITIZE=address,undefined
asan:
	+@$(ASAN) $(AT_ONCE) tests
	+@$(ASAN) $(AT_ONCE) unit
	+@$(ASAN) fuzz-replay
	+@$(ASAN) site

# httpd cannot load a module built for ThreadSanitizer: it gets the ordinary one.
TSAN = CHAT_PLAIN="$(B_PATH)" $(MAKE) --no-print-directory B=build/tsan SANITIZE=thread
tsan: all
	+@$(TSAN) $(AT_ONCE) tests
	+@$(TSAN) $(AT_ONCE) unit
	+@$(TSAN) site

# Everything at once, for so long: chat-push alone, whose memory is looked at closely,
# and beside it a site in which everything is restarted.
SOAK_SECONDS ?= 600
soak: all
	@SOAK_SECONDS=$(SOAK_SECONDS) $(NODE_RUN) test/soak/soak.mjs & one=$$!; \
	    SOAK_SECONDS=$(SOAK_SECONDS)$(if $(KILL_SEED), KILL_SEED=$(KILL_SEED)) $(NODE_RUN) test/soak/site.mjs; two=$$?; \
	    wait $$one && exit $$two

# The same of the pump: TLS that ends in httpd, which is restarted gracefully.
soak-pump: all
	SOAK_SECONDS=$(SOAK_SECONDS) $(NODE_RUN) test/soak/pump.mjs

# Every URL ROUTE_REQUESTS times and more; ONLY picks some.
soak-routes: all
	$(if $(ROUTE_REQUESTS),ROUTE_REQUESTS=$(ROUTE_REQUESTS) )ONLY='$(ONLY)' $(NODE_RUN) test/soak/routes.mjs

# Everybody dies now and then.
KILL_ROUNDS ?= 50
kill: all
	KILL_ROUNDS=$(KILL_ROUNDS)$(if $(KILL_SEED), KILL_SEED=$(KILL_SEED)) $(NODE_RUN) test/kill/kill.mjs

RESTARTS ?= 50
restarts: all
	RESTARTS=$(RESTARTS)$(if $(KILL_SEED), KILL_SEED=$(KILL_SEED)) $(NODE_RUN) test/kill/restarts.mjs

# Figures. bench-ws holds chat-push against the floor (test/bench/ws/README.md),
# bench-rest the chat's URLs and its event log against PHP (test/bench/rest/README.md).
bench: all
	$(NODE_RUN) test/bench/latency.mjs
	@$(MAKE) --no-print-directory bench-rest
	@$(MAKE) --no-print-directory bench-ws

BENCH_LOAD = $(filter-out test/bench/ws/wsfloor.c,$(wildcard test/bench/ws/*.c))
$(B)/bench/wsload: $(BENCH_LOAD:%.c=$(B)/%.o)
$(B)/bench/wsfloor: $(B)/test/bench/ws/wsfloor.o
$(B)/bench/wsload $(B)/bench/wsfloor:
	@mkdir -p $(@D)
	$(call SAY,LD)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcrypto

# 10 MB uploads through httpd: to disk, and to memory, where no disk is waited for.
UPLOAD_SET = $(if $(BENCH_SECONDS),BENCH_SECONDS=$(BENCH_SECONDS) )$(if $(UPLOADS),UPLOADS=$(UPLOADS) )
bench-upload: all
	$(UPLOAD_SET)$(NODE_RUN) test/bench/upload.mjs
	$(UPLOAD_SET)BENCH_DIR=/dev/shm $(NODE_RUN) test/bench/upload.mjs

# As many sockets as the limit of open files allows, in one process.
bench-sockets: $(B)/chat-push $(B)/bench/wsload
	$(if $(SOCKETS),SOCKETS=$(SOCKETS) )$(NODE_RUN) test/bench/ws/sockets.mjs

# Sockets handed over by httpd, what httpd keeps of them, and that they outlive it.
bench-handoff: all $(B)/bench/wsload
	$(if $(SOCKETS),SOCKETS=$(SOCKETS) )$(if $(MPM),MPM=$(MPM) )$(if $(ROUNDS),ROUNDS=$(ROUNDS) )$(if $(SEED),SEED=$(SEED) )$(NODE_RUN) test/bench/handoff.mjs
	$(if $(TLS_SOCKETS),SOCKETS=$(TLS_SOCKETS) )$(NODE_RUN) test/bench/handoff-tls.mjs
	$(NODE_RUN) test/bench/stopped.mjs

BENCH_SET = $(foreach v,ROUNDS SCENARIOS PEER PEER_ROUNDS LOOPS PINGS RESULTS,$(if $($(v)),$(v)="$($(v))"))
bench-ws: $(B)/chat-push $(B)/bench/wsload $(B)/bench/wsfloor
	$(BENCH_SET) $(NODE_RUN) test/bench/ws/run.mjs

$(B)/bench/sink: $(B)/test/bench/rest/sink.o
$(B)/bench/writers: $(B)/test/bench/rest/writers.o
$(B)/bench/sink $(B)/bench/writers:
	@mkdir -p $(@D)
	$(call SAY,LD)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lpq

REST_SET = $(foreach v,PARTS ROUNDS BENCH_SECONDS MESSAGES USERS CONVERSATIONS RATE QUIET TRIES SCHEMA AUDIT CONF BENCH_DIR RESULTS,$(if $($(v)),$(v)="$($(v))"))
bench-rest: all $(B)/bench/sink $(B)/bench/writers
	$(REST_SET) $(NODE_RUN) test/bench/rest/run.mjs

# Conversations of 100,000 messages opened, listed and emptied, on each engine.
bench-big: all
	$(NODE_RUN) test/bench/big.mjs

# Searches among a million messages, on each engine.
bench-search: all
	$(foreach v,MESSAGES ENGINES QUESTIONS BENCH_DIR RESULTS,$(if $($(v)),$(v)="$($(v))")) $(NODE_RUN) test/bench/search/run.mjs

# --- run, install ---------------------------------------------------------------
run: all
	@CHAT_BUILD="$(B_PATH)" CHAT_HTTPD=$(HTTPD) CHAT_HTTPD_MODULES=$(HTTPD_MODULES) exec $(NODE) dev/run.mjs

MODULE_DIR = $(HTTPD_MODULES)
install: all
	install -d $(DESTDIR)$(MODULE_DIR) $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/mod_chat/conf $(DESTDIR)$(PREFIX)/share/mod_chat/sql
	install -m 644 $(B)/mod_chat.so $(DESTDIR)$(MODULE_DIR)/
	install -m 755 $(B)/chat-push $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(B)/chatctl $(DESTDIR)$(PREFIX)/bin/
	install -d $(DESTDIR)$(PREFIX)/lib/mod_chat
	install -m 755 $(B)/chat-files $(DESTDIR)$(PREFIX)/lib/mod_chat/
	install -m 644 ctl/chatctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 push/chat-push.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 644 conf/chat.conf conf/chat-push.json $(DESTDIR)$(PREFIX)/share/mod_chat/conf/
	install -d $(DESTDIR)$(PREFIX)/share/mod_chat/conf/sites
	for f in conf/sites/*.conf; do sed 's|@PREFIX@|$(PREFIX)|' $$f >$(DESTDIR)$(PREFIX)/share/mod_chat/$$f && chmod 644 $(DESTDIR)$(PREFIX)/share/mod_chat/$$f || exit 1; done
	install -d $(addprefix $(DESTDIR)$(PREFIX)/lib/,systemd/system sysusers.d tmpfiles.d mod_chat)
	sed 's|@PREFIX@|$(PREFIX)|' conf/chat-push.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/chat-push.service
	sed 's|@PREFIX@|$(PREFIX)|' conf/chat-purge.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/chat-purge.service
	install -m 644 conf/chat-purge.timer $(DESTDIR)$(PREFIX)/lib/systemd/system/
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/chat-purge.service
	sed 's|@PREFIX@|$(PREFIX)|' conf/setup.sh >$(DESTDIR)$(PREFIX)/lib/mod_chat/setup
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/chat-push.service
	chmod 755 $(DESTDIR)$(PREFIX)/lib/mod_chat/setup
	install -m 644 conf/chat-push.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/chat-push.conf
	install -m 644 conf/chat-push.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/chat-push.conf
	install -m 644 sql/*.sql $(DESTDIR)$(PREFIX)/share/mod_chat/sql/
	$(Q)cp -R $(B)/htdocs $(DESTDIR)$(PREFIX)/share/mod_chat/
	rm -f $(DESTDIR)$(PREFIX)/share/mod_chat/htdocs/.done

# The Debian packages, in build/deb. Built from a copy, since dpkg puts what it makes
# beside the tree, with Debian's own flags. What is compiled there stays, so that a
# second one takes seconds. DEB_VERSION: another version than debian/changelog's.
DEB_DIR = $(B_PATH)/deb
DEB_TREE = $(DEB_DIR)/tree
DEB_LIBS = pusher-js/dist/web lit-html
deb:
	@test -d node_modules/pusher-js || { echo "make: the npm packages are not installed: run npm ci --ignore-scripts" >&2; exit 1; }
	@mkdir -p "$(DEB_TREE)"
	$(Q)rm -f "$(DEB_DIR)"/*.deb "$(DEB_DIR)"/*.changes "$(DEB_DIR)"/*.buildinfo
	$(Q)find "$(DEB_TREE)" -mindepth 1 -maxdepth 1 ! -name build ! -name config.mk -exec rm -rf {} +
	$(Q)tar -cf - --exclude='./build*' --exclude='./$(B)' --exclude=./config.mk --exclude='./.git' --exclude=./node_modules . | tar -xf - -C "$(DEB_TREE)"
	$(Q)tar -cf - $(addprefix node_modules/,$(DEB_LIBS)) | tar -xf - -C "$(DEB_TREE)"
	$(if $(DEB_VERSION),$(Q)sed -i '1s/(.*)/($(DEB_VERSION))/' "$(DEB_TREE)/debian/changelog")
	$(Q)cd "$(DEB_TREE)" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS="parallel=$$(nproc) $$DEB_BUILD_OPTIONS" dpkg-buildpackage -b -us -uc -nc >../build.log 2>&1 || { tail -n 40 ../build.log >&2; exit 1; }
	@ls "$(DEB_DIR)"/*.deb

clean:
	rm -rf $(B)

distclean: clean
	rm -rf config.mk node_modules

help:
	@sed -n 's/^#   //p' Makefile

-include $(shell find $(B) -path $(B)/peer -prune -o -type f -name '*.d' -print 2>/dev/null)
