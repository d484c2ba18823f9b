# The chores by their words; each is a function of dev.py. `make test ARGS="-k frames"` passes arguments on.
PYTHON ?= python3
WORDS = help install example test test-js fleet lint fix types bundle check bench matrix faults fuzz soak kills latency build clean

.PHONY: $(WORDS)
$(WORDS):
	@$(PYTHON) dev.py $@ $(ARGS)
