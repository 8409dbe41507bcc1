// A driver library without a GPU, for device_test.go: memory is the host's, and of the kernels only advance is known. What is
// captured is done when its graph is launched, not before. FAKE_GPUS is how many GPUs there are, 1 if it is not set, and FAKE_OLD the
// number of one that is too old. As with NVIDIA's, a thread works in the context that was made current there, and nothing of one GPU
// can be used in the context of another.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long address;
typedef struct gpu gpu;
typedef struct { gpu *owner; } module;
typedef struct { gpu *owner; char name[64]; } function;
typedef struct { function *f; void *pointer; int number; } launch;
typedef struct { gpu *owner; int count; launch launches[64]; } graph;
typedef struct { gpu *owner; int capturing; graph captured; } stream;
struct gpu { int users; size_t used; }; // its context, too
typedef struct { gpu *owner; address from; size_t bytes; } allocation;

static gpu gpus[8];
static __thread gpu *current;
static allocation allocations[4096];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

enum { invalidValue = 1, outOfMemory = 2, invalidDevice = 101, invalidContext = 201, invalidHandle = 400, illegalAddress = 700 };

static int count(void) { return getenv("FAKE_GPUS") ? atoi(getenv("FAKE_GPUS")) : 1; }
static int isOld(int d) { return getenv("FAKE_OLD") && atoi(getenv("FAKE_OLD")) == d; }

// wrong is the error of work in the current context on something of a GPU.
static int wrong(const gpu *owner) { return !current || !current->users ? invalidContext : owner != current ? invalidHandle : 0; }

// outside is the error of work in the current context on memory.
static int outside(address a, size_t n) {
	int code = wrong(current);
	if (code) return code;
	code = illegalAddress;
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 4096; i++) {
		allocation *m = &allocations[i];
		if (m->owner == current && m->from <= a && a + n <= m->from + m->bytes) code = 0;
	}
	pthread_mutex_unlock(&mutex);
	return code;
}

// note adds a line to the file FAKE_LOG, if there is one.
static void note(const char *what) {
	FILE *f = getenv("FAKE_LOG") ? fopen(getenv("FAKE_LOG"), "a") : NULL;
	if (f) fprintf(f, "%s\n", what), fclose(f);
}
__attribute__((constructor)) static void load(void) { note("loaded"); }

