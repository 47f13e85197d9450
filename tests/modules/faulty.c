/* A PKCS#11 module whose first function does what a broken one does. Real faults, not simulated
 * ones: the process that loads it does hang, crash or end. */
#include <stdlib.h>
#include <unistd.h>

#ifndef NOT_A_MODULE

struct function_list {
    unsigned char version[2];
    unsigned long (*functions[68])(void);
};

static unsigned long fault(void)
{
#if defined(HANG)
    for (;;)
        pause();
#elif defined(CRASH)
    *(volatile int *)0 = 1;
#elif defined(EXIT)
    _exit(3);
#endif
    return 5; /* CKR_GENERAL_ERROR */
}

#if defined(HANG)
/* A module whose destructor waits for the call that hangs: an orderly exit would never end. */
__attribute__((destructor)) static void wait_for_ever(void)
{
    for (;;)
        pause();
}
#endif

unsigned long C_GetFunctionList(struct function_list **list)
{
    static struct function_list all = {{2, 40}};
    for (int i = 0; i < 68; i++)
        all.functions[i] = fault;
    *list = &all;
    return 0;
}

#endif
