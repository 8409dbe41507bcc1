# quantal: make demo | build | build-gpu | dist | cuda.test | test | race | wine | arm64 | lint | evidence-check | vulncheck | starts | fuzz | bench | bench-peers | ptx

GO ?= go
# Of staticcheck only the version is pinned; `go run` fetches it.
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2

# How long the tests of one package may take before they count as hung. Only a machine that does much else comes near it.
TEST_TIMEOUT ?= 6h
TEST = $(GO) test -timeout $(TEST_TIMEOUT)

.PHONY: demo build build-gpu dist cuda.test ptx test race lint wine arm64 evidence-check vulncheck starts fuzz bench bench-peers go numpy slurm

demo: build
	./quantal demo

build: go
	CGO_ENABLED=0 $(GO) build -o quantal ./cmd/quantal

# One program for machines with and without a GPU. Building it needs a C compiler and nothing of NVIDIA's; running it needs
# only NVIDIA's driver, or nothing. Without the symbols for debuggers it is small enough to carry around.
build-gpu: go
	GO="$(GO)" kernels/cuda/go.sh build -ldflags=-s -o quantal-gpu ./cmd/quantal

# What a release consists of, in the folder dist, the same bytes from each clean clone of a commit: archives for all systems
# with licences, manual page and completions, packages for Debian, an SBOM, checksums. The one for GPUs needs a C compiler.
# SYSTEMS="linux/amd64 darwin/arm64" makes these alone.
dist: go
	$(GO) run ./internal/dist $(SYSTEMS)

# The tests of the GPU kernels as a program, for bench/gpu.sh on a machine without Go.
cuda.test: go
	GO="$(GO)" kernels/cuda/go.sh test -c -ldflags=-s -o cuda.test ./kernels/cuda

# Compiles the CUDA sources anew; needs nvcc.
ptx:
	kernels/cuda/ptx.sh

# What the tests need beside Go: python3 with numpy, which reads what quantal exports. Those on a Slurm start one if it is installed.
test: go numpy slurm
	$(GO) vet ./...
	$(TEST) ./...

# Only packages with goroutines, and of the slow ones what has several: of experiments threads, stops and resuming; of cmd scripts
# with signals, progress and pages; of kernels/cpu not the comparisons of numbers, and one kernel set, as the detector sees Go alone.
NUMBERS = AgainstFloat64|AgainstPortable|TestMemory|TestNormalMoments|TestDrawsHave|TestConformance/NoiseOfExamples/^[A-Z]
NUMBERS := $(NUMBERS)|TestConformance/(Against|PublishedPreset|SumsOf|.*Laws?$$)
race: go
	$(TEST) -race -short ./kernels/ptx ./mnist ./train ./results/store ./grid ./serve ./dynamics ./dynamics/spiking
	$(TEST) -race -short ./dynamics/... -run 'Threads|Stops|Resume'
	$(TEST) -race -short ./cmd/... -run 'TestScripts/^(train|grid|gridkill|resume|search|serve|seeds|talk|curves|data)$$'
	QUANTAL_KERNELS=portable $(TEST) -race -short ./kernels/cpu -skip '$(NUMBERS)'
	$(TEST) -race -run TestOrders ./kernels/cuda

# The program for Windows under wine: internal/wine/check.sh says what that needs.
wine: go
	internal/wine/check.sh

# The program for arm64 in an emulator: internal/arm64/check.sh says what that needs, and what it leaves out.
arm64: go
	internal/arm64/check.sh

lint: go
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	@! LC_ALL=C.UTF-8 grep -nE '^.{121,}' $$(git ls-files '*.go') || { echo "want lines of at most 120 characters"; exit 1; }
	$(GO) vet ./...
	$(GO) test ./internal/lint
	$(GO) run $(STATICCHECK) ./...

# Recomputes the numbers that pages publish from the tables in results/published; make test does so, too.
evidence-check: go
	@$(GO) run ./internal/evidence

# Known holes in what the program links. VULNDB=file:///FOLDER asks a copy of the database.
VULNDB ?= https://vuln.go.dev
vulncheck: go
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db "$(VULNDB)" ./...

# The program starts on go.mod's version of Go and the next one: Gorgonia depends on the insides of Go's runtime.
GO_VERSIONS ?= go$(shell sed -n 's/^go //p' go.mod) go1.27.0
starts: go
	for version in $(GO_VERSIONS); do \
		said=$$(GOTOOLCHAIN=$$version CGO_ENABLED=0 $(GO) run ./cmd/quantal version) && echo "$$said" && \
			echo "$$said" | grep -q "with *$$version " || exit 1; \
	done

# So many executions, about 20 s of each: at the end of a time instead, a busy machine makes go test fail now and then.
fuzz: go
	$(TEST) ./mnist -run '^$$' -fuzz FuzzReadIDX -fuzztime 500000x
	$(TEST) ./results/store -run '^$$' -fuzz FuzzReadSafetensors -fuzztime 200000x
	$(TEST) ./results/store -run '^$$' -fuzz FuzzReadConfig -fuzztime 200000x
	$(TEST) ./kernels/ptx -run '^$$' -fuzz FuzzParse -fuzztime 500000x
	$(TEST) ./graph -run '^$$' -fuzz FuzzParseLaw -fuzztime 100000x

bench: go
	$(TEST) ./kernels ./kernels/cpu ./mnist -run '^$$' -bench .

# quantal beside PyTorch, Gorgonia and, given FLOOR_C and MNIST, C: a quarter of an hour, best alone on the machine.
# PYTHON, FLOOR_C (the C program's source), MNIST (a folder with the unpacked files): go doc ./bench/peers
bench-peers: go
	GO="$(GO)" PYTHON="$(PYTHON)" FLOOR_C="$(FLOOR_C)" MNIST="$(MNIST)" $(GO) run ./bench/peers $(PEERS)

go:
	@command -v $(GO) >/dev/null || { echo "quantal needs Go 1.26 or newer: https://go.dev/dl"; exit 1; }

numpy:
	@python3 -c 'import numpy' 2>/dev/null || /usr/bin/python3 -c 'import numpy' 2>/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq python3-numpy; } || \
		{ echo "the tests read exported files with python3 and numpy: apt-get install python3-numpy"; exit 1; }

slurm:
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin"; { [ "$$(id -u)" = 0 ] && command -v slurmctld && command -v slurmd && command -v sbatch; } >/dev/null || \
		echo "NOT TESTED: grids on a Slurm cluster. As root, with slurmctld, slurmd and slurm-client installed, make test starts one and tests them."
