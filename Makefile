# A thin front of Meson and Ninja.  `make help` lists what there is.
BUILD ?= build
TYPE ?= release
NINJA = ninja -C $(BUILD)
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1

all: $(BUILD)/.stamp
	$(NINJA) c8s

# Configures at first, and again when source files come or go.  -O3 would make the program a twentieth larger and no faster.
$(BUILD)/.stamp: FORCE
	@[ -f $(BUILD)/build.ninja ] || ! command -v apt-get >/dev/null || sh tools/setup.sh build
	@new=$$(python3 tools/sources.py stamp); \
	if [ ! -f $(BUILD)/build.ninja ]; then meson setup $(BUILD) --buildtype=$(TYPE) -Doptimization=2 $(MESON_ARGS) >/dev/null && echo $$new > $@; \
	elif [ "$$new" != "$$(cat $@ 2>/dev/null)" ]; then meson setup --reconfigure $(BUILD) >/dev/null && echo $$new > $@; fi

# Everything for development: library, tests, program.
dev: TYPE = debugoptimized
dev: $(BUILD)/.stamp
	$(NINJA)

unit: dev
	meson test -C $(BUILD) --suite unit --print-errorlogs

install: all
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

# A cluster of one node with a Pod on it, and its end.
run: all
	@python3 tools/run.py start

stop:
	@python3 tools/run.py stop

# Suites of tests/run.py: what takes minutes, and the rest.
test: dev
	@! command -v apt-get >/dev/null || sh tools/setup.sh run test || echo "What needs them is skipped."
	python3 tests/run.py house unit runtime server badinput vectors clients e2e kill

test-long: test fuzz
	python3 tests/run.py vectors-all kill-long fuzz-long
	KUBECTL=tests/clients/bin/kubectl python3 tests/run.py e2e
	$(MAKE) asan tsan

vectors e2e clients kill server badinput: dev
	python3 tests/run.py $@

# Builds of their own under the sanitizers: unit tests, vectors and kills.
ASAN = BUILD=build-asan TYPE=debugoptimized MESON_ARGS='-Db_sanitize=address,undefined -Db_lundef=false'
TSAN = BUILD=build-tsan TYPE=debugoptimized MESON_ARGS='-Db_sanitize=thread -Db_lundef=false'
asan:
	$(MAKE) dev $(ASAN)
	C8S_SEEDS=5 ASAN_OPTIONS=detect_stack_use_after_return=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 setarch -R python3 tests/run.py --build build-asan unit vectors

# The thread sanitizer cannot place its memory where addresses are random over 32 bits.
tsan:
	$(MAKE) dev $(TSAN)
	C8S_SEEDS=5 TSAN_OPTIONS=halt_on_error=1 TEST_WRAPPER="setarch -R" setarch -R python3 tests/run.py --build build-tsan unit vectors

fuzz:
	@! command -v apt-get >/dev/null || sh tools/setup.sh fuzz
	CC=clang CXX=clang++ $(MAKE) dev BUILD=build-fuzz TYPE=debugoptimized \
		MESON_ARGS='-Dfuzz=true -Dtests=false -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link'

# The figures, on a release build.
bench:
	$(MAKE) all BUILD=build-release TYPE=release
	python3 bench/bench.py --build build-release

# The pages of commands, from the tables that parse their flags.
docs: all
	@for c in kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubelet server; do \
		$(BUILD)/c8s help $$c --markdown > docs/commands/$$c.md || exit 1; done

clean:
	rm -rf $(BUILD)

FORCE:
help:
	@echo 'make            the program, build/c8s        make install    with DESTDIR, prefix of Meson'
	@echo 'make run        a cluster with a Pod on it     make stop       its end'
	@echo 'make test       minutes                        make test-long  hours'
	@echo 'make unit | vectors | clients | e2e | kill | server | badinput | asan | tsan | fuzz    parts of it'
	@echo 'make bench      the figures                    make docs       docs/commands'
	@echo 'make clean'

.PHONY: all dev unit install clean run stop test test-long vectors e2e clients kill server badinput asan tsan fuzz bench docs help FORCE
