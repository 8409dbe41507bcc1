// What libcuda.go asks of table.c.

// quantalStart finds the driver library, fills the table from it and starts it; call it once.
void quantalStart(void);
// How that went: whether there is a library, what the loader said if not, the first NEEDED function that the library
// lacks or null, and the result of its cuInit.
int quantalLoaded(void);
const char *quantalMessage(void), *quantalLacking(void);
CUresult quantalResult(void);
