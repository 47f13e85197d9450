/* A PKCS#11 module that passes everything to a real one, and changes one thing on the way: what a
 * token does that is locked, broken or lies. MEDDLED_MODULE names the real one. The places in the
 * function list are those of CK_FUNCTION_LIST, PKCS#11 v2.40. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong;

struct function_list {
    unsigned char version[2];
    void *functions[68];
};

enum { GET_TOKEN_INFO = 6, GET_ATTRIBUTE_VALUE = 24, SIGN_INIT = 42, SIGN = 43 };

static struct function_list real, ours;

#if defined(FLAGS) || defined(BAD_INFO)
static ulong token_info(ulong slot, unsigned char *info)
{
    ulong answer = ((ulong(*)(ulong, unsigned char *))real.functions[GET_TOKEN_INFO])(slot, info);
    if (answer)
        return answer;
    ulong flags;
    memcpy(&flags, info + 96, sizeof flags);
#if defined(FLAGS)
    flags |= FLAGS;
#else
    /* CKF_CLOCK_ON_TOKEN, and a time that is none: one token whose info does not parse. */
    if (memcmp(info, "second", 6) == 0) {
        flags |= 0x40;
        memset(info + 96 + 11 * sizeof(ulong) + 4, 'x', 16);
    }
#endif
    memcpy(info + 96, &flags, sizeof flags);
    return 0;
}
#endif

#if defined(NO_MECHANISM)
static ulong sign_init(ulong session, ulong *mechanism, ulong key)
{
    if (mechanism[0] == NO_MECHANISM)
        return 0x70; /* CKR_MECHANISM_INVALID */
    return ((ulong(*)(ulong, ulong *, ulong))real.functions[SIGN_INIT])(session, mechanism, key);
}
#endif

#if defined(BAD_SIGNATURE)
static ulong sign(ulong session, void *in, ulong in_length, unsigned char *out, ulong *out_length)
{
    ulong (*call)(ulong, void *, ulong, unsigned char *, ulong *) = real.functions[SIGN];
    ulong answer = call(session, in, in_length, out, out_length);
    if (!answer && out)
        out[*out_length / 2] ^= 1;
    return answer;
}
#endif

#if defined(SLOW)
static ulong attribute_value(ulong session, ulong object, ulong *attributes, ulong count)
{
    usleep(SLOW);
    ulong (*call)(ulong, ulong, ulong *, ulong) = real.functions[GET_ATTRIBUTE_VALUE];
    return call(session, object, attributes, count);
}
#endif

#if defined(NEVER_ASKS)
static ulong attribute_value(ulong session, ulong object, ulong *attributes, ulong count)
{
    ulong (*call)(ulong, ulong, ulong *, ulong) = real.functions[GET_ATTRIBUTE_VALUE];
    ulong answer = call(session, object, attributes, count);
    for (ulong i = 0; i < count; i++)
        if (attributes[3 * i] == 0x202 && attributes[3 * i + 1]) /* CKA_ALWAYS_AUTHENTICATE */
            *(unsigned char *)attributes[3 * i + 1] = 0;
    return answer;
}
#endif

ulong C_GetFunctionList(struct function_list **list)
{
    void *module = dlopen(getenv("MEDDLED_MODULE"), RTLD_NOW);
    struct function_list *theirs;
    if (!module)
        return 5;
    ((ulong(*)(struct function_list **))dlsym(module, "C_GetFunctionList"))(&theirs);
    real = *theirs;
    ours = real;
#if defined(FLAGS) || defined(BAD_INFO)
    ours.functions[GET_TOKEN_INFO] = token_info;
#endif
#if defined(NO_MECHANISM)
    ours.functions[SIGN_INIT] = sign_init;
#endif
#if defined(BAD_SIGNATURE)
    ours.functions[SIGN] = sign;
#endif
#if defined(NEVER_ASKS) || defined(SLOW)
    ours.functions[GET_ATTRIBUTE_VALUE] = attribute_value;
#endif
    *list = &ours;
    return 0;
}
