// A driver library without a GPU, for device_test.go: memory is the host's, and of the kernels only advance is known. What is
// captured is done when its graph is launched, not before.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long address;
typedef struct { char name[64]; } function;
typedef struct { function *f; void *pointer; int number; } launch;
typedef struct { int count; launch launches[64]; } graph;

static int capturing;
static graph captured;
static function functions[64];
static int functionCount;
static size_t used;

// note adds a line to the file FAKE_LOG, if there is one.
static void note(const char *what) {
	FILE *f = getenv("FAKE_LOG") ? fopen(getenv("FAKE_LOG"), "a") : NULL;
	if (f) fprintf(f, "%s\n", what), fclose(f);
}
__attribute__((constructor)) static void load(void) { note("loaded"); }

int cuInit(unsigned flags) { note("started"); return flags ? 1 : getenv("FAKE_NO_DEVICE") ? 100 : 0; }
int cuDriverGetVersion(int *v) { *v = 12040; return 0; }
int cuDeviceGetCount(int *n) { *n = 1; return 0; }
int cuDeviceGet(int *d, int ordinal) { *d = ordinal; return 0; }
int cuDeviceGetName(char *name, int n, int d) { (void)d; snprintf(name, n, "Fake"); return 0; }
int cuDeviceTotalMem_v2(size_t *n, int d) { (void)d; *n = (size_t)1 << 30; return 0; }
int cuDeviceGetAttribute(int *v, int attribute, int d) {
	(void)d;
	*v = attribute == 75 ? (getenv("FAKE_OLD") ? 7 : 9) : attribute == 76 ? (getenv("FAKE_OLD") ? 5 : 0) : attribute == 97 ? 227 << 10 : 132;
	return 0;
}
int cuDevicePrimaryCtxRetain(void **ctx, int d) { (void)d; *ctx = &used; return 0; }
int cuDevicePrimaryCtxRelease_v2(int d) { (void)d; return 0; }
int cuCtxSetCurrent(void *ctx) { return ctx == &used ? 0 : 201; }
int cuCtxSynchronize(void) { return 0; }
int cuStreamCreate(void **s, unsigned flags) { (void)flags; *s = &capturing; return 0; }
int cuStreamDestroy_v2(void *s) { return s == &capturing ? 0 : 400; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { *total = (size_t)1 << 30; *free = *total - used; return 0; }
int cuMemAlloc_v2(address *a, size_t n) {
	if (used + n > (size_t)1 << 30) return 2; // out of memory
	size_t *p = malloc(n + 16);
	*p = n;
	used += n;
	*a = (address)(p + 2);
	return 0;
}
int cuMemFree_v2(address a) { size_t *p = (size_t *)a - 2; used -= *p; free(p); return 0; }
int cuMemsetD8_v2(address a, unsigned char v, size_t n) { memset((void *)a, v, n); return 0; }
int cuMemcpyHtoD_v2(address dst, const void *src, size_t n) { memcpy((void *)dst, src, n); return 0; }
int cuMemcpyDtoH_v2(void *dst, address src, size_t n) { memcpy(dst, (void *)src, n); return 0; }
int cuModuleLoadDataEx(void **m, const void *image, unsigned n, int *options, void **values) {
	if (strstr(image, "TOO NEW")) return 222;
	if (!strstr(image, ".version")) {
		for (unsigned i = 0; i < n; i++)
			if (options[i] == 5) strcpy(values[i], "line 1: not PTX"); // CU_JIT_ERROR_LOG_BUFFER
		return 218;
	}
	*m = (void *)image;
	return 0;
}
int cuModuleGetFunction(void **f, void *m, const char *name) {
	(void)m;
	function *new = &functions[functionCount++ % 64];
	strncpy(new->name, name, sizeof new->name - 1);
	*f = new;
	return 0;
}
int cuFuncSetAttribute(void *f, int attribute, int value) { (void)f; return attribute == 8 && value > 48 << 10 ? 0 : 1; }
static int perform(const launch *l) {
	if (strcmp(l->f->name, "advance")) return 98;
	*(int *)l->pointer += l->number;
	return 0;
}
int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                   void *stream, void **params, void **extra) {
	(void)shared;
	if (gx * gy * gz != 1 || bx * by * bz != 1 || stream != &capturing || extra) return 1;
	launch l = {f, *(void **)params[0], *(int *)params[1]};
	if (!capturing) return perform(&l);
	captured.launches[captured.count++] = l;
	return 0;
}
int cuStreamBeginCapture_v2(void *s, int mode) { (void)s; captured.count = 0; capturing = 1; return mode == 2 ? 0 : 1; }
int cuStreamEndCapture(void *s, void **g) {
	(void)s;
	capturing = 0;
	*g = malloc(sizeof captured);
	memcpy(*g, &captured, sizeof captured);
	return 0;
}
int cuGraphInstantiateWithFlags(void **exec, void *g, unsigned long long flags) {
	*exec = malloc(sizeof captured);
	memcpy(*exec, g, sizeof captured);
	return flags ? 1 : 0;
}
int cuGraphLaunch(void *exec, void *s) {
	(void)s;
	graph *g = exec;
	for (int i = 0; i < g->count; i++) {
		int code = perform(&g->launches[i]);
		if (code) return code;
	}
	return 0;
}
int cuGraphExecDestroy(void *exec) { free(exec); return 0; }
int cuGraphDestroy(void *g) { free(g); return 0; }
int cuEventCreate(void **e, unsigned flags) { (void)flags; *e = &captured; return 0; }
int cuEventDestroy_v2(void *e) { (void)e; return 0; }
int cuEventRecord(void *e, void *s) { (void)e; (void)s; return 0; }
int cuEventSynchronize(void *e) { (void)e; return 0; }
int cuEventElapsedTime(float *ms, void *a, void *b) { (void)a; (void)b; *ms = 1.5f; return 0; }
int cuGetErrorString(int code, const char **text) { *text = code == 98 ? "invalid device function" : "an error"; return 0; }
