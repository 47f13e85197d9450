/* A PKCS#11 module that is another one (PLAIN_MODULE) without the interfaces of version 3: pkcs11-spy
 * 0.23 would pass on those of version 3.2 as they are, and see nothing. */
#include <dlfcn.h>
#include <stdlib.h>

unsigned long C_GetFunctionList(void **list)
{
    void *module = dlopen(getenv("PLAIN_MODULE"), RTLD_NOW);
    if (!module)
        return 5; /* CKR_GENERAL_ERROR */
    return ((unsigned long (*)(void **))dlsym(module, "C_GetFunctionList"))(list);
}
