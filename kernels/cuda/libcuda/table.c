#include "cuda.h"
#include "table.h"
#include <dlfcn.h>
#include <string.h>

struct entry {
	const char *names; // one after the other, the last followed by an empty one
	void *function;
	long long needed;
};
__attribute__((visibility("hidden"))) extern struct entry quantalTable[]; // ends with null names

__attribute__((visibility("hidden"))) CUresult quantalMissing(void) { return CUDA_ERROR_NOT_INITIALIZED; }

static int loaded;
static CUresult result = CUDA_ERROR_NOT_INITIALIZED;
static const char *message = "", *lacking;

int quantalLoaded(void) { return loaded; }
const char *quantalMessage(void) { return message; }
const char *quantalLacking(void) { return lacking; }
CUresult quantalResult(void) { return result; }

// cuInit is what package cu calls before main, and it ends the program if that fails. Nothing is loaded yet: most uses of
// the program need no GPU.
__attribute__((visibility("hidden"))) CUresult cuInit(unsigned flags) {
	(void)flags;
	return CUDA_SUCCESS;
}

void quantalStart(void) {
	const char *name = getenv("QUANTAL_LIBCUDA");
	void *library = dlopen(name ? name : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		message = dlerror();
		return;
	}
	loaded = 1;
	for (struct entry *e = quantalTable; e->names; e++) {
		void *found = NULL;
		for (const char *n = e->names; *n && !found; n += strlen(n) + 1)
			found = dlsym(library, n);
		if (found)
			e->function = found;
		else if (e->needed && !lacking)
			lacking = e->names;
	}
	CUresult (*init)(unsigned) = (CUresult(*)(unsigned))dlsym(library, "cuInit");
	if (!init)
		lacking = "cuInit";
	if (!lacking)
		result = init(0);
}
