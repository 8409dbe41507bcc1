#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

enum { notInitialized = 3, noDevice = 100 }; // CUresult

struct entry {
	const char *name;
	void *function;
};
__attribute__((visibility("hidden"))) extern struct entry quantalTable[]; // ends with a null name

__attribute__((visibility("hidden"))) int quantalMissing(void) { return notInitialized; }

static int loaded, result = notInitialized, missing;
static const char *message = "";

int quantalLoaded(void) { return loaded; }
int quantalResult(void) { return result; }
int quantalMissingFunctions(void) { return missing; }
const char *quantalMessage(void) { return message; }

// cuInit is what package cu calls before main. It succeeds always, because cu ends the program if it does not; what really
// happened is kept for those who want to use a GPU.
__attribute__((visibility("hidden"))) int cuInit(unsigned flags) {
	const char *name = getenv("QUANTAL_LIBCUDA");
	void *library = dlopen(name ? name : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		message = dlerror();
		return 0;
	}
	loaded = 1;
	for (struct entry *e = quantalTable; e->name; e++) {
		void *f = dlsym(library, e->name);
		if (f)
			e->function = f;
		else
			missing++;
	}
	int (*init)(unsigned) = (int (*)(unsigned))dlsym(library, "cuInit");
	result = init ? init(flags) : noDevice;
	return 0;
}
