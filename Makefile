# A thin front of Meson and Ninja.  `make help` lists what there is.
BUILD ?= build
TYPE ?= release
NINJA = ninja -C $(BUILD)
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1

all: $(BUILD)/.stamp
	$(NINJA) c8s

# Configures at first, and again when source files come or go.
$(BUILD)/.stamp: FORCE
	@command -v meson >/dev/null || sh tools/setup.sh build
	@new=$$(python3 tools/sources.py stamp); \
	if [ ! -f $(BUILD)/build.ninja ]; then meson setup $(BUILD) --buildtype=$(TYPE) $(MESON_ARGS) >/dev/null && echo $$new > $@; \
	elif [ "$$new" != "$$(cat $@ 2>/dev/null)" ]; then meson setup --reconfigure $(BUILD) >/dev/null && echo $$new > $@; fi

# Everything for development: library, tests, program.
dev: TYPE = debugoptimized
dev: $(BUILD)/.stamp
	$(NINJA)

unit: dev
	meson test -C $(BUILD) --suite unit --print-errorlogs

install: all
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: all dev unit install clean FORCE
