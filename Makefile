# The LLM router for nginx.  "make help" lists what can be made.

SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

TOP := $(CURDIR)
BUILD := build
MODULE := $(BUILD)/ngx_http_llm_router_module.so
# Who starts nginx takes this out of its environment: nginx would read it as
# sockets that it inherits.
NGINX ?= $(shell PATH=$$PATH:/usr/sbin command -v nginx || echo nginx)

# The nginx to build for: Debian's nginx-dev, or a complete source tree.
NGINX_SRC ?= /usr/share/nginx/src
NGINX_VERSION = $(shell sed -n \
	's/^\#define NGINX_VERSION  *"\(.*\)"/\1/p' \
	$(NGINX_SRC)/src/core/nginx.h 2>/dev/null)

JOBS ?= $(shell nproc)
CC ?= cc
OPT ?= -g -O2
HARDEN := -fPIC -fno-plt -fno-semantic-interposition \
	-fstack-protector-strong -D_FORTIFY_SOURCE=2
WARN := -Wall -Wextra -Wmissing-prototypes -Wshadow -Wstrict-prototypes \
	-Wvla -Wno-unused-parameter -Werror

TREE := $(BUILD)/nginx
BUILT = $(TREE)/objs/ngx_http_llm_router_module.so
CONFIGURED = $(TREE)/.configured-$(NGINX_VERSION)
INCS := $(addprefix -I $(TREE)/,src/core src/event src/event/modules \
	src/os/unix objs src/http src/http/modules src/http/v2) \
	$(addprefix -I ,$(sort $(dir $(wildcard src/*/*.h))))

# -- packages ---------------------------------------------------------------

PACKAGES := build-essential curl nginx-core nginx-dev libjansson-dev \
	libhiredis-dev libpcre2-dev libssl-dev
PACKAGES_TEST := libtest-base-perl libtest-longstring-perl \
	libtext-diff-perl faketime redis-server openssl
PACKAGES_REAL := liblist-moreutils-perl libwww-perl
PACKAGES_LINT := clang-tidy cppcheck python3
PACKAGES_DEV := clang $(PACKAGES_LINT) valgrind wrk dpkg-dev

SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
sdk_needed = $(wildcard t/sdk/run.sh)
npm_needed = $(wildcard dashboard/package-lock.json)
npm_packages = $(if $(sdk_needed)$(npm_needed),$(shell \
	command -v npm >/dev/null 2>&1 || echo nodejs npm))
sdk_packages = $(if $(sdk_needed),python3 python3-venv)
browser_needed = $(wildcard t/browser/run.sh)

# the small one where there is one: it takes half the time
browser_packages = $(if $(browser_needed),$(shell \
	command -v chromium-headless-shell chromium >/dev/null \
	|| { apt-cache show chromium-headless-shell >/dev/null 2>&1 \
	     && echo chromium-headless-shell; } || echo chromium))

# Installing nginx-core or redis-server starts it where it can; one that did
# not run before is stopped again, one that did is left alone.
SERVERS := nginx:/run/nginx.pid redis-server:/run/redis/redis-server.pid

define install
	missing=; mkdir -p $(BUILD); \
	if ! command -v apt-get >/dev/null 2>&1; then $(MAKE) missing; exit; fi; \
	for p in $(1); do \
	    dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null \
	        | grep -q '^install ok installed' || missing="$$missing $$p"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	echo "installing:$$missing"; \
	had=$$(for s in $(SERVERS); do ls $${s#*:} 2>/dev/null || true; done); \
	install="$(SUDO) env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get \
	    install -y -q --no-install-recommends $$missing"; \
	$$install >$(BUILD)/apt.log 2>&1 \
	    || { $(SUDO) apt-get update -q >>$(BUILD)/apt.log 2>&1; \
	         $$install >>$(BUILD)/apt.log 2>&1; } \
	    || { tail -20 $(BUILD)/apt.log; exit 1; }; \
	for s in $(SERVERS); do \
	    case "$$had" in *"$${s#*:}"*) continue ;; esac; \
	    [ -f "$${s#*:}" ] || continue; \
	    $(SUDO) systemctl stop "$${s%%:*}" 2>/dev/null \
	        || $(SUDO) kill -TERM "$$(cat "$${s#*:}")" 2>/dev/null || true; \
	done
endef

.PHONY: deps
deps: deps-run ## install what building, running and testing need (apt, npm)
	@$(call install,$(PACKAGES_TEST) $(sdk_packages) $(browser_packages))
	@$(if $(sdk_needed),t/sdk/run.sh deps)
	@$(if $(browser_needed),t/browser/run.sh deps)
	@$(if $(npm_needed),$(MAKE) dashboard/node_modules/.done)

.PHONY: deps-run
deps-run: | $(BUILD) # of them what building and running need
	@$(call install,$(PACKAGES) $(npm_packages))

.PHONY: deps-dev
deps-dev: deps ## what lint, asan, valgrind, fuzz and bench need besides
	@$(call install,$(PACKAGES_DEV))

.PHONY: deps-real
deps-real: deps # what CPAN's Test::Nginx::Socket needs from Debian
	@$(call install,$(PACKAGES_REAL))

%/node_modules/.done: %/package-lock.json
	@echo "npm      $<"
	@cd $* && npm ci --silent --no-fund --no-audit
	@touch $@

.PHONY: missing
missing:
	@echo "this system has no apt-get; what is needed and not found:"
	@for c in $(CC) nginx perl curl; do \
	    PATH=$$PATH:/usr/sbin command -v $$c >/dev/null || echo "  $$c"; \
	done
	@for h in jansson.h hiredis/hiredis.h pcre2.h openssl/ssl.h; do \
	    printf '#define PCRE2_CODE_UNIT_WIDTH 8\n#include <%s>\n' $$h \
	        | $(CC) -E - >/dev/null 2>&1 || echo "  header $$h"; \
	done
	@for m in Test::Base Test::LongString; do \
	    perl -M$$m -e1 2>/dev/null || echo "  Perl module $$m"; \
	done
	@[ -f $(NGINX_SRC)/src/core/nginx.h ] \
	    || echo "  nginx's sources: make NGINX_SRC=directory"

# -- the module -------------------------------------------------------------

# A missing symbol shows only when nginx loads the module.
LOADS = printf 'load_module %s;\npid %s/load.pid;\nevents { }\n' \
	$(TOP)/$(MODULE).new $(TOP)/$(BUILD) >$(BUILD)/load.conf; \
	env -u NGINX $(NGINX) -t -q -e stderr -c $(TOP)/$(BUILD)/load.conf;

.PHONY: all
all: module dashboard ## the module and the dashboard

# One at a time: two that configure the same tree would spoil it.
.PHONY: module
module: | $(BUILD)
	@flock $(BUILD)/.lock $(MAKE) module-alone

.PHONY: module-alone
module-alone: $(CONFIGURED)
	@$(MAKE) -s -j$(JOBS) -C $(TREE) -f objs/Makefile modules \
	    CC='$(CC) $(WARN)' 2>&1 | tee $(BUILD)/module.log >&2
	@cmp -s $(BUILT) $(MODULE) || { cp $(BUILT) $(MODULE).new; \
	    $(if $(findstring $(TREE),$(BUILD)/nginx),$(LOADS)) \
	    mv $(MODULE).new $(MODULE); echo "$(MODULE)"; }

.PHONY: dashboard
dashboard:
	@if [ -x dashboard/build ]; then dashboard/build; fi

# A tree of links, so that nginx's own configure can write beside it.
$(TREE)/.configured-%: config | $(BUILD)
	@[ -f $(NGINX_SRC)/src/core/nginx.h ] \
	    || { echo "no nginx in $(NGINX_SRC): make deps"; exit 1; }
	@[ $(TREE)/src/core/nginx.h -ef $(NGINX_SRC)/src/core/nginx.h ] || { \
	    rm -rf $(TREE); mkdir -p $(TREE); \
	    cp -rs $(abspath $(NGINX_SRC))/. $(TREE)/; }
	@echo "configure for nginx $*"
	@cd $(TREE) && NGX_CONF_FLAGS=(--with-compat --with-http_ssl_module \
	        --with-http_v2_module --with-debug); \
	    [ ! -f conf_flags ] || . ./conf_flags; \
	    [ -f configure ] && conf=configure || conf=auto/configure; \
	    bash $$conf "$${NGX_CONF_FLAGS[@]}" \
	        --with-cc-opt='$(OPT) $(HARDEN)' --with-ld-opt='-fPIC' \
	        --add-dynamic-module=$(TOP) >$(TOP)/$(BUILD)/configure.log 2>&1 \
	    || { tail -20 $(TOP)/$(BUILD)/configure.log; exit 1; }
	@rm -f $(TREE)/.configured-*
	@touch $@

$(TREE)/.configured-:
	@echo "no nginx in $(NGINX_SRC): make deps"; exit 1

$(TREE)/objs/ngx_auto_config.h:
	@$(MAKE) $(CONFIGURED)

$(BUILD):
	@mkdir -p $@

config:
	@echo "no file config: nothing to build yet"; exit 1

.PHONY: mainline
mainline: ## build against another nginx: NGINX_SRC=its source tree
	@[ -f '$(NGINX_SRC)/auto/configure' ] \
	    || [ -f '$(NGINX_SRC)/configure' ] \
	    || { echo "make mainline NGINX_SRC=directory"; exit 1; }
	@$(MAKE) module TREE=$(BUILD)/mainline NGINX_SRC='$(NGINX_SRC)' \
	    MODULE=$(BUILD)/mainline/objs/built.so
	@echo "built for nginx $(NGINX_VERSION)"

.PHONY: install
install: module ## copy the module (and the dashboard) to DESTDIR
	@dir=$$($(NGINX) -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p'); \
	dir="$(DESTDIR)$(or $(MODULESDIR),$${dir:-/usr/lib/nginx/modules})"; \
	install -d "$$dir"; \
	install -m 644 $(MODULE) "$$dir/"; \
	echo "$$dir/$(notdir $(MODULE))"
	@if [ -d dashboard/dist ]; then \
	    dir="$(DESTDIR)/usr/share/llm-router/dashboard"; \
	    mkdir -p "$$dir"; cp -r dashboard/dist/. "$$dir/"; echo "$$dir"; \
	fi

.PHONY: run
run: deps-run all mock ## the router on PORT=8080 (NODES=, REDIS=)
	@NGINX='$(NGINX)' exec conf/run

# -- tests ------------------------------------------------------------------

MOCK_C := $(sort $(wildcard t/lib/mock_*.c))
UNIT := $(patsubst t/unit/%.c,$(BUILD)/unit/%,$(wildcard t/unit/*.c))
ASAN_UNIT := $(UNIT:$(BUILD)/unit/%=$(BUILD)/asan-unit/%)
DEPS = -MMD -MP -MT $@ -MF $(BUILD)/deps/$(subst /,-,$@).d
FUZZ := $(patsubst t/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard t/fuzz/*.c))

.PHONY: mock
mock: $(if $(MOCK_C),$(BUILD)/mock_node) ## the mock node of the tests

$(BUILD)/mock_node: $(MOCK_C) $(wildcard t/lib/mock_*.h) | $(BUILD)
	@echo "cc       $@"
	@$(CC) -O2 -g -Wall -Wextra -Werror -o $@ $(MOCK_C) \
	    $$(! grep -ql '^#include <openssl' $(MOCK_C) || echo -lssl -lcrypto)

.PHONY: unit
unit: | $(TREE)/objs/ngx_auto_config.h
	@$(MAKE) -s -j$(JOBS) $(UNIT)

# A unit test includes the file that it tests.  What it needs besides stands
# in a line " * build: …" of its head comment.
$(BUILD)/unit/%: t/unit/%.c | $(TREE)/objs/ngx_auto_config.h
	@mkdir -p $(BUILD)/unit $(BUILD)/deps
	@echo "cc       $@"
	@$(CC) $(DEPS) $(OPT) -fno-strict-aliasing $(WARN) $(INCS) -o $@ $< \
	    $$(sed -n '1,40s/^ \* build: *//p' $<)

.PHONY: test
test: deps all mock unit ## every test; ends with "N passed, N failed"
	@LLMTEST_NGINX='$(NGINX)' t/run $(TESTS)

.PHONY: screenshots
screenshots: deps all mock ## the pictures of the dashboard, from a router at work
	@LLMTEST_NGINX='$(NGINX)' t/browser/screenshots.sh

.PHONY: test-real
test-real: all mock # the same t/*.t under CPAN's Test::Nginx::Socket
	@perl -e 'exit !grep { -f "$$_/Test/Nginx/Socket.pm" } @INC' || { \
	    echo "no Test::Nginx::Socket: install it from CPAN, or" \
	        "make test-real PERL5LIB=…/test-nginx/lib"; exit 1; }
	@LLMTEST_REAL=1 LLMTEST_NGINX='$(NGINX)' t/run $(or $(TESTS),t)

.PHONY: test-engine
test-engine: all ## the engine's own tests (t/engine)
	@LLMTEST_NGINX='$(NGINX)' t/engine/run.sh

.PHONY: lint
lint: $(CONFIGURED) ## line rules, cppcheck, clang-tidy, README against the directives; DEEP=1 as CI does
	@$(call install,$(PACKAGES_LINT))
	@t/lint $(if $(DEEP),--deep)

.PHONY: arch
arch: ## the arrows between the folders
	@$(call install,python3)
	@t/arch

# -- sanitizers and analysers -----------------------------------------------

DEBIAN_SRC = $(BUILD)/src
FULL_SRC ?= $(firstword $(wildcard $(DEBIAN_SRC)/nginx-*/))
ASAN := $(BUILD)/asan
# -O0 is compiled in a third of the time of -O1, and checked no less.
ASAN_CC := -O0 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-DNGX_DEBUG_PALLOC=1
ASAN_TESTS ?= t

# Debian's complete source, by a private list of the same archives
$(DEBIAN_SRC)/.done:
	@[ -n "$$(command -v apt-get)" ] \
	    || { echo "no apt-get: make asan FULL_SRC=directory"; exit 1; }
	@echo "source   nginx"
	@mkdir -p $(BUILD)/apt/lists/partial $(DEBIAN_SRC)
	@apt-get indextargets \
	    --format 'deb-src $$(REPO_URI) $$(RELEASE) $$(COMPONENT)' \
	    'Created-By: Packages' | sort -u >$(BUILD)/apt/sources.list
	@apt="apt-get -q -o APT::Sandbox::User=root \
	    -o Dir::Etc::sourcelist=$(TOP)/$(BUILD)/apt/sources.list \
	    -o Dir::Etc::sourceparts=/dev/null \
	    -o Dir::State::lists=$(TOP)/$(BUILD)/apt/lists \
	    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="; \
	version=$$(dpkg-query -W -f '$${source:Version}' nginx-core); \
	exec 3>$(BUILD)/apt/log; cd $(DEBIAN_SRC); \
	$$apt update >&3 2>&1; \
	$$apt source "nginx=$$version" >&3 2>&1 || $$apt source nginx >&3 2>&1 \
	    || tar xf nginx_$${version%%-*}.orig.tar.gz >&3 2>&1 \
	    || { tail -20 $(TOP)/$(BUILD)/apt/log; exit 1; }
	@touch $@

$(ASAN)/.configured: config $(if $(FULL_SRC),,$(DEBIAN_SRC)/.done)
	@src="$(or $(FULL_SRC),$$(ls -d $(DEBIAN_SRC)/nginx-*/))"; \
	rm -rf $(ASAN); mkdir -p $(ASAN); \
	cp -rs "$$(realpath "$$src")"/. $(ASAN)/; \
	cd $(ASAN); rm -f objs; \
	[ -f configure ] && conf=configure || conf=auto/configure; \
	bash $$conf --prefix=/usr/share/nginx --with-debug --with-compat \
	    --with-http_ssl_module --with-http_v2_module --with-pcre-jit \
	    --with-http_stub_status_module --with-threads \
	    --with-http_auth_request_module --with-http_sub_module \
	    --with-http_realip_module \
	    --with-cc-opt='$(ASAN_CC)' \
	    --with-ld-opt='-fsanitize=address,undefined' \
	    --add-module=$(TOP) >$(TOP)/$(ASAN).log 2>&1 \
	    || { tail -20 $(TOP)/$(ASAN).log; exit 1; }
	@touch $@

.PHONY: asan-nginx
asan-nginx: $(ASAN)/.configured
	@$(MAKE) -s -C $(ASAN) -f objs/Makefile -j$(JOBS) \
	    objs/nginx >>$(ASAN).log 2>&1 || { tail -30 $(ASAN).log; exit 1; }

$(BUILD)/asan-unit/%: t/unit/%.c | $(TREE)/objs/ngx_auto_config.h
	@mkdir -p $(BUILD)/asan-unit $(BUILD)/deps
	@echo "cc       $@"
	@$(CC) $(DEPS) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -fno-strict-aliasing $(WARN) $(INCS) -o $@ $< \
	    $$(sed -n '1,40s/^ \* build: *//p' $<)

.PHONY: asan-build
asan-build: asan-nginx mock # what "make asan" runs
	@$(MAKE) -s -j$(JOBS) $(ASAN_UNIT)

# Leaks that only show when a process ends are valgrind's part.
.PHONY: asan
asan: asan-build ## the tests with address and undefined sanitizers (ASAN_TESTS=files)
	@ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:detect_stack_use_after_return=1 \
	UBSAN_OPTIONS=print_stacktrace=1:suppressions=$(TOP)/t/ubsan.supp \
	TEST_NGINX_BINARY=$(TOP)/$(ASAN)/objs/nginx TEST_NGINX_LOAD_MODULES= \
	    t/run $(ASAN_UNIT) $(ASAN_TESTS)

VALGRIND_TESTS ?= $(wildcard t/harness_smoke.t t/http_body.t t/http_auth.t)

.PHONY: valgrind
valgrind: all mock ## tests in one process under valgrind (VALGRIND_TESTS=files)
	@$(call install,valgrind)
	@LLMTEST_VALGRIND=1 t/run -j1 $(VALGRIND_TESTS)

FUZZ_RUNS ?= 200000
CLANG := $(shell command -v clang 2>/dev/null)

.PHONY: fuzz
fuzz: $(FUZZ) ## fuzz the parsers (FUZZ_RUNS=200000)
	@[ -n '$(FUZZ)' ] || { echo 'no t/fuzz/*.c'; exit 1; }
	@for f in $(FUZZ); do \
	    n=$${f##*/}; mkdir -p $(BUILD)/corpus/$$n; \
	    echo "fuzz     $$n, $(FUZZ_RUNS) runs"; \
	    if [ -n '$(CLANG)' ]; then \
	        seeds=; for d in t/fuzz/corpus/$$n t/fuzz/corpus; do \
	            [ -d $$d ] && { seeds=$$d; break; } || true; done; \
	        $$f -runs=$(FUZZ_RUNS) -timeout=10 -max_len=4096 \
	            -artifact_prefix=$(BUILD)/corpus/$$n- -print_final_stats=1 \
	            $(BUILD)/corpus/$$n $$seeds >$(BUILD)/fuzz/$$n.log 2>&1 \
	            || { tail -40 $(BUILD)/fuzz/$$n.log; exit 1; }; \
	        sed -n 's/^stat::\(number_of_exec[^:]*\|average[^:]*\)/  \1/p' \
	            $(BUILD)/fuzz/$$n.log; \
	    else \
	        $$f $(FUZZ_RUNS) 1; \
	    fi; \
	done

$(BUILD)/fuzz/%: t/fuzz/%.c | $(TREE)/objs/ngx_auto_config.h
	@mkdir -p $(BUILD)/fuzz $(BUILD)/deps
	@echo "cc       $@"
	@libs=$$(sed -n '1,40s/^ \* build: *//p' $<); \
	! grep -q '<jansson.h>' $< || libs="$$libs -ljansson"; \
	if [ -n '$(CLANG)' ]; then \
	    $(CLANG) $(DEPS) -O1 -g -fsanitize=fuzzer,address,undefined \
	        -fno-sanitize-recover=all $(INCS) -o $@ $< $$libs; \
	else \
	    $(CC) $(DEPS) -DSTANDALONE -O1 -g -fsanitize=address,undefined $(INCS) \
	        -o $@ $< $$libs; \
	fi

.PHONY: bench
bench: all mock ## benchmarks, beside nginx's own proxy_pass
	@bench/run

# ---------------------------------------------------------------------------

-include $(wildcard $(BUILD)/deps/*.d)

.PHONY: clean
clean: ## remove what was made
	@rm -rf $(BUILD) t/servroot

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile \
	    | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'