int cuInit(unsigned flags) { note("started"); return flags ? 1 : getenv("FAKE_NO_DEVICE") ? 100 : 0; }
int cuDriverGetVersion(int *v) { *v = 12040; return 0; }
int cuDeviceGetCount(int *n) { *n = count(); return 0; }
int cuDeviceGet(int *d, int ordinal) { *d = ordinal; return ordinal < count() ? 0 : invalidDevice; }
int cuDeviceGetName(char *name, int n, int d) { (void)d; snprintf(name, n, "Fake"); return 0; }
int cuDeviceTotalMem_v2(size_t *n, int d) { (void)d; *n = (size_t)1 << 30; return 0; }
int cuDeviceGetAttribute(int *v, int attribute, int d) {
	*v = attribute == 75 ? (isOld(d) ? 7 : 9) : attribute == 76 ? (isOld(d) ? 5 : 0) : attribute == 97 ? 227 << 10 : 132;
	return 0;
}
int cuDevicePrimaryCtxRetain(void **ctx, int d) {
	pthread_mutex_lock(&mutex);
	gpus[d].users++;
	pthread_mutex_unlock(&mutex);
	*ctx = &gpus[d];
	return 0;
}
int cuDevicePrimaryCtxRelease_v2(int d) {
	pthread_mutex_lock(&mutex);
	int code = gpus[d].users-- > 0 ? 0 : invalidContext;
	pthread_mutex_unlock(&mutex);
	return code;
}
int cuCtxSetCurrent(void *ctx) { current = ctx; return wrong(ctx); }
int cuCtxSynchronize(void) { return wrong(current); }
int cuStreamCreate(void **s, unsigned flags) {
	(void)flags;
	if (wrong(current)) return wrong(current);
	stream *new = calloc(1, sizeof *new);
	new->owner = current;
	*s = new;
	return 0;
}
static int wrongStream(const stream *s) { return wrong(s->owner); }
int cuStreamDestroy_v2(void *s) { return wrongStream(s); }
int cuMemGetInfo_v2(size_t *free, size_t *total) {
	if (wrong(current)) return wrong(current);
	*total = (size_t)1 << 30;
	*free = *total - current->used;
	return 0;
}
int cuMemAlloc_v2(address *a, size_t n) {
	if (wrong(current)) return wrong(current);
	int code = outOfMemory;
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 4096 && code && current->used + n <= (size_t)1 << 30; i++) {
		if (allocations[i].owner) continue;
		*a = (address)malloc(n);
		allocations[i] = (allocation){current, *a, n};
		current->used += n;
		code = 0;
	}
	pthread_mutex_unlock(&mutex);
	return code;
}
int cuMemFree_v2(address a) {
	if (wrong(current)) return wrong(current);
	int code = invalidValue;
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 4096; i++) {
		if (allocations[i].owner != current || allocations[i].from != a) continue;
		current->used -= allocations[i].bytes;
		allocations[i].owner = NULL;
		free((void *)a);
		code = 0;
	}
	pthread_mutex_unlock(&mutex);
	return code;
}
int cuMemsetD8_v2(address a, unsigned char v, size_t n) {
	if (outside(a, n)) return outside(a, n);
	memset((void *)a, v, n);
	return 0;
}
int cuMemcpyHtoD_v2(address dst, const void *src, size_t n) {
	if (outside(dst, n)) return outside(dst, n);
	memcpy((void *)dst, src, n);
	return 0;
}
int cuMemcpyDtoH_v2(void *dst, address src, size_t n) {
	if (outside(src, n)) return outside(src, n);
	memcpy(dst, (void *)src, n);
	return 0;
}
int cuModuleLoadDataEx(void **m, const void *image, unsigned n, int *options, void **values) {
	if (wrong(current)) return wrong(current);
	if (strstr(image, "TOO NEW")) return 222;
	if (!strstr(image, ".version")) {
		for (unsigned i = 0; i < n; i++)
			if (options[i] == 5) strcpy(values[i], "line 1: not PTX"); // CU_JIT_ERROR_LOG_BUFFER
		return 218;
	}
	module *new = malloc(sizeof *new);
	new->owner = current;
	*m = new;
	return 0;
}
int cuModuleGetFunction(void **f, void *m, const char *name) {
	if (wrong(((module *)m)->owner)) return wrong(((module *)m)->owner);
	function *new = calloc(1, sizeof *new);
	new->owner = current;
	strncpy(new->name, name, sizeof new->name - 1);
	*f = new;
	return 0;
}
int cuFuncSetAttribute(void *f, int attribute, int value) {
	if (wrong(((function *)f)->owner)) return wrong(((function *)f)->owner);
	return attribute == 8 && value > 48 << 10 ? 0 : invalidValue;
}
static int perform(const launch *l) {
	if (strcmp(l->f->name, "advance")) return 98;
	if (outside((address)l->pointer, sizeof(int))) return outside((address)l->pointer, sizeof(int));
	*(int *)l->pointer += l->number;
	return 0;
}
int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void *on, void **params, void **extra) {
	(void)shared;
	stream *s = on;
	if (wrongStream(s)) return wrongStream(s);
	if (wrong(((function *)f)->owner)) return wrong(((function *)f)->owner);
	if (gx * gy * gz != 1 || bx * by * bz != 1 || extra) return invalidValue;
	const struct { void *base; int steps; } *advance = params[0];
	launch l = {f, advance->base, advance->steps};
	if (!s->capturing) return perform(&l);
	s->captured.launches[s->captured.count++] = l;
	return 0;
}
int cuStreamBeginCapture_v2(void *on, int mode) {
	stream *s = on;
	if (wrongStream(s)) return wrongStream(s);
	s->captured = (graph){.owner = current};
	s->capturing = 1;
	return mode == 2 ? 0 : invalidValue;
}
static int copy(void **to, const graph *from) {
	*to = malloc(sizeof *from);
	memcpy(*to, from, sizeof *from);
	return 0;
}
int cuStreamEndCapture(void *on, void **g) {
	stream *s = on;
	if (wrongStream(s)) return wrongStream(s);
	s->capturing = 0;
	return copy(g, &s->captured);
}
int cuGraphInstantiateWithFlags(void **exec, void *g, unsigned long long flags) {
	if (wrong(((graph *)g)->owner)) return wrong(((graph *)g)->owner);
	return flags ? invalidValue : copy(exec, g);
}
int cuGraphLaunch(void *exec, void *s) {
	graph *g = exec;
	if (wrongStream(s)) return wrongStream(s);
	if (wrong(g->owner)) return wrong(g->owner);
	for (int i = 0; i < g->count; i++) {
		int code = perform(&g->launches[i]);
		if (code) return code;
	}
	return 0;
}
int cuGraphExecDestroy(void *exec) {
	int code = wrong(((graph *)exec)->owner);
	free(exec);
	return code;
}
int cuGraphDestroy(void *g) { free(g); return 0; }
int cuEventCreate(void **e, unsigned flags) { (void)flags; *e = current; return wrong(current); }
int cuEventDestroy_v2(void *e) { return wrong(e); }
int cuEventRecord(void *e, void *s) { return wrong(e) ? wrong(e) : wrongStream(s); }
int cuEventSynchronize(void *e) { return wrong(e); }
int cuEventElapsedTime(float *ms, void *a, void *b) { *ms = 1.5f; return wrong(a) ? wrong(a) : wrong(b); }
int cuGetErrorString(int code, const char **text) { *text = code == 98 ? "invalid device function" : "an error"; return 0; }
